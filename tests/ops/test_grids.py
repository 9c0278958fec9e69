"""Grids for spatial transformers: exact identities, known places, the lecture's matrices."""

import numpy as np
import pytest
import tensorflow as tf

from tfvision import ops

SIZE = (37, 101)
IDENTITY = {
    ops.affine_grid: np.float32([[[1, 0, 0], [0, 1, 0]]]),
    ops.projective_grid: np.eye(3, dtype=np.float32)[None],
    ops.thin_plate_spline_grid: np.zeros([1, 4, 4, 2], np.float32),
}


def pixels(size):
    """[1, h, w, 2], (x, y)."""
    return np.stack(np.meshgrid(np.arange(size[1]), np.arange(size[0])), -1)[None]


def normalised(points, size, align_corners):
    """The slow way, in float64."""
    lengths = np.array(size[::-1], float)
    return points / (lengths - 1) * 2 - 1 if align_corners else (2 * points + 1) / lengths - 1


def from_normalised(points, size, align_corners):
    lengths = np.array(size[::-1], float)
    return (points + 1) / 2 * (lengths - 1) if align_corners else ((points + 1) * lengths - 1) / 2


@pytest.mark.parametrize("align, wanted", [(True, [0, 1.5, 3]), (False, [-0.5, 1.5, 3.5])])
def test_minus_one_and_one_are_centres_or_edges(align, wanted):
    grid = tf.constant([[-1.0, -1], [0, 0], [1, 1]])
    points = ops.points_from_normalised(grid, (4, 4), align_corners=align)
    np.testing.assert_array_equal(points, np.stack([wanted, wanted], 1))
    assert ops.points_from_normalised(grid, (2, 4), align_corners=align)[2, 1] == wanted[2] - 2


@pytest.mark.parametrize("grid", IDENTITY)
@pytest.mark.parametrize("align", [True, False])
def test_the_identity_gives_whole_pixels_exactly(grid, align):
    for size in (SIZE, (1, 1), (2, 1), (640, 3)):
        points = grid(IDENTITY[grid], size, align_corners=align)
        np.testing.assert_array_equal(points, pixels(size))


@pytest.mark.parametrize("grid", IDENTITY)
def test_another_size_of_the_source_keeps_the_corners(grid):
    points = grid(IDENTITY[grid], (5, 9), align_corners=True, source_size=(21, 3)).numpy()[0]
    np.testing.assert_allclose(points[[0, -1], [0, -1]], [[0, 0], [2, 20]], atol=1e-5)
    points = grid(IDENTITY[grid], (4, 8), align_corners=False, source_size=(2, 4)).numpy()[0]
    wanted = (pixels((4, 8))[0] + 0.5) / 2 - 0.5  # As images are resized.
    np.testing.assert_allclose(points, wanted, atol=1e-6)


@pytest.mark.parametrize("align", [True, False])
def test_matrices_act_on_normalised_coordinates_from_target_to_source(align):
    random = np.random.default_rng(0)
    matrices = np.eye(3) + random.uniform(-0.3, 0.3, [6, 3, 3])
    place = normalised(pixels((6, 9)), (6, 9), align)
    place = np.concatenate([place, np.ones_like(place[..., :1])], -1)  # [1, 6, 9, 3]
    mapped = np.einsum("bij,zyxj->byxi", matrices, place)
    affine = ops.affine_grid(matrices[:, :2], (6, 9), align_corners=align, source_size=(12, 7))
    wanted = from_normalised(mapped[..., :2], (12, 7), align)
    np.testing.assert_allclose(affine, wanted, atol=1e-12)
    found = ops.projective_grid(matrices, (6, 9), align_corners=align, source_size=(12, 7))
    wanted = from_normalised(mapped[..., :2] / mapped[..., 2:], (12, 7), align)
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)


def test_a_projective_matrix_may_have_any_scale():
    matrix = np.float32([[1.1, 0.2, 0.1], [-0.1, 0.9, 0], [0.1, 0.2, 1]])[None]
    one, other = (ops.projective_grid(m, SIZE, align_corners=False) for m in (matrix, -3 * matrix))
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-4)


def test_points_at_the_horizon_are_finite_with_finite_gradients():
    matrix = tf.constant([[[1, 0, 0], [0, 1, 0], [1, 0, 0]], np.zeros([3, 3])], tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(matrix)
        points = ops.projective_grid(matrix, (3, 5), align_corners=True)  # w = 0 in the middle.
    assert np.isfinite(points).all()
    assert np.isfinite(tape.gradient(points, matrix)).all()


def spline_at_controls(offsets, align):
    """Where the control points of an image of 13 x 13 px are sent, when they lie on pixels."""
    points = ops.thin_plate_spline_grid(offsets, (13, 13), align_corners=align)
    return points[:, ::4, ::4]


def test_control_points_go_exactly_where_they_are_sent():
    offsets = np.random.default_rng(1).normal(0, 0.3, [5, 4, 4, 2])
    found = spline_at_controls(offsets, True)
    np.testing.assert_allclose(found, pixels((13, 13))[:, ::4, ::4] + 6 * offsets, atol=1e-11)
    found = spline_at_controls(offsets.astype(np.float32), True)
    np.testing.assert_allclose(found, pixels((13, 13))[:, ::4, ::4] + 6 * offsets, atol=1e-4)


@pytest.mark.parametrize("m, n", [(4, 4), (2, 2), (3, 5)])
@pytest.mark.parametrize("align", [True, False])
def test_affine_offsets_give_an_affine_map(m, n, align):
    matrix = np.random.default_rng(2).normal(0, 0.4, [3, 2, 3])
    x, y = np.meshgrid(np.linspace(-1, 1, n), np.linspace(-1, 1, m))
    offsets = np.einsum("bij,yxj->byxi", matrix, np.stack([x, y, np.ones_like(x)], -1))
    found = ops.thin_plate_spline_grid(offsets, (8, 11), align_corners=align, source_size=(9, 6))
    whole = matrix + np.eye(2, 3)
    wanted = ops.affine_grid(whole, (8, 11), align_corners=align, source_size=(9, 6))
    np.testing.assert_allclose(found, wanted, atol=1e-10)


def test_the_grid_of_a_spline_equals_the_spline_through_its_control_points():
    offsets = np.random.default_rng(3).normal(0, 0.3, [2, 3, 4, 2])
    x, y = np.meshgrid(np.linspace(-1, 1, 4), np.linspace(-1, 1, 3))
    controls = np.broadcast_to(np.stack([x, y], -1).reshape(1, 12, 2), [2, 12, 2])
    at = normalised(pixels((7, 10)), (7, 10), False).reshape(1, 70, 2) * np.ones([2, 1, 1])
    moved = ops.spline_interpolate(controls, offsets.reshape(2, 12, 2), at, order=2).numpy()
    wanted = from_normalised(at + moved, (7, 10), False).reshape(2, 7, 10, 2)
    found = ops.thin_plate_spline_grid(offsets, (7, 10), align_corners=False)
    np.testing.assert_allclose(found, wanted, atol=1e-9)


@pytest.mark.parametrize("grid", IDENTITY)
def test_gradients_to_the_parameters_equal_finite_differences(grid):
    given = IDENTITY[grid].astype(float)
    given = tf.constant(given + np.random.default_rng(4).normal(0, 0.1, given.shape))
    theory, numeric = tf.test.compute_gradient(
        lambda p: grid(p, (3, 4), align_corners=True), [given], delta=1e-6
    )
    np.testing.assert_allclose(theory[0], numeric[0], atol=1e-7)


@pytest.mark.parametrize("grid", IDENTITY)
def test_half_precision_parameters_give_exact_coordinates(grid):
    given = tf.cast(IDENTITY[grid], tf.bfloat16)
    np.testing.assert_array_equal(grid(given, (2, 999), align_corners=True), pixels((2, 999)))


@pytest.mark.parametrize("grid, shape, text", [
    (ops.affine_grid, [2, 3, 3], r"matrix=\(2, 3, 3\)"),
    (ops.projective_grid, [3, 3], r"matrix=\(3, 3\)"),
    (ops.thin_plate_spline_grid, [2, 16, 2], r"offsets=\(2, 16, 2\)"),
    (ops.thin_plate_spline_grid, [2, 1, 4, 2], r"offsets=\(2, 1, 4, 2\)"),
])
def test_parameters_of_another_shape_are_refused(grid, shape, text):
    with pytest.raises(ValueError, match=text):
        grid(np.zeros(shape, np.float32), (4, 4), align_corners=True)
