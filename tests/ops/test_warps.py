"""Warps of whole images: directions, known places, and what stays where it is."""

import numpy as np
import pytest
import tensorflow as tf

from tfvision import ops

RANDOM = np.random.default_rng(0)
IMAGE = RANDOM.random([2, 5, 6, 3], np.float32)


def flow(x, y, shape=(2, 5, 6)):
    return np.broadcast_to(np.float32([x, y]), [*shape, 2])


def test_a_constant_flow_moves_things_by_it():
    moved = ops.dense_image_warp(IMAGE, flow(2, 1)).numpy()
    np.testing.assert_array_equal(moved[:, 1:, 2:], IMAGE[:, :-1, :-2])
    np.testing.assert_array_equal(moved[:, 0, 0], IMAGE[:, 0, 0])  # The border repeats.
    zeros = ops.dense_image_warp(IMAGE, flow(2, 1), padding="zeros").numpy()
    assert not zeros[:, 0].any() and not zeros[:, :, :2].any()


def test_no_flow_returns_the_image_also_of_one_row():
    for image in (IMAGE, IMAGE[:, :1], IMAGE[:, :1, :1]):
        still = flow(0, 0, image.shape[:3])
        np.testing.assert_array_equal(ops.dense_image_warp(image, still), image)


def test_the_gradient_to_the_flow_equals_finite_differences():
    field = tf.constant(RANDOM.uniform(-3, 3, [1, 3, 4, 2]))
    image = tf.constant(RANDOM.random([1, 3, 4, 2]))
    warp = tf.function(ops.dense_image_warp, autograph=False)
    theory, numeric = tf.test.compute_gradient(warp, [image, field], delta=1e-6)
    for a, b in zip(theory, numeric, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-7)


def test_control_points_carry_the_flow_that_they_were_given():
    source = np.float64([[[1, 1], [4, 1], [2, 3]], [[0, 0], [5, 4], [3, 1]]])
    destination = source + RANDOM.integers(-1, 2, source.shape)
    image, found = ops.sparse_image_warp(IMAGE, source, destination)
    x, y = destination[..., 0].astype(int), destination[..., 1].astype(int)
    for i in range(2):
        for k in range(3):
            if 0 <= x[i, k] < 6 and 0 <= y[i, k] < 5:
                np.testing.assert_allclose(
                    found[i, y[i, k], x[i, k]], (destination - source)[i, k], atol=1e-9
                )
                sx, sy = source[i, k].astype(int)
                np.testing.assert_allclose(image[i, y[i, k], x[i, k]], IMAGE[i, sy, sx], atol=1e-6)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_boundary_points_stay(count):
    inside = np.float32([[[2, 2]]] * 2)
    _, found = ops.sparse_image_warp(IMAGE, inside, inside + 1, boundary_points=count)
    x, y = np.round(np.linspace(0, 5, count + 1)), np.round(np.linspace(0, 4, count + 1))
    corners = found.numpy()[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    np.testing.assert_allclose(corners, 0, atol=1e-5)
    np.testing.assert_allclose(found[:, 3, 3], 1, atol=1e-5)
    if count == 2:  # 2.5 is no pixel, but 2 of the rows is.
        np.testing.assert_allclose(found.numpy()[:, 2, [0, -1]], 0, atol=1e-5)
    assert len(x) == len(y) == count + 1


def test_a_control_point_on_the_boundary_counts_more_than_the_boundary():
    corner = np.float32([[[0, 0], [3, 2]]])
    _, found = ops.sparse_image_warp(
        IMAGE[:1], corner - [[1, 0]], corner, boundary_points=2
    )
    np.testing.assert_allclose(found.numpy()[0, [0, 2], [0, 3]], [[1, 0], [1, 0]], atol=1e-5)
    np.testing.assert_allclose(found[0, -1, -1], [0, 0], atol=1e-5)


def test_boundary_points_need_the_size_of_the_image():
    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3])])
    def warp(image):
        points = np.float32([[[1, 1]]])
        return ops.sparse_image_warp(image, points, points, boundary_points=1)[0]

    with pytest.raises(ValueError, match="height=None"):
        warp(IMAGE[:1])
    with pytest.raises(ValueError, match="boundary_points=-1"):
        points = np.float32([[[1, 1]]])
        ops.sparse_image_warp(IMAGE[:1], points, points, boundary_points=-1)


def test_quarter_turns_are_clockwise_and_exact():
    square = RANDOM.random([2, 5, 5, 2], np.float32)
    for quarters in range(-3, 4):
        turned = ops.rotate(square, quarters * np.pi / 2).numpy()
        np.testing.assert_array_equal(turned, np.rot90(square, -quarters, axes=(1, 2)))
        smooth = ops.rotate(square, quarters * np.pi / 2, interpolation="bilinear")
        np.testing.assert_allclose(smooth, turned, atol=3e-6)


def test_each_image_turns_by_its_own_angle():
    turned = ops.rotate(IMAGE, [0.0, 0.4], interpolation="bilinear").numpy()
    np.testing.assert_array_equal(turned[0], IMAGE[0])
    np.testing.assert_array_equal(
        turned[1], ops.rotate(IMAGE[1:], 0.4, interpolation="bilinear")[0]
    )


def test_whole_numbers_are_turned_with_nearest_pixels():
    labels = RANDOM.integers(0, 255, [1, 7, 7, 1]).astype(np.uint8)
    turned = ops.rotate(labels, 0.3)
    assert turned.dtype == tf.uint8
    assert set(np.unique(turned)) <= {0, *np.unique(labels)}
    np.testing.assert_array_equal(ops.rotate(labels, 0.0), labels)


def test_rotation_moves_a_bright_pixel_along_its_circle():
    image = np.zeros([1, 21, 21, 1], np.float32)
    image[0, 10, 18] = 1  # To the right of the centre, (18, 10).
    turned = ops.rotate(image, np.pi / 4, interpolation="bilinear").numpy()[0, :, :, 0]
    weights = turned / turned.sum()
    x, y = (weights.sum(0) * np.arange(21)).sum(), (weights.sum(1) * np.arange(21)).sum()
    np.testing.assert_allclose([x, y], 10 + 8 / np.sqrt(2), atol=0.1)  # Right and down.


def test_an_unknown_interpolation_is_refused_by_name():
    with pytest.raises(ValueError, match="interpolation='cubic'"):
        ops.rotate(IMAGE, 0.0, interpolation="cubic")


def test_disparity_makes_the_left_view_from_the_right_one():
    scene = RANDOM.random([1, 4, 12, 3], np.float32)
    left, right = scene[:, :, :10], scene[:, :, 2:]  # A plane with a disparity of 2 px.
    made = ops.disparity_warp(right, np.full([1, 4, 10], 2, np.float32)).numpy()
    np.testing.assert_array_equal(made[:, :, 2:], left[:, :, 2:])
    assert not made[:, :, :2].any()
    back = ops.disparity_warp(left, np.full([1, 4, 10], -2, np.float32), padding="border").numpy()
    np.testing.assert_array_equal(back[:, :, :-2], right[:, :, :-2])
    np.testing.assert_array_equal(back[:, :, -1], left[:, :, -1])
