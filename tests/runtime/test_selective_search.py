"""Boxes from regions that grow together."""

import numpy as np
import pytest

from tfvision.runtime import selective_search as search


@pytest.fixture(scope="module")
def scene():
    """Two discs and a frame on noise, uint8 [120, 160, 3], and their boxes."""
    y, x = np.indices([120, 160])
    image = np.random.default_rng(0).integers(90, 110, [120, 160, 3], np.uint8)
    image[(x - 40) ** 2 + (y - 50) ** 2 < 20**2] = [200, 40, 40]
    image[(x - 115) ** 2 + (y - 70) ** 2 < 30**2] = [40, 60, 190]
    return image, np.array([[20, 30, 60, 70], [85, 40, 145, 100]])


def overlap(a, b):
    low, high = np.maximum(a[:2], b[:, :2]), np.minimum(a[2:], b[:, 2:])
    both = np.clip(high - low, 0, None).prod(-1)
    return both / ((a[2:] - a[:2]).prod() + (b[:, 2:] - b[:, :2]).prod(-1) - both)


def test_objects_have_boxes(scene):
    image, objects = scene
    boxes = search.selective_search(image)
    assert boxes.dtype == np.float32 and boxes.ndim == 2
    for box in objects:
        assert overlap(box, boxes).max() > 0.85
    assert (boxes >= 0).all() and (boxes <= [160, 120, 160, 120]).all()
    assert len(np.unique(boxes, axis=0)) == len(boxes)


def test_the_seed_decides(scene):
    image, _ = scene
    first, again, other = (search.selective_search(image, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert first.shape == other.shape and (first != other).any()
    np.testing.assert_array_equal(search.selective_search(image, seed=1, count=5), first[:5])


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 20, 3), (20, 1, 3), (4, 80, 3), (30, 20, 1),
                                   (30, 20, 4), (30, 20)])
def test_odd_images_do_not_break_it(shape):
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    boxes = search.selective_search(image)
    assert len(boxes) >= 1 and (boxes[:, 2:] > boxes[:, :2]).all()


@pytest.mark.parametrize("image", [np.zeros([5, 5, 2], np.uint8), np.zeros([5, 5, 3]),
                                   np.zeros([0, 5, 3], np.uint8)])
def test_what_is_no_image_is_refused(image):
    with pytest.raises(ValueError, match="Expected image uint8"):
        search.selective_search(image)


def test_an_unknown_mode_is_refused(scene):
    with pytest.raises(ValueError, match="'fast' or 'quality'"):
        search.selective_search(scene[0], mode="best")


def test_what_is_known_of_a_joined_region_is_what_its_pixels_say(scene):
    image = search.in_colours(scene[0], "lab")
    texture = search.directions(image)
    segments = search.graph_segments(image, scale=50, smallest=50)
    regions = search.described(segments, image, texture)
    whole = {k: np.concatenate([regions[k], 0 * regions[k]]) for k in regions if k != "pairs"}
    a, b = regions["pairs"][0]
    n = len(regions["size"])
    search.merge(whole, [set() for _ in range(2 * n)], a, b, n)
    joined = np.where(segments == b, a, segments)
    numbers = np.unique(joined, return_inverse=True)[1].reshape(joined.shape)
    truth = search.described(numbers, image, texture)
    row = numbers[segments == a][0]
    for key in ("size", "box", "colour", "texture"):
        np.testing.assert_allclose(whole[key][n], truth[key][row], rtol=1e-5)


def test_alike_regions_are_joined_first():
    segments = np.repeat(np.arange(4), 10)[None].repeat(10, 0)
    image = np.repeat(np.uint8([10, 250, 247, 20]), 10)[None, :, None].repeat(10, 0)
    regions = search.described(segments, image, search.directions(image))
    boxes = search.grouped(regions, (1, 0, 0, 0), segments.size)
    assert boxes[4].tolist() == [10, 0, 30, 10]  # The two bright ones.
    assert boxes[-1].tolist() == [0, 0, 40, 10] and len(boxes) == 7
