"""Segments of an image by a graph of pixels (Felzenszwalb and Huttenlocher, IJCV 2004)."""

import cv2
import numpy as np

PARTS = 24  # Portions of the edges; what a portion has inside segments drops out at once.


def graph_segments(image, *, scale, smallest, sigma=0.8):
    """Connected segments, between which the image changes more than within them.

    Two segments become one where the edge between them weighs no more than either's heaviest inner
    edge plus scale / size (eq. 4). Edges join a pixel with its eight neighbours and weigh the
    distance of their colours. Then segments of fewer than `smallest` pixels join a neighbour.

    image     uint8 or float [h, w, c], about 0..255
    scale     the larger, the larger the segments (the paper's k)
    smallest  px
    sigma     of the Gaussian that smooths the image first, px; 0: none
    return    int32 [h, w], numbers 0..n-1 in the order of their first pixels
    """
    h, w = image.shape[:2]
    smooth = image.astype(np.float32).reshape(h, w, -1)
    if sigma:
        smooth = cv2.GaussianBlur(smooth, (0, 0), sigma).reshape(h, w, -1)
    a, b, weight = _edges(smooth)
    parent = _joined(a, b, weight, h * w, scale, smallest)
    _, first, number = np.unique(_roots(parent, np.arange(h * w)), return_index=True,
                                 return_inverse=True)
    return np.argsort(np.argsort(first))[number].astype(np.int32).reshape(h, w)


def _edges(image):
    """Both pixels and the weight of each edge of the 8-neighbourhood, lightest first."""
    h, w = image.shape[:2]
    pixel = np.arange(h * w).reshape(h, w)
    found = []
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        here = np.s_[: h - dy, max(-dx, 0) : w - max(dx, 0)]
        there = np.s_[dy:, max(dx, 0) : w - max(-dx, 0)]
        apart = np.linalg.norm(image[here] - image[there], axis=-1)
        found.append((pixel[here].ravel(), pixel[there].ravel(), apart.ravel()))
    a, b, weight = (np.concatenate(part) for part in zip(*found, strict=True))
    order = np.argsort(weight, kind="stable")
    return a[order], b[order], weight[order]


def _joined(a, b, weight, pixels, scale, smallest):
    """The parent of each pixel in a forest whose trees are the segments."""
    parent, size = list(range(pixels)), [1] * pixels
    limit = [float(scale)] * pixels  # The weight up to which a segment joins another.
    last = []
    for part in np.array_split(np.arange(len(a)), PARTS):
        for i, j, w in _outer(parent, a[part], b[part], weight[part]):
            i, j = _root(parent, i), _root(parent, j)
            if i == j:
                continue
            if w <= limit[i] and w <= limit[j]:
                i = _join(parent, size, i, j)
                limit[i] = w + scale / size[i]
            else:
                last.append((i, j))
    for i, j in last:
        i, j = _root(parent, i), _root(parent, j)
        if i != j and min(size[i], size[j]) < smallest:
            _join(parent, size, i, j)
    return np.array(parent)


def _outer(parent, a, b, weight):
    """The edges between different segments, as those are now."""
    parents = np.array(parent)
    a, b = _roots(parents, a), _roots(parents, b)
    outer = a != b
    return zip(a[outer].tolist(), b[outer].tolist(), weight[outer].tolist(), strict=True)


def _roots(parent, nodes):
    nodes = parent[nodes]
    while (parent[nodes] != nodes).any():
        nodes = parent[nodes]
    return nodes


def _root(parent, node):
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


def _join(parent, size, i, j):
    """The larger of two trees takes the other; returns its root."""
    i, j = (i, j) if size[i] >= size[j] else (j, i)
    parent[j] = i
    size[i] += size[j]
    return i
