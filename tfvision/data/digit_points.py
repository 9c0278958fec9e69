"""Digits as sets of points in the plane: the bright pixels (Qi et al., CVPR 2017, supplement)."""

import numpy as np

THRESHOLD = 128


def digit_points(image, count=256, *, threshold=THRESHOLD, seed=0):
    """The bright pixels of each image as points.

    Of an image with more bright pixels than `count`, that many are drawn at random; one with fewer
    has its last point repeated, which no maximum over points can tell. An image without a bright
    pixel is its middle.

    image      uint8 [n, h, w, 1], bright ink
    threshold  pixels over it are ink
    return     float32 [n, count, 2], (x, y) with y down, in the unit circle
    """
    n, h, w = image.shape[:3]
    row, y, x = np.nonzero(image[..., 0] > threshold)
    ends = np.searchsorted(row, np.arange(n + 1))
    points = np.zeros([n, count, 2], np.float32)
    random = np.random.default_rng(seed)
    for i, (first, last) in enumerate(zip(ends, ends[1:], strict=False)):
        if first == last:
            continue
        places = np.arange(first, last)
        if last - first > count:
            places = np.sort(random.choice(places, count, replace=False))
        places = np.minimum(np.arange(count), len(places) - 1) + places[0] \
            if last - first <= count else places
        points[i] = np.stack([x[places], y[places]], 1)
    return _unit_circle(points)


def _unit_circle(points):
    """As surfaces.unit_sphere, of each set."""
    centred = points - (points.min(1, keepdims=True) + points.max(1, keepdims=True)) / 2
    far = np.sqrt((centred**2).sum(-1).max(1))
    return centred / np.maximum(far, 1e-6)[:, None, None]
