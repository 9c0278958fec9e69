"""ops.cameras against OpenCV, and at the places where cameras and angles go wrong."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from tfvision import ops

RANDOM = np.random.default_rng(0)


def cameras(b):
    """Intrinsics and poses of b cameras."""
    intrinsics = np.zeros([b, 3, 3])
    intrinsics[:, [0, 1], [0, 1]] = RANDOM.uniform(300, 900, [b, 2])
    intrinsics[:, :2, 2] = RANDOM.uniform(100, 500, [b, 2])
    intrinsics[:, 2, 2] = 1
    vectors = RANDOM.uniform(-0.4, 0.4, [b, 3])
    turns = np.stack([cv2.Rodrigues(v)[0] for v in vectors])
    return intrinsics, np.concatenate([turns, RANDOM.uniform(-1, 1, [b, 3, 1])], -1)


@pytest.mark.parametrize("kind, within", [(np.float32, 2e-3), (np.float64, 1e-8)])
def test_pixels_are_those_of_opencv(kind, within):
    intrinsics, poses = cameras(200)
    points = RANDOM.uniform(-2, 2, [200, 7, 3]) + [0, 0, 8]
    pixels, depth = ops.project(*(x.astype(kind) for x in (points, intrinsics, poses)))
    assert pixels.dtype == kind and pixels.shape == (200, 7, 2)
    for i in range(200):
        theirs = cv2.projectPoints(points[i], poses[i, :, :3], poses[i, :, 3], intrinsics[i], None)
        np.testing.assert_allclose(pixels[i], theirs[0][:, 0], atol=within)
    expected = np.einsum("bij,bnj->bni", poses[:, :, :3], points)[..., 2] + poses[:, 2:, 3]
    np.testing.assert_allclose(depth, expected, rtol=1e-5)


def test_a_point_on_the_axis_is_at_the_principal_point_and_skew_shears():
    intrinsics = np.array([[500.0, 20, 320], [0, 400, 240], [0, 0, 1]])
    pixels, depth = ops.project(
        np.array([[[0, 0, 2.0], [1, 0, 2], [0, 1, 2]]]), intrinsics, np.eye(3, 4)
    )
    np.testing.assert_allclose(pixels[0], [[320, 240], [570, 240], [330, 440]])
    np.testing.assert_array_equal(depth, [[2, 2, 2]])


def test_points_at_and_behind_the_camera_are_finite_and_told_by_their_depth():
    points = tf.constant([[[1.0, 2, 0], [1, 2, 1e-30], [1, 2, -2], [0, 0, 0]]])
    with tf.GradientTape() as tape:
        tape.watch(points)
        pixels, depth = ops.project(points, np.eye(3), np.eye(3, 4))
    np.testing.assert_allclose(pixels[0], [[1, 2], [1, 2], [-0.5, -1], [0, 0]])
    np.testing.assert_array_equal(depth[0] > 1e-6, [False] * 4)
    assert np.isfinite(tape.gradient(pixels, points)).all()
    assert ops.project(np.zeros([2, 0, 3]), np.eye(3), np.eye(3, 4))[0].shape == (2, 0, 2)


def test_back_projection_undoes_projection_at_every_pixel():
    intrinsics, _ = cameras(3)
    intrinsics[1, 0, 1] = 30
    depth = RANDOM.uniform(1, 9, [3, 5, 7])
    points = ops.back_project(depth, intrinsics)
    np.testing.assert_array_equal(points[..., 2], depth)
    pixels, _ = ops.project(tf.reshape(points, [3, -1, 3]), intrinsics, np.eye(3, 4))
    x, y = np.meshgrid(np.arange(7), np.arange(5))
    expected = np.broadcast_to(np.stack([x, y], -1).reshape(-1, 2), [3, 35, 2])
    np.testing.assert_allclose(pixels, expected, atol=1e-9)
    one = ops.back_project(depth.astype(np.float32), intrinsics[1])
    assert one.dtype == tf.float32
    np.testing.assert_allclose(one[1], points[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind, within", [(np.float32, 2e-6), (np.float64, 1e-12)])
def test_an_axis_and_its_angle_give_opencv_s_rotation(kind, within):
    vectors = RANDOM.normal(size=[200, 3]) * 10.0 ** RANDOM.uniform(-9, 0.6, [200, 1])
    expected = [cv2.Rodrigues(v)[0] for v in vectors]
    np.testing.assert_allclose(
        ops.rotation_from_axis_angle(vectors.astype(kind)), expected, atol=within * 4
    )


def test_a_quarter_turn_about_each_axis_is_right_handed():
    found = ops.rotation_from_axis_angle(np.eye(3) * np.pi / 2)
    quaternions = np.concatenate([np.ones([3, 1]), np.eye(3)], 1)
    expected = [[[1, 0, 0], [0, 0, -1], [0, 1, 0]], [[0, 0, 1], [0, 1, 0], [-1, 0, 0]],
                [[0, -1, 0], [1, 0, 0], [0, 0, 1]]]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    np.testing.assert_allclose(ops.rotation_from_quaternion(3 * quaternions), expected, atol=1e-12)


def test_a_quaternion_is_its_axis_and_half_the_angle():
    vectors = RANDOM.normal(size=[200, 3])
    angle = np.linalg.norm(vectors, axis=1, keepdims=True)
    quaternions = np.concatenate([np.cos(angle / 2), np.sin(angle / 2) * vectors / angle], 1)
    expected = ops.rotation_from_axis_angle(vectors)
    for factor in (1, -1, 1e-3, 50):
        np.testing.assert_allclose(
            ops.rotation_from_quaternion(factor * quaternions), expected, atol=1e-12
        )


def test_six_numbers_are_two_columns_made_orthonormal():
    turns = ops.rotation_from_axis_angle(RANDOM.normal(size=[200, 3])).numpy()
    x, y = turns[:, :, 0], turns[:, :, 1]
    exact = ops.rotation_from_6d(np.concatenate([x, y], 1))
    np.testing.assert_allclose(exact, turns, atol=1e-12)
    skewed = ops.rotation_from_6d(np.concatenate([3 * x, 0.2 * y - 5 * x], 1))
    np.testing.assert_allclose(skewed, turns, atol=1e-11)


def test_what_names_no_rotation_is_defined():
    np.testing.assert_array_equal(ops.rotation_from_quaternion(np.zeros([1, 4])), np.eye(3)[None])
    np.testing.assert_array_equal(ops.rotation_from_axis_angle(np.zeros([1, 3])), np.eye(3)[None])
    np.testing.assert_array_equal(ops.rotation_from_6d(np.zeros([1, 6])), np.zeros([1, 3, 3]))
    parallel = ops.rotation_from_6d(np.array([[0, 2.0, 0, 0, -4.0, 0]]))
    np.testing.assert_allclose(parallel[0, :, 0], [0, 1, 0])
    np.testing.assert_array_equal(parallel[0, :, 1:], 0)


FORMS = {
    "axis_angle": (ops.rotation_from_axis_angle, 3),
    "quaternion": (ops.rotation_from_quaternion, 4),
    "6d": (ops.rotation_from_6d, 6),
}


@pytest.mark.parametrize("form", FORMS)
def test_gradients_of_rotations_are_those_of_differences(form):
    """At random places, and for an angle at 0, on both sides of its series' end, and at pi."""
    rotation, size = FORMS[form]
    places = RANDOM.normal(size=[6, size])
    if form == "axis_angle":
        axis = np.array([0.6, 0, 0.8])
        places = np.stack([axis * a for a in (0, 1e-7, 0.0099, 0.0101, np.pi, 2 * np.pi)])
    at = tf.constant(places)
    factors = RANDOM.normal(size=[3, 3])
    with tf.GradientTape() as tape:
        tape.watch(at)
        value = tf.reduce_sum(rotation(at) * factors)
    gradient = tape.gradient(value, at).numpy()
    for i, step in enumerate(np.eye(size) * 1e-6):
        sides = [np.sum(rotation(places + s * step).numpy() * factors, (1, 2)) for s in (1, -1)]
        np.testing.assert_allclose(gradient[:, i], (sides[0] - sides[1]) / 2e-6, atol=1e-7)


@pytest.mark.parametrize("form", FORMS)
def test_gradients_are_finite_at_0_in_float32(form):
    rotation, size = FORMS[form]
    at = tf.zeros([2, size])
    with tf.GradientTape() as tape:
        tape.watch(at)
        value = tf.reduce_sum(rotation(at)[:, 0, 1])
    assert np.isfinite(tape.gradient(value, at)).all()


def test_gradients_of_a_projection_are_those_of_differences():
    intrinsics, poses = cameras(1)
    points = RANDOM.uniform(-1, 1, [1, 3, 3]) + [0, 0, 6]
    at = tf.constant(points)
    with tf.GradientTape() as tape:
        tape.watch(at)
        pixels, depth = ops.project(at, intrinsics, poses)
        value = tf.reduce_sum(pixels * [[1.0, -2]]) + tf.reduce_sum(depth)
    gradient = tape.gradient(value, at).numpy()

    def along(points):
        pixels, depth = ops.project(points, intrinsics, poses)
        return np.sum(pixels * np.array([1.0, -2])) + np.sum(depth)

    for place in np.ndindex(points.shape):
        step = np.zeros_like(points)
        step[place] = 1e-5
        expected = (along(points + step) - along(points - step)) / 2e-5
        np.testing.assert_allclose(gradient[place], expected, rtol=1e-5, atol=1e-5)
