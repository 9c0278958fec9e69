"""Ridge regression from sums: rows come in parts and are not kept."""

import numpy as np


class Ridge:
    """W, b that minimise sum |x W + b - y|^2 + penalty |W|^2; b is not punished.

    d, k  numbers of a row of x, and of y
    """

    def __init__(self, d, k):
        self.count, self.x, self.y = 0, np.zeros(d), np.zeros(k)
        self.xx, self.xy = np.zeros([d, d]), np.zeros([d, k])

    def add(self, x, y):
        """More rows: float [n, d] and float [n, k]."""
        x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
        self.count += len(x)
        self.x += x.sum(0)
        self.y += y.sum(0)
        self.xx += x.T @ x
        self.xy += x.T @ y

    def solve(self, penalty):
        """W float64 [d, k] and b [k]; zeros where there were no rows."""
        x, y = (total / max(self.count, 1) for total in (self.x, self.y))
        spread = self.xx - self.count * np.outer(x, x) + penalty * np.eye(len(x))
        weights = np.linalg.solve(spread, self.xy - self.count * np.outer(x, y))
        return weights, y - x @ weights
