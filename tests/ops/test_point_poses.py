"""ops.in_unit_sphere and along_axes: one pose for a set, however it comes."""

import numpy as np
import pytest
import tensorflow as tf

from tfvision import ops

RANDOM = np.random.default_rng(0)


def clouds(b=20, n=200):
    """Lopsided sets that vary by different amounts along three directions."""
    return np.exp(RANDOM.normal(size=[b, n, 3])) * [1, 3, 2]


def rotations(b):
    return ops.rotation_from_quaternion(RANDOM.normal(size=[b, 4])).numpy()


def test_sets_fill_the_unit_sphere_and_one_point_is_no_fault():
    found = ops.in_unit_sphere(tf.constant(clouds() * [3, 1, 5] + 7, tf.float32)).numpy()
    np.testing.assert_allclose(np.linalg.norm(found, axis=-1).max(1), 1, rtol=1e-5)
    np.testing.assert_allclose(found.min(1) + found.max(1), 0, atol=1e-5)
    assert not ops.in_unit_sphere(tf.ones([1, 4, 3]) * 5).numpy().any()


def test_the_axes_are_the_eigenvectors_of_the_covariance():
    points = clouds()
    found = ops.along_axes(tf.constant(points)).numpy()
    for one, own in zip(found, points, strict=True):
        values = np.linalg.eigvalsh(np.cov(own.T, bias=True))[::-1]
        np.testing.assert_allclose(np.cov(one.T, bias=True), np.diag(values), atol=1e-9)
    assert (np.sum(found[..., :2] ** 3, 1) > 0).all()


def test_a_set_that_is_turned_and_moved_has_the_same_pose_and_is_not_mirrored():
    points, turn = clouds(), rotations(20)
    found = ops.along_axes(tf.constant(points)).numpy()
    other = ops.along_axes(tf.constant(points @ turn + [5, -3, 1])).numpy()
    np.testing.assert_allclose(found, other, atol=1e-8)
    centred = points - points.mean(1, keepdims=True)
    volume, own = (np.linalg.det(x[:, :3]) for x in (found, centred))
    np.testing.assert_allclose(volume, own, rtol=1e-9)


@pytest.mark.parametrize("points", [np.zeros([1, 5, 3]), np.ones([2, 1, 3]), np.eye(3)[None],
                                    np.linspace(0, 1, 9).reshape(1, 9, 1) * [1, 2, 3]])
def test_sets_without_axes_of_their_own_stay_finite_and_as_large(points):
    found = ops.along_axes(tf.constant(points, tf.float32)).numpy()
    centred = points - points.mean(1, keepdims=True)
    np.testing.assert_allclose(np.linalg.norm(found, axis=-1), np.linalg.norm(centred, axis=-1),
                               atol=1e-6)


def test_points_of_the_plane_are_refused():
    with pytest.raises(ValueError, match="Expected points .b, n, 3."):
        ops.along_axes(tf.zeros([1, 5, 2]))
