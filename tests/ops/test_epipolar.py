"""ops.weighted_eight_point and ops.epipolar_distance against exact scenes, NumPy and OpenCV."""

from functools import partial

import cv2
import numpy as np
import pytest
import tensorflow as tf

from tfvision import ops


def traced(kind):
    """The operation for any number of matches, traced once: its many steps are slow eagerly."""
    specs = [tf.TensorSpec([None, None, *more], kind) for more in ([2], [2], [])]
    return tf.function(ops.weighted_eight_point, input_signature=specs, autograph=False)


TRACED = {kind: traced(kind) for kind in (tf.float32, tf.float64)}


def eight_point(*inputs):
    inputs = [tf.convert_to_tensor(x) for x in inputs]
    return TRACED[inputs[0].dtype](*inputs)


def signed(matrix):
    """Of unit norm, the entry of greatest magnitude positive."""
    matrix = matrix / np.linalg.norm(matrix, axis=(-2, -1), keepdims=True)
    sign = np.where(matrix.max((-2, -1)) + matrix.min((-2, -1)) < 0, -1, 1)
    return matrix * sign[..., None, None]


def cross(t):
    zero = np.zeros_like(t[..., 0])
    x, y, z = np.moveaxis(t, -1, 0)
    return np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*t.shape[:-1], 3, 3)


def scenes(b, n, seed=0, noise=0.0):
    """Calibrated matches of b pairs of images, and their essential matrices."""
    random = np.random.default_rng(seed)
    world = random.uniform(-1, 1, [b, n, 3]) * [2, 2, 1.5] + [0, 0, 5]
    turns = np.stack([cv2.Rodrigues(random.normal(0, 0.3, 3))[0] for _ in range(b)])
    shift = random.normal(size=[b, 3])
    shift /= np.linalg.norm(shift, axis=-1, keepdims=True)
    seen = world @ turns.swapaxes(1, 2) + shift[:, None]
    points = [x[..., :2] / x[..., 2:] for x in (world, seen)]
    points = [x + random.normal(0, 1, x.shape) * noise for x in points]
    return *points, signed(cross(shift) @ turns)


def homogeneous(points):
    return np.concatenate([points, np.ones_like(points[..., :1])], -1)


def slow(points1, points2, weights):
    """The same by NumPy: transforms, svd."""
    matrices = []
    for p1, p2, w in zip(points1, points2, weights, strict=True):
        frames = []
        for p in (p1, p2):
            centre = (w[:, None] * p).sum(0) / w.sum()
            scale = 2**0.5 * w.sum() / (w * np.linalg.norm(p - centre, axis=1)).sum()
            frames.append(np.array([[scale, 0, -scale * centre[0]], [0, scale, -scale * centre[1]],
                                    [0, 0, 1]]))
        h1, h2 = (homogeneous(p) @ t.T for p, t in zip((p1, p2), frames, strict=True))
        rows = (h2[:, :, None] * h1[:, None, :]).reshape(-1, 9) * np.sqrt(w)[:, None]
        middle = np.linalg.svd(rows, full_matrices=True)[2][-1].reshape(3, 3)
        matrices.append(frames[1].T @ middle @ frames[0])
    return signed(np.array(matrices))


def distance_up_to_sign(a, b):
    return np.minimum(np.abs(a - b).max((-2, -1)), np.abs(a + b).max((-2, -1)))


def test_eight_exact_matches_give_the_essential_matrix():
    points1, points2, truth = scenes(200, 8)
    weights = np.random.default_rng(1).uniform(0.1, 1, [200, 8])
    found = eight_point(points1, points2, weights)
    assert distance_up_to_sign(found, truth).max() < 1e-9
    single = [x.astype(np.float32) for x in (points1, points2, weights)]
    found = eight_point(*single)
    assert found.dtype == tf.float32
    errors = distance_up_to_sign(found.numpy(), truth)
    assert np.mean(errors < 1e-4) > 0.97  # Eight points may nearly lie in a special position.
    single = [x.astype(np.float32) for x in scenes(200, 12)[:2]]
    found = eight_point(*single, np.ones([200, 12], np.float32))
    assert distance_up_to_sign(found.numpy(), scenes(200, 12)[2]).max() < 1e-4


@pytest.mark.parametrize("kind, within", [(np.float32, 2e-4), (np.float64, 1e-10)])
def test_noisy_weighted_matches_give_what_numpy_finds(kind, within):
    points1, points2, _ = scenes(200, 20, noise=0.01)
    weights = np.random.default_rng(1).uniform(0, 1, [200, 20])
    inputs = [x.astype(kind) for x in (points1, points2, weights)]
    truth = slow(points1, points2, weights)
    found = eight_point(*inputs).numpy()
    assert distance_up_to_sign(found, truth).max() < within
    np.testing.assert_allclose(np.linalg.norm(found, axis=(1, 2)), 1, rtol=1e-5)
    assert (found.max((1, 2)) >= -found.min((1, 2))).all()


def test_in_pixels_it_is_opencv_s_eight_point_before_the_rank_is_forced():
    """OpenCV forces rank 2 in the normalised frame, so exact matches are compared directly."""
    points1, points2, _ = (x * 800 + 500 for x in scenes(200, 15))
    theirs = [cv2.findFundamentalMat(a, b, cv2.FM_8POINT)[0]
              for a, b in zip(points1, points2, strict=True)]
    ours = eight_point(points1, points2, np.ones([200, 15])).numpy()
    scale = np.diag([1 / 500, 1 / 500, 1])  # Makes the entries alike in size.
    ours, theirs = (signed(scale_both(x, np.linalg.inv(scale))) for x in (ours, np.array(theirs)))
    assert distance_up_to_sign(ours, theirs).max() < 1e-5


def scale_both(matrix, scale):
    return scale @ matrix @ scale


def test_noisy_pixels_give_opencv_s_matrix_once_its_rank_is_forced():
    points1, points2, _ = scenes(200, 20, seed=3, noise=2e-3)
    points1, points2 = points1 * 800 + 500, points2 * 800 + 500
    ours = eight_point(points1, points2, np.ones([200, 20])).numpy()
    for p1, p2, matrix in zip(points1, points2, ours, strict=True):
        frames = []
        for p in (p1, p2):
            scale = 2**0.5 / np.linalg.norm(p - p.mean(0), axis=1).mean()
            frames.append(np.array([[scale, 0, -scale * p[:, 0].mean()],
                                    [0, scale, -scale * p[:, 1].mean()], [0, 0, 1]]))
        inside = np.linalg.inv(frames[1]).T @ matrix @ np.linalg.inv(frames[0])
        u, s, v = np.linalg.svd(inside)
        theirs = cv2.findFundamentalMat(p1, p2, cv2.FM_8POINT)[0]
        theirs = np.linalg.inv(frames[1]).T @ theirs @ np.linalg.inv(frames[0])
        flat = signed(u * [s[0], s[1], 0] @ v)
        assert distance_up_to_sign(flat, signed(theirs)) < 1e-4


def test_exact_matches_give_opencv_s_essential_matrix():
    points1, points2, _ = scenes(200, 20, seed=4)
    ours = eight_point(points1, points2, np.ones([200, 20])).numpy()
    theirs = [cv2.findEssentialMat(a, b, np.eye(3), cv2.RANSAC, 0.999, 1e-6)[0][:3]
              for a, b in zip(points1, points2, strict=True)]
    assert np.quantile(distance_up_to_sign(ours, signed(np.array(theirs))), 0.98) < 1e-4


def test_a_weight_of_0_removes_a_match_whatever_it_is():
    points1, points2, _ = scenes(3, 12, noise=0.01)
    weights = np.ones([3, 12])
    without = eight_point(points1[:, :10], points2[:, :10], weights[:, :10])
    for wrong in (1e3, np.nan, np.inf):
        points1[:, 10:], weights[:, 10:] = wrong, 0
        found = eight_point(points1, points2, weights)
        np.testing.assert_allclose(found, without, atol=1e-12)
    weights[:, 10:] = 1  # Points that are not finite are removed, too; so are bad weights.
    np.testing.assert_allclose(eight_point(points1, points2, weights), without)
    points1[:, 10:] = 0
    for wrong in (-1, np.nan, np.inf):
        weights[:, 10:] = wrong
        np.testing.assert_allclose(eight_point(points1, points2, weights), without)


def test_neither_order_nor_a_common_factor_of_the_weights_matters():
    points1, points2, _ = scenes(2, 20, noise=0.01)
    weights = np.random.default_rng(0).uniform(0, 1, [2, 20])
    order = np.random.default_rng(1).permutation(20)
    truth = eight_point(points1, points2, weights)
    found = eight_point(points1[:, order], points2[:, order], 7e3 * weights[:, order])
    np.testing.assert_allclose(found, truth, atol=1e-12)


def gradients(function, *inputs):
    inputs = [tf.constant(x) for x in inputs]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        value = tf.reduce_sum(function(*inputs))
    return [x.numpy() for x in tape.gradient(value, inputs)]


def differences(function, inputs, i, step=1e-6):
    """Central differences of a sum over a batch of one by inputs[i], all in one call."""
    size = inputs[i].size
    moves = np.concatenate([np.eye(size), -np.eye(size)]) * step
    many = [np.repeat(x, 2 * size, 0) for x in inputs]
    many[i] = many[i] + moves.reshape(2 * size, *inputs[i].shape[1:])
    values = tf.convert_to_tensor(function(*many)).numpy().reshape(2 * size, -1).sum(1)
    return ((values[:size] - values[size:]) / (2 * step)).reshape(inputs[i].shape)


@pytest.mark.parametrize("n, noise", [(8, 0.0), (9, 0.02), (30, 0.02)])
def test_the_gradient_is_that_of_differences(n, noise):
    points1, points2, _ = scenes(1, n, seed=5, noise=noise)
    inputs = [points1, points2, np.random.default_rng(0).uniform(0.2, 1, [1, n])]
    direction = np.random.default_rng(1).normal(size=[3, 3])

    def along(*inputs):
        return tf.reduce_sum(eight_point(*inputs) * direction, [1, 2])

    for i, gradient in enumerate(gradients(along, *inputs)):
        expected = differences(along, inputs, i)
        np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-5)


def test_a_weight_of_0_has_the_gradient_of_coming_in():
    points1, points2, _ = scenes(1, 12, seed=6, noise=0.02)
    weights = np.full([1, 12], 1.0)
    weights[:, 3] = 1e-12
    direction = np.random.default_rng(1).normal(size=[3, 3])

    def along(weights):
        found = eight_point(*(np.repeat(x, len(weights), 0)
                                           for x in (points1, points2)), weights)
        return tf.reduce_sum(found * direction, [1, 2])

    more = weights + np.eye(12)[3] * 1e-6
    expected = (along(more)[0] - along(weights)[0]) / 1e-6
    np.testing.assert_allclose(gradients(along, weights)[0][0, 3], expected, rtol=1e-3)


BAD = {
    "no matches": scenes(1, 0)[:2],
    "one match": scenes(1, 1)[:2],
    "seven matches": scenes(1, 7)[:2],
    "all equal": (np.ones([1, 20, 2]), np.ones([1, 20, 2])),
    "all zero": (np.zeros([1, 9, 2]), np.zeros([1, 9, 2])),
    "the same image twice": (scenes(1, 20)[0],) * 2,
    "on a line": (np.linspace(0, 1, 40).reshape(1, 20, 2),) * 2,
    "NaN": (np.full([1, 9, 2], np.nan),) * 2,
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_bad_matches_give_a_matrix_of_unit_norm_and_finite_gradients(name, kind):
    points1, points2 = (x.astype(kind) for x in BAD[name])
    inputs = [points1, points2, np.ones(points1.shape[:2], kind)]
    found = eight_point(*inputs)
    np.testing.assert_allclose(np.linalg.norm(found), 1, rtol=1e-4)
    for gradient in gradients(lambda *x: eight_point(*x)[:, 0, 1], *inputs):
        assert np.isfinite(gradient).all()


def test_seven_matches_are_fitted():
    points1, points2, _ = scenes(5, 7)
    found = eight_point(points1, points2, np.ones([5, 7]))
    assert np.max(ops.epipolar_distance(points1, points2, found)) < 1e-16


def test_weights_of_0_alone_give_a_matrix_and_no_gradient():
    points1, points2, _ = scenes(1, 9)
    found = eight_point(points1, points2, np.zeros([1, 9]))
    np.testing.assert_allclose(np.linalg.norm(found), 1)
    for gradient in gradients(eight_point, points1, points2, np.zeros([1, 9])):
        np.testing.assert_array_equal(gradient, 0)


def test_half_precision_is_computed_in_float32():
    inputs = [tf.cast(x, tf.bfloat16) for x in (*scenes(1, 9)[:2], np.ones([1, 9]))]
    assert ops.weighted_eight_point(*inputs).dtype == tf.float32


def slow_distances(points1, points2, matrix):
    h1, h2 = homogeneous(points1), homogeneous(points2)
    symmetric, sampson = [], []
    for a, b in zip(h1, h2, strict=True):
        line2, line1, r = matrix @ a, matrix.T @ b, b @ matrix @ a
        symmetric.append(r**2 / (line2[:2] @ line2[:2]) + r**2 / (line1[:2] @ line1[:2]))
        sampson.append(r**2 / (line2[:2] @ line2[:2] + line1[:2] @ line1[:2]))
    return {"symmetric": symmetric, "sampson": sampson}


@pytest.mark.parametrize("kind", ["symmetric", "sampson"])
def test_distances_are_those_of_a_loop_for_any_scale_of_the_matrix(kind):
    points1, points2, matrix = scenes(200, 4, noise=0.05)
    expected = [slow_distances(*one)[kind] for one in zip(points1, points2, matrix, strict=True)]
    for factor in (1, -1e4):
        found = ops.epipolar_distance(points1, points2, factor * matrix, kind=kind)
        np.testing.assert_allclose(found, expected, rtol=1e-9)
    single = [x.astype(np.float32) for x in (points1, points2, matrix)]
    found = ops.epipolar_distance(*single, kind=kind)
    assert found.dtype == tf.float32
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-8)


def test_the_sampson_distance_is_opencv_s():
    points1, points2, matrix = scenes(200, 1, noise=0.05)
    expected = [[cv2.sampsonDistance(a, b, e)] for a, b, e in
                zip(homogeneous(points1)[:, 0], homogeneous(points2)[:, 0], matrix, strict=True)]
    found = ops.epipolar_distance(points1, points2, matrix, kind="sampson")
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_the_symmetric_distance_is_the_sum_of_squares_to_both_lines():
    """Cameras side by side: lines are rows, and the distance is twice the difference in y."""
    matrix = cross(np.array([[1.0, 0, 0]]))
    found = ops.epipolar_distance([[[3.0, 1.0]]], [[[-7.0, 1.5]]], matrix)
    np.testing.assert_allclose(found, [[0.5]])


@pytest.mark.parametrize("kind", ["symmetric", "sampson"])
def test_distances_and_gradients_are_finite_at_epipoles(kind):
    forward = cross(np.array([[0, 0, 1.0]])).astype(np.float32)  # Both epipoles are at (0, 0).
    for points1, points2, matrix in (
        (np.zeros([1, 2, 2]), np.ones([1, 2, 2]), forward),
        (np.zeros([1, 2, 2]), np.zeros([1, 2, 2]), forward),
        (np.zeros([1, 2, 2]), np.zeros([1, 2, 2]), np.diag([1.0, 1, 1])[None]),
        (np.ones([1, 2, 2]), np.ones([1, 2, 2]), np.zeros([1, 3, 3])),
    ):
        inputs = [x.astype(np.float32) for x in (points1, points2, matrix)]
        distance = partial(ops.epipolar_distance, kind=kind)
        assert np.isfinite(distance(*inputs)).all()
        assert all(np.isfinite(g).all() for g in gradients(distance, *inputs))


@pytest.mark.parametrize("kind", ["symmetric", "sampson"])
def test_the_gradient_of_a_distance_is_that_of_differences(kind):
    inputs = scenes(1, 3, noise=0.05)
    distance = partial(ops.epipolar_distance, kind=kind)
    for i, gradient in enumerate(gradients(distance, *inputs)):
        expected = differences(distance, inputs, i)
        np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-7)


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="kind='nearest'"):
        ops.epipolar_distance(*scenes(1, 2), kind="nearest")
