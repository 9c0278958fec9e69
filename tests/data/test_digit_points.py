"""data.digit_points: bright pixels are points, as many as are asked for."""

import numpy as np

from tfvision.data.digit_points import digit_points


def image(*pixels, value=255):
    found = np.zeros([1, 28, 28, 1], np.uint8)
    for y, x in pixels:
        found[0, y, x] = value
    return found


def test_points_are_the_bright_pixels_and_the_last_one_again():
    points = digit_points(image((2, 5), (2, 9), (6, 5)), 6)[0]
    assert points.dtype == np.float32 and points.shape == (6, 2)
    scale = 8**0.5
    expected = np.array([(-2, -2), (2, -2), (-2, 2)] + [(-2, 2)] * 3) / scale
    np.testing.assert_allclose(points, expected, atol=1e-6)


def test_the_threshold_itself_is_paper():
    both = image((2, 5)) + image((2, 9), value=128) + image((9, 9), value=129)
    assert len(np.unique(digit_points(both, 8)[0], axis=0)) == 2


def test_too_many_pixels_are_thinned_without_repetition():
    full = np.full([1, 28, 28, 1], 255, np.uint8)
    points = digit_points(full, 256)[0]
    assert len(np.unique(points, axis=0)) == 256
    np.testing.assert_array_equal(points, digit_points(full, 256)[0])


def test_images_of_all_kinds_go_together_and_an_empty_one_is_its_middle():
    many = np.concatenate([image(), image((3, 3)), np.full([1, 28, 28, 1], 255, np.uint8)])
    points = digit_points(many, 10)
    np.testing.assert_array_equal(points[:2], np.zeros([2, 10, 2]))
    assert np.isfinite(points).all() and np.abs(points[2]).max() <= 1
