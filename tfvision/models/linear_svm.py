"""Linear support vector machines, and the search for the negatives that they are made of."""

import numpy as np

SMOOTH = (0.5, 0.1, 0.02)  # Half widths of the parabola at the hinge; one solution starts the next.


def fit(x, positive, *, cost=1e-3, positive_weight=2.0, bias=10.0, start=None):
    """The weights w, b that minimise |w|^2 / 2 + (b / bias)^2 / 2 + sum c max(0, 1 - y (w x + b)).

    That is LIBLINEAR's problem with a hinge, y being 1 or -1; the corner of the hinge is a parabola
    0.04 wide, so that Newton's method ends after some steps (Chapelle, 2007).

    x         float [n, d]
    positive  bool [n]
    cost      c of negatives; that of positives is positive_weight times as much
    bias      what is put behind each x as a further number, so that b is punished little
    start     (w, b) to begin with
    return    w float64 [d], b float
    """
    y = np.where(positive, 1.0, -1.0)
    z = np.concatenate([x, np.full([len(x), 1], bias)], 1) * y[:, None]
    price = cost * np.where(positive, positive_weight, 1.0)
    w = np.zeros(z.shape[1]) if start is None else np.append(start[0], start[1] / bias)
    for smooth in SMOOTH:
        w = _newton(z, price, w, smooth)
    return w[:-1], float(w[-1] * bias)


def _newton(z, price, w, smooth, most=100):
    """Newton's method with steps that are halved until they help."""
    value = _value(z @ w, price, w, smooth)
    for _ in range(most):
        short = 1 - z @ w  # Of the margin.
        slope = price * np.clip((short + smooth) / (2 * smooth), 0, 1)
        gradient = w - z.T @ slope
        if np.abs(gradient).max() <= 1e-7 * (1 + np.abs(w).max()):
            break
        bent = np.abs(short) < smooth
        curvature = (z[bent].T * (price[bent] / (2 * smooth))) @ z[bent]
        step = np.linalg.solve(curvature + np.eye(len(w)), gradient)
        size, decrease = 1.0, gradient @ step
        while (new := _value(z @ (w - size * step), price, w - size * step, smooth)) > (
            value - 1e-4 * size * decrease
        ) and size > 1e-6:
            size /= 2
        if new >= value:
            break  # The last digits.
        w, value = w - size * step, new
    return w


def _value(margin, price, w, smooth):
    short = 1 - margin
    rounded = np.clip(short + smooth, 0, 2 * smooth) ** 2 / (4 * smooth)
    return w @ w / 2 + price @ (rounded + np.maximum(short - smooth, 0))


class HardNegatives:
    """The machine of one class, fed with negatives image after image (R-CNN, section 2.3).

    Kept are those negatives that the machine of the moment does not put clearly on their side.
    Whenever `retrain` of them are new, it is fitted again, and those that have become easy go.

    positives  float [n, d]
    options    of `fit`
    """

    HARD, EASY = -1.0001, -1.2  # Scores above which a negative is taken, below which it goes.

    def __init__(self, positives, *, retrain=2000, **options):
        self.positives, self.retrain, self.options = positives, retrain, options
        self.negatives, self.fresh = positives[:0], 0
        self.weights = np.zeros(positives.shape[1]), 0.0

    def score(self, x):
        """float [n] from float [n, d]: what the machine of the moment says."""
        return x @ self.weights[0] + self.weights[1]

    def look(self, x):
        """Takes the hard ones of an image's negatives [n, d]."""
        hard = x[self.score(x) > self.HARD]
        self.negatives = np.concatenate([self.negatives, hard])
        self.fresh += len(hard)
        if self.fresh >= self.retrain:
            self.fit()

    def fit(self):
        """Fits the machine to all that is kept, then lets the easy ones go; returns w, b.

        Without positives nothing is of the class: the score is -10 everywhere.
        """
        self.fresh = 0
        if not len(self.positives):
            self.weights = np.zeros(self.positives.shape[1]), -10.0
            return self.weights
        x = np.concatenate([self.positives, self.negatives]).astype(np.float64)
        positive = np.arange(len(x)) < len(self.positives)
        self.weights = fit(x, positive, start=self.weights, **self.options)
        self.negatives = self.negatives[self.score(self.negatives) >= self.EASY]
        return self.weights
