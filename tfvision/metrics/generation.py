"""How good samples are: their distance from real images, the classes they cover, copies."""

import numpy as np

SHARE = 0.04  # Of all samples: a class with less of them counts as missing.


def grade(features, probabilities, reference):
    """The grades of samples by a classifier: a dict of numbers, "n" among them.

    A Frechet distance depends on the number of samples (it falls with n): compare equal n only.

    features       float [n, d] of the samples, as the classifier sees them
    probabilities  float [n, k] of its classes
    reference      float [m, d], features of real images
    return         frechet_distance; modes, the number of classes with a share of at least SHARE;
                   smallest_share of a class, 0..1/k; confidence, the mean of the highest
                   probability, 0..1; n
    """
    shares = class_shares(probabilities)
    return {
        "frechet_distance": frechet_distance(features, reference),
        "modes": count_modes(shares),
        "smallest_share": float(shares.min()),
        "confidence": float(np.asarray(probabilities).max(1).mean()),
        "n": len(features),
    }


def frechet_distance(a, b):
    """Frechet distance (squared) between normal distributions fitted to two sets of features.

    Computed in float64, and finite where covariances are singular (Heusel et al., 2017, eq. 6).

    a, b     float [n, d] and [m, d], n and m >= 2
    return   >= 0; 0 for equal means and covariances
    raises   ValueError for other shapes and for numbers that are not finite
    """
    a, b = (_checked(features, name) for features, name in ((a, "a"), (b, "b")))
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"Expected as many features. Received: a={a.shape}, b={b.shape}")
    return frechet_of_normals(a.mean(0), _covariance(a), b.mean(0), _covariance(b))


def frechet_of_normals(mean_a, covariance_a, mean_b, covariance_b):
    """|mean_a - mean_b|^2 + tr(A + B - 2 (A B)^(1/2)): the squared distance of two normals.

    mean_a, mean_b              float [d]
    covariance_a, covariance_b  float [d, d], symmetric, no eigenvalue below 0
    """
    mean_a, mean_b = np.asarray(mean_a, np.float64), np.asarray(mean_b, np.float64)
    root = _root(np.asarray(covariance_a, np.float64))
    inner = root @ np.asarray(covariance_b, np.float64) @ root  # Has the eigenvalues of A B.
    values = np.linalg.eigvalsh((inner + inner.T) / 2)
    overlap = np.sqrt(np.clip(values, 0, None)).sum()
    spread = np.trace(covariance_a) + np.trace(covariance_b) - 2 * overlap
    return max(float(np.sum((mean_a - mean_b) ** 2) + spread), 0.0)


def class_shares(probabilities):
    """Share of the samples whose most probable class it is, for each class: float64 [k]."""
    probabilities = _checked(probabilities, "probabilities")
    counts = np.bincount(probabilities.argmax(1), minlength=probabilities.shape[1])
    return counts / len(probabilities)


def count_modes(shares, *, least=SHARE):
    """How many classes have a share of at least `least`."""
    return int(np.sum(np.asarray(shares) >= least))


def nearest_ratio(samples, train, heldout):
    """Whether samples are copies: their distance to the training set beside unseen images'.

    samples, train, heldout  float [n, d], features or pixels; n may differ
    return   median distance of a sample to the nearest training example, divided by the same of
             held-out examples: about 1 where samples are as new as those, 0 for copies
    """
    ours, theirs = (np.median(nearest_distances(x, train)) for x in (samples, heldout))
    return float(ours / max(theirs, 1e-12))


def nearest_distances(x, y, *, block=500):
    """Distance of each row of x [n, d] to the nearest row of y [m, d]: float64 [n]."""
    centre = np.mean(y, 0, np.float64)  # |x|^2 - 2 x.y + |y|^2 needs small numbers.
    x, y = ((rows - centre).astype(np.float32) for rows in (x, y))
    squares = np.sum(y**2, 1)
    best = [np.argmin(squares - 2 * x[i : i + block] @ y.T, 1) for i in range(0, len(x), block)]
    nearest = y[np.concatenate(best)]
    return np.linalg.norm(x.astype(np.float64) - nearest, axis=1)


def shuffle_pixels(images, *, seed=0):
    """The images, the pixels of each in a random order of its own: a control for every grade.

    images   [n, h, w, c]; the channels of a pixel stay together
    """
    n, h, w, c = images.shape
    pixels = images.reshape(n, h * w, c)
    order = np.random.default_rng(seed).permuted(np.tile(np.arange(h * w), (n, 1)), axis=1)
    return np.take_along_axis(pixels, order[..., np.newaxis], 1).reshape(images.shape)


def _covariance(features):
    centred = features - features.mean(0)
    return centred.T @ centred / (len(features) - 1)


def _root(matrix):
    """The symmetric square root of a symmetric matrix; eigenvalues below 0 count as 0."""
    values, vectors = np.linalg.eigh(matrix)
    return vectors * np.sqrt(np.clip(values, 0, None)) @ vectors.T


def _checked(rows, name):
    """The rows as float64 [n, d] with n >= 2."""
    rows = np.asarray(rows, np.float64)
    if rows.ndim != 2 or len(rows) < 2 or not np.isfinite(rows).all():
        finite = bool(np.isfinite(rows).all())
        raise ValueError(
            "Expected finite numbers [n, d] with n >= 2. "
            f"Received: {name} of shape {rows.shape}, finite={finite}"
        )
    return rows
