"""metrics.shape_distributions: turned and scaled shapes are the same, other shapes are not."""

import numpy as np

from tfvision.metrics import shape_distributions as shapes

RANDOM = np.random.default_rng(0)


def sphere(n=2000):
    points = RANDOM.normal(size=[n, 3])
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def test_a_turned_moved_and_scaled_shape_has_the_same_histogram():
    points = sphere() * [1, 2, 3]
    turn = np.linalg.qr(RANDOM.normal(size=[3, 3]))[0]
    both = shapes.d2(np.stack([points, 7 * points @ turn + 5]))
    np.testing.assert_allclose(both[0], both[1], atol=1e-3)
    np.testing.assert_allclose(both.sum(1), 1)


def test_the_nearest_shape_is_of_the_same_kind():
    known = np.stack([sphere(), sphere() * [1, 1, 5], sphere() * [1, 1, 0.1]])
    unknown = np.stack([sphere() * [0.1, 1, 1], sphere() * 3])
    found = shapes.nearest_label(shapes.d2(known), [4, 5, 6], shapes.d2(unknown))
    np.testing.assert_array_equal(found, [6, 4])


def test_all_points_in_one_place_are_no_fault():
    assert np.isfinite(shapes.d2(np.zeros([1, 5, 3]))).all()
