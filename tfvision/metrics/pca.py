"""Principal component analysis: the best linear code, which an autoencoder must be held against."""

import numpy as np


def components(x, size):
    """The mean and the directions of largest variance (Pearson, 1901).

    x        float [n, ...], n >= 1
    size     how many directions; there are no more than n and the numbers of a row
    return   mean float64 [d], directions float64 [k, d] of length 1, largest variance first
    """
    x = flat(x)
    mean = x.mean(0)
    x = x - mean
    n, d = x.shape
    if n >= d:
        _, vectors = np.linalg.eigh(x.T @ x)
        return mean, vectors.T[::-1][:size]
    values, vectors = np.linalg.eigh(x @ x.T)  # The smaller matrix has the same eigenvalues.
    found = values[::-1] > values[-1] * d * np.finfo(float).eps
    rows = vectors.T[::-1][found][:size] @ x
    return mean, rows / np.linalg.norm(rows, axis=1, keepdims=True)


def project(x, mean, directions):
    """The nearest points to x in the plane through `mean`: float64, in the shape of x."""
    found = (flat(x) - mean) @ directions.T @ directions + mean
    return found.reshape(np.shape(x))


def flat(x):
    """float64 [n, d]."""
    return np.asarray(x, np.float64).reshape(len(x), -1)
