"""The best linear map from corrupted images to clean ones: what a denoising network must beat."""

import numpy as np


def linear_filter(seen, clean):
    """The least squares solution of clean = mean + (seen - mean of seen) @ weights.

    seen, clean  float [n, ...], rows that belong together
    return       weights float64 [d, d], offset float64 [d], for `apply`
    """
    x, y = flat(seen), flat(clean)
    mean, target = x.mean(0), y.mean(0)
    within = x.T @ x / len(x) - np.outer(mean, mean)
    across = x.T @ y / len(x) - np.outer(mean, target)
    weights = np.linalg.pinv(within, rcond=1e-9, hermitian=True) @ across
    return weights, target - mean @ weights


def apply(x, weights, offset):
    """The filtered images: float64, in the shape of x."""
    return (flat(x) @ weights + offset).reshape(np.shape(x))


def flat(x):
    """float64 [n, d]."""
    return np.asarray(x, np.float64).reshape(len(x), -1)
