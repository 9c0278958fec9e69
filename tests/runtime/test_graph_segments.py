"""Segments by a graph of pixels."""

import numpy as np
import pytest

from tfvision.runtime.graph_segments import graph_segments


def slow(image, scale, smallest):
    """Section 3.2 of the paper to the letter, for the 8-neighbourhood."""
    h, w = image.shape[:2]
    label = np.arange(h * w).reshape(h, w)
    edges = []
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        for y in range(h - dy):
            for x in range(max(-dx, 0), w - max(dx, 0)):
                a, b = (y, x), (y + dy, x + dx)
                apart = np.linalg.norm(np.float32(image[a]) - np.float32(image[b]))
                edges.append((np.float32(apart), a, b))
    edges.sort(key=lambda edge: edge[0])
    inner = np.zeros(h * w)
    for weight, a, b in edges:
        i, j = label[a], label[b]
        room = min(inner[k] + scale / (label == k).sum() for k in (i, j))
        if i != j and weight <= room:
            label[label == j] = i
            inner[i] = weight
    for _, a, b in edges:
        i, j = label[a], label[b]
        if i != j and min((label == i).sum(), (label == j).sum()) < smallest:
            label[label == j] = i
    return label


def same_parts(a, b):
    pairs = np.unique(np.stack([a.ravel(), b.ravel()], 1), axis=0)
    return len(pairs) == len(np.unique(a)) == len(np.unique(b))


@pytest.mark.parametrize("seed", range(20))
def test_it_is_the_papers_algorithm(seed):
    image = np.random.default_rng(seed).integers(0, 256, [9, 11, 3])  # No two weights are equal.
    found = graph_segments(image, scale=60 * seed, smallest=1 + seed % 4, sigma=0)
    assert same_parts(found, slow(image, 60 * seed, 1 + seed % 4))


def test_flat_parts_are_segments():
    image = np.zeros([20, 30, 3], np.uint8)
    image[5:12, 8:20] = 200
    found = graph_segments(image, scale=100, smallest=10, sigma=0)
    assert found.dtype == np.int32 and found.max() == 1
    np.testing.assert_array_equal(found == 1, image[..., 0] == 200)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 20, 3), (20, 1, 1), (2, 2, 3)])
def test_small_images_have_segments(shape):
    found = graph_segments(np.zeros(shape, np.uint8), scale=50, smallest=50)
    assert found.shape == shape[:2] and not found.any()


def test_no_segment_is_smaller_than_asked_for():
    image = np.random.default_rng(0).integers(0, 256, [40, 50, 3], np.uint8)
    found = graph_segments(image, scale=20, smallest=25)
    assert np.bincount(found.ravel()).min() >= 25
