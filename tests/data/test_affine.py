"""data.affine: small changes of whole batches, each example by its own numbers."""

import numpy as np
import pytest
import tensorflow as tf

from tfvision import ops
from tfvision.data.affine import NUMBERS, small_affine

NONE = {"turn": 0.0, "shear": 0.0, "scale": 0.0, "shift": 0.0}


def images(count=3, side=30, seed=0):
    return np.random.default_rng(seed).random([count, side, side, 1], np.float32)


def numbers(count=3, seed=0):
    return ops.example_uniform(tf.range(count, dtype=tf.int64), NUMBERS, seed=seed)


@pytest.mark.parametrize("size", [30, 15, 10, 6])
def test_without_changes_it_is_the_resizing_that_the_model_does(size):
    found = small_affine(images(), numbers(), size=size, **NONE)
    np.testing.assert_allclose(found, ops.area_resize(images(), (size, size)), atol=1e-5)
    left = small_affine(images(), numbers(), size=size, share=0.0)
    np.testing.assert_allclose(left, found, atol=1e-5)


@pytest.mark.parametrize("quarter", [0, 1, 2, 3])
def test_a_quarter_turn_is_clockwise_on_screen(quarter):
    quarters = tf.fill([3], quarter)
    found = small_affine(images(), numbers(), size=30, quarters=quarters, **NONE)
    np.testing.assert_allclose(found, np.rot90(images(), -quarter, (1, 2)), atol=1e-4)


def test_each_example_has_its_own_quarter():
    found = small_affine(images(), numbers(), size=30, quarters=tf.constant([0, 1, 2]), **NONE)
    for i in range(3):
        np.testing.assert_allclose(found[i], np.rot90(images()[i], -i, (0, 1)), atol=1e-4)


def test_an_example_s_change_depends_on_its_own_numbers_alone():
    whole = small_affine(images(), numbers(), size=10, elastic=1.0)
    part = small_affine(images()[1:2], numbers()[1:2], size=10, elastic=1.0)
    np.testing.assert_allclose(whole[1:2], part, atol=1e-6)
    other = small_affine(images(), numbers(seed=1), size=10, elastic=1.0)
    assert np.abs(whole - other).max() > 0.05


def centre(image):
    """Mean position (x, y) of the ink, px."""
    image = np.asarray(image)[..., 0]
    y, x = np.indices(image.shape)
    return np.array([(image * x).sum(), (image * y).sum()]) / image.sum()


def blob(x, y, side=41):
    rows, columns = np.indices([side, side])
    return np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 4.0).astype(np.float32)[None, ..., None]


def only(place, value):
    """Numbers that ask for one change, at a share 0..1 of its range around the middle."""
    chosen = np.full([1, NUMBERS], 0.5, np.float32)
    chosen[0, place] = value
    return tf.constant(chosen)


@pytest.mark.parametrize("value", [0.0, 0.75, 1.0])
def test_ranges_are_what_they_are_called(value):
    amount = 2 * value - 1
    angle = 0.3 * amount
    turned = small_affine(blob(30, 20), only(0, value), size=41, turn=0.3)[0]
    expected = np.array([20 + 10 * np.cos(angle), 20 - 10 * np.sin(angle)])
    np.testing.assert_allclose(centre(turned), expected, atol=0.1)
    moved = small_affine(blob(20, 20), only(4, value), size=41, shift=3.0)[0]
    np.testing.assert_allclose(centre(moved), [20 - 3 * amount, 20], atol=0.05)
    wide = small_affine(blob(30, 20), only(2, value), size=41, scale=0.2)[0]
    np.testing.assert_allclose(centre(wide), [20 + 10 / (1 + 0.2 * amount), 20], atol=0.2)


def test_elastic_displacements_have_the_standard_deviation_that_was_asked_for():
    ramp = np.broadcast_to(np.arange(64, dtype=np.float32)[None, None, :, None], [200, 64, 64, 1])
    found = small_affine(ramp, numbers(200), size=64, elastic=2.0, **NONE).numpy()[..., 0]
    corner = found[:, 20:44, 20:44] - np.arange(20, 44)
    knots = found[:, 21, 21] - 21  # At a knot of the 4 x 4 grid.
    assert 1.7 < knots.std() < 2.3 and abs(corner.mean()) < 0.2


def test_outside_there_is_no_ink():
    found = small_affine(np.ones([1, 20, 20, 1], np.float32), only(4, 1.0), size=20, shift=5.0)
    assert not np.any(found[0, :, -5:]) and np.all(found[0, 1:-1, 1:14] > 0.99)
