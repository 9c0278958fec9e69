"""Overlaps of boxes in NumPy, float64, as Pascal VOC and COCO compute them."""

import numpy as np


def ious(a, b):
    """Intersection over union of every box of a with every one of b: float64 [n, m].

    a, b    [n, 4] and [m, 4], (x1, y1, x2, y2), continuous edges; 0 where the union is empty
    """
    inner, area_a, area_b = _areas(a, b)
    union = area_a[:, None] + area_b - inner
    return inner / np.where(union > 0, union, 1)


def _areas(a, b):
    """Areas of the intersections [n, m], of a [n] and of b [m]."""
    a, b = (np.reshape(np.asarray(boxes, np.float64), [-1, 4]) for boxes in (a, b))
    low = np.maximum(a[:, None, :2], b[:, :2])
    high = np.minimum(a[:, None, 2:], b[:, 2:])
    inner = np.prod(np.maximum(high - low, 0), -1)
    return inner, *(np.prod(np.maximum(x[:, 2:] - x[:, :2], 0), 1) for x in (a, b))
