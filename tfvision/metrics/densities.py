"""Densities of images without a network: what a generative model must beat, in the same nats."""

import numpy as np


def independent_bernoulli(train, x):
    """-log p(x) where every pixel is ink with its own probability: float64 [n].

    train   float [m, ...], 0..1: the data, or its probabilities of ink
    x       float [n, ...], 0 or 1
    """
    ink = (flat(train).sum(0) + 0.5) / (len(train) + 1)  # Never 0 or 1.
    x = flat(x)
    return -(x @ np.log(ink) + (1 - x) @ np.log1p(-ink))


def independent_gaussian(train, x):
    """-log N(x; mean, sigma^2 I) with the mean image and one best sigma: float64 [n]."""
    train, x = flat(train), flat(x)
    mean = train.mean(0)
    variance = np.mean((train - mean) ** 2)
    far = np.sum((x - mean) ** 2, 1)
    return 0.5 * (far / variance + x.shape[1] * np.log(2 * np.pi * variance))


def probabilistic_pca(train, x, size):
    """-log p(x) of the best linear decoder with Gaussian pixels: float64 [n].

    x = W z + mean + sigma epsilon with `size` numbers z from N(0, I); its maximum likelihood is
    known in closed form (Tipping and Bishop, 1999, eq. 7 and 8), and log p(x) is exact.

    train   float [m, ...]
    size    0..d-1, where d is the number of pixels
    """
    train, x = flat(train), flat(x)
    mean = train.mean(0)
    values, vectors = np.linalg.eigh(np.cov(train.T, bias=True))
    values, vectors = values[::-1], vectors[:, ::-1]
    rest = values[size:].mean()  # sigma^2
    inside = (x - mean) @ vectors[:, :size]
    outside = np.sum((x - mean) ** 2, 1) - np.sum(inside**2, 1)
    far = np.sum(inside**2 / values[:size], 1) + outside / rest
    log_determinant = np.log(values[:size]).sum() + (x.shape[1] - size) * np.log(rest)
    return 0.5 * (far + log_determinant + x.shape[1] * np.log(2 * np.pi))


def flat(images):
    """float64 [n, pixels]."""
    return np.asarray(images, np.float64).reshape(len(images), -1)
