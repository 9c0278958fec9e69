"""ops.spline_interpolate against SciPy, and where points are few, in line or equal."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.interpolate import RBFInterpolator

from tfvision import ops
from tfvision.ops import linear

KERNELS = {1: "linear", 2: "thin_plate_spline", 3: "cubic", 5: "quintic"}


def data(seed, b, n, d, k=2, m=5, dtype=np.float64):
    random = np.random.default_rng(seed)
    return tuple(
        random.uniform(-1, 1, shape).astype(dtype) for shape in ([b, n, d], [b, n, k], [b, m, d])
    )


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_equals_scipy(order, d):
    points, values, query = data(order, 25, 9, d)
    found = ops.spline_interpolate(points, values, query, order=order)
    for i in range(25):
        slow = RBFInterpolator(points[i], values[i], kernel=KERNELS[order], degree=1)
        np.testing.assert_allclose(found[i], slow(query[i]), rtol=1e-6, atol=1e-8)


def slow(points, values, query, order, regularization):
    """One example, as the formulas are written."""
    def phi(a, b):
        r = np.sqrt(((a[:, None] - b) ** 2).sum(-1))
        return r**order if order % 2 else r**order * np.log(np.where(r > 0, r, 1))

    n, d = points.shape
    straight = np.concatenate([points, np.ones([n, 1])], 1)
    system = np.zeros([n + d + 1, n + d + 1])
    system[:n] = np.concatenate([phi(points, points) + regularization * np.eye(n), straight], 1)
    system[n:, :n] = straight.T
    found = np.linalg.solve(system, np.concatenate([values, np.zeros([d + 1, values.shape[1]])]))
    return np.concatenate([phi(query, points), query, np.ones([len(query), 1])], 1) @ found


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("regularization", [0.0, 0.3])
def test_equals_the_formulas_at_any_scale(order, regularization):
    points, values, query = data(order, 20, 8, 2)
    points, query = 7 + 3 * points, 7 + 4 * query
    found = ops.spline_interpolate(
        points, values, query, order=order, regularization=regularization
    )
    for i in range(20):
        wanted = slow(points[i], values[i], query[i], order, regularization)
        np.testing.assert_allclose(found[i], wanted, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_single_precision_is_enough_for_points_in_pixels(order):
    points, values, _ = data(7, 4, 20, 2, dtype=np.float32)
    found = ops.spline_interpolate(600 + 500 * points, values, 600 + 500 * points, order=order)
    assert found.dtype == tf.float32
    np.testing.assert_allclose(found, values, atol=1e-3)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_linear_functions_are_reproduced(order):
    points, _, query = data(0, 3, 7, 3)
    matrix, offset = np.random.default_rng(1).normal(size=[3, 2]), [5, -2]
    found = ops.spline_interpolate(
        points, points @ matrix + offset, 3 * query, order=order, regularization=0.1
    )
    np.testing.assert_allclose(found, 3 * query @ matrix + offset, atol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_points_on_a_line_are_interpolated_and_leave_no_slope_across(dtype):
    line = np.linspace(0, 1, 4)[:, None] * [[300, 0.0]] + [20, 1000.1]
    values = np.float64([[1], [5], [2], [8]])
    found = ops.spline_interpolate(
        line[None].astype(dtype), values[None].astype(dtype), line[None].astype(dtype), order=2
    )
    np.testing.assert_allclose(found[0], values, atol=1e-4)
    diagonal = np.arange(3)[:, None] * np.ones([1, 2])
    found = ops.spline_interpolate(
        diagonal[None].astype(dtype), diagonal[None].astype(dtype),
        diagonal[None].astype(dtype) + 0.5, order=2,
    )
    np.testing.assert_allclose(found[0], diagonal + 0.5, atol=1e-5)


@pytest.mark.parametrize("n", [1, 2])
def test_fewer_points_than_a_plane_needs_are_interpolated(n):
    points, values, _ = data(n, 4, n, 2)
    found = ops.spline_interpolate(points, values, points, order=2)
    np.testing.assert_allclose(found, values, atol=1e-9)
    if n == 1:
        far = ops.spline_interpolate(points, values, points + 10, order=2)
        np.testing.assert_allclose(far, values, atol=1e-9)


def test_of_equal_points_the_first_counts_or_the_mean_where_regularised():
    points, values, query = data(5, 3, 8, 2)
    twice, thrice = (np.concatenate([x, x[:, :2], x[:, :1]], 1) for x in (points, values))
    thrice[:, 8:] += 1
    wanted = ops.spline_interpolate(points, values, query, order=2)
    found = ops.spline_interpolate(twice, thrice, query, order=2)
    np.testing.assert_allclose(found, wanted, atol=1e-9)
    pair = ops.spline_interpolate(
        np.zeros([1, 2, 2]), np.float64([[[1], [3]]]), np.zeros([1, 1, 2]),
        order=2, regularization=1e-3,
    )
    np.testing.assert_allclose(pair, [[[2]]])


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_gradients_equal_finite_differences_also_at_a_point_itself(order):
    points, values, query = data(order, 2, 5, 2, m=2)
    query[:, 0] = points[:, 0]  # phi has no slope there but for order 1, which counts as 0.
    inputs = [tf.constant(x) for x in (points, values, query)]
    step = tf.function(lambda *x: ops.spline_interpolate(*x, order=order), autograph=False)
    theory, numeric = tf.test.compute_gradient(step, inputs, delta=1e-6)
    scale = max(np.abs(n).max() for n in numeric)
    for a, b in zip(theory[:2] if order > 1 else theory[1:2], numeric[:2] if order > 1
                    else numeric[1:2], strict=True):
        np.testing.assert_allclose(a / scale, b / scale, atol=1e-5)
    assert all(np.isfinite(g).all() for g in theory)


@pytest.mark.parametrize("case", ["equal", "line", "one"])
def test_gradients_are_finite_where_points_are_degenerate(case):
    points = {"equal": np.ones([1, 3, 2]), "line": np.arange(6.0).reshape(1, 3, 2),
              "one": np.ones([1, 1, 2])}[case]
    inputs = [tf.constant(x) for x in (points, points * 2, points + 1)]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        found = ops.spline_interpolate(*inputs, order=2)
    assert np.isfinite(found).all()
    assert all(np.isfinite(g).all() for g in tape.gradient(found, inputs))


def systems(n, k):
    random = np.random.default_rng(n)
    return random.normal(size=[7, n, n]), random.normal(size=[7, n, k])


@pytest.mark.parametrize("n", [1, 2, 13])
def test_elimination_solves_systems_that_need_pivots(n):
    matrix, right = systems(n, 3)
    matrix[:, 0, 0] = 0 if n > 1 else 2
    found = linear._gauss_jordan(tf.constant(matrix), tf.constant(right))
    np.testing.assert_allclose(found, np.linalg.solve(matrix, right), rtol=1e-7)


def test_gradients_through_the_elimination_equal_those_of_the_solver():
    inputs = [tf.constant(x) for x in systems(6, 2)]

    def gradients(matrix, right):
        with tf.GradientTape() as tape:
            tape.watch([matrix, right])
            found = tf.reduce_sum(linear.solve(matrix, right) ** 2)
        return tape.gradient(found, [matrix, right])

    compiled = tf.function(gradients, jit_compile=True, autograph=False)(*inputs)
    for a, b in zip(compiled, gradients(*inputs), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


@pytest.mark.parametrize("options, text", [
    ({"order": 0}, "order=0"), ({"order": 1.5}, "order=1.5"),
    ({"order": 2, "regularization": -1.0}, "regularization=-1.0"),
])
def test_a_wrong_option_is_refused_by_name(options, text):
    with pytest.raises(ValueError, match=text):
        ops.spline_interpolate(*data(0, 1, 4, 2), **options)
