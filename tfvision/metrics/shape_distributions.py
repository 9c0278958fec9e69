"""Shapes told apart without learning: distances between random points of each (Osada, 2002)."""

import numpy as np


def d2(points, *, bins=64, pairs=4096, seed=0):
    """The histogram of distances between random pairs of points, in units of their mean.

    It is the same however a shape is turned, moved or scaled.

    points   float [n, p, d]
    return   float64 [n, bins], each row adds up to 1; distances over 3 means are in the last bin
    """
    random = np.random.default_rng(seed)
    i, j = random.integers(0, points.shape[1], [2, pairs])
    found = []
    for own in points:
        distance = np.linalg.norm(own[i] - own[j], axis=1)
        places = distance / max(distance.mean(), 1e-12) * (bins / 3)
        found.append(np.bincount(np.minimum(places.astype(int), bins - 1), minlength=bins))
    return np.array(found, float) / pairs


def nearest_label(known, labels, unknown):
    """The label of the nearest known row, by the sum of absolute differences: int [m].

    known    float [n, d]
    labels   int [n]
    unknown  float [m, d]
    """
    far = [np.abs(known - row).sum(1) for row in unknown]
    return np.asarray(labels)[np.argmin(far, 1)]
