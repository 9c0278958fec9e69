"""ops.soft_argmax and ops.render_heatmaps: known answers, slow references, hostile maps."""

from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from tfvision import ops

INF, NAN = float("inf"), float("nan")


def random(*shape, seed=0, kind=np.float64):
    return np.random.default_rng(seed).normal(size=shape).astype(kind)


def slow_mean(scores, beta):
    """[b, h, w, k] -> [b, k, 2], map by map."""
    b, h, w, k = scores.shape
    y, x = np.mgrid[:h, :w]
    found = np.empty([b, k, 2])
    for i, j in np.ndindex(b, k):
        weights = np.exp(beta * (scores[i, ..., j] - scores[i, ..., j].max()))
        found[i, j] = [(weights * at).sum() / weights.sum() for at in (x, y)]
    return found


def gradient(function, x):
    x = tf.convert_to_tensor(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    return tape.gradient(y, x)


def assert_gradients(function, *inputs, atol=1e-6):
    theory, numeric = tf.test.compute_gradient(function, list(map(tf.constant, inputs)), 1e-6)
    for a, b in zip(theory, numeric, strict=True):
        assert np.isfinite(a).all()
        np.testing.assert_allclose(a, b, atol=atol)


@pytest.mark.parametrize("compiled", [False, True])
def test_200_maps_of_any_width_equal_the_slow_mean(compiled):
    find = tf.function(partial(ops.soft_argmax, beta=3.0), jit_compile=compiled)
    for shape in ((20, 7, 9, 10), (200, 4, 3, 1)):
        scores = 2 * random(*shape, kind=np.float32)
        np.testing.assert_allclose(find(scores), slow_mean(scores, 3.0), atol=2e-5)


def test_the_point_is_x_then_y_in_pixels_from_the_first_centre():
    scores = np.zeros([1, 5, 8, 1])
    scores[0, 1, 6, 0] = 1
    np.testing.assert_allclose(ops.soft_argmax(scores, beta=1e4), [[[6, 1]]])


@pytest.mark.parametrize("value", [0.0, 7.0, -1e30, 1e30])
def test_where_all_are_equal_it_is_exactly_the_centre(value):
    scores = np.full([2, 6, 9, 3], value, np.float32)
    np.testing.assert_allclose(ops.soft_argmax(scores), np.full([2, 3, 2], [4, 2.5]), atol=1e-6)
    assert np.isfinite(gradient(ops.soft_argmax, scores)).all()


def test_a_map_of_one_pixel_has_its_point_there():
    np.testing.assert_array_equal(ops.soft_argmax(np.float32([[[[3, -INF]]]])), [[[0, 0], [0, 0]]])


def test_a_constant_added_to_a_map_changes_nothing():
    scores = random(2, 5, 6, 2)
    np.testing.assert_allclose(ops.soft_argmax(scores), ops.soft_argmax(scores + 1e6), atol=1e-8)


def test_a_gaussian_inside_is_found_to_a_twentieth_of_a_pixel():
    centres = np.random.default_rng(0).uniform(8, 15, [200, 2])
    y, x = np.mgrid[:24, :24]
    squared = (x - centres[:, :1, None]) ** 2 + (y - centres[:, 1:, None]) ** 2
    found = ops.soft_argmax(-squared[..., None] / (2 * 1.5**2))[:, 0]
    assert np.abs(found - centres).max() < 0.05


def test_minus_infinity_has_no_weight_and_no_gradient():
    scores = random(1, 4, 6, 1)
    scores[:, :, 3:] = -INF
    np.testing.assert_allclose(ops.soft_argmax(scores), ops.soft_argmax(scores[:, :, :3]))
    slope = gradient(ops.soft_argmax, scores).numpy()
    np.testing.assert_allclose(slope[:, :, :3], gradient(ops.soft_argmax, scores[:, :, :3]))
    assert (slope[:, :, 3:] == 0).all()


@pytest.mark.parametrize("bad", [-INF, INF, NAN, "one NaN", "one inf"])
@pytest.mark.parametrize("compiled", [False, True])
def test_a_map_without_a_mean_gives_the_centre_and_leaves_the_others_alone(bad, compiled):
    scores = random(1, 8, 16, 2, kind=np.float32)
    if isinstance(bad, str):
        scores[0, 2, 1, 0] = float(bad.split()[1])
    else:
        scores[..., 0] = bad
    read = tf.function(lambda s: (p := ops.soft_argmax(s), tf.gradients(p, s)[0]),
                       jit_compile=compiled)
    points, slope = read(tf.constant(scores))
    np.testing.assert_allclose(points[0, 0], [7.5, 3.5])
    np.testing.assert_allclose(points[0, 1], slow_mean(scores[..., 1:], 1.0)[0, 0], atol=1e-5)
    assert (slope[..., 0].numpy() == 0).all()
    assert np.isfinite(slope).all() and np.abs(slope[..., 1]).max() > 0


@pytest.mark.parametrize("scores", [random(2, 3, 4, 2), np.zeros([1, 3, 3, 1]), 30 * np.eye(4)[
    None, ..., None]], ids=["random", "equal", "sharp"])
def test_the_gradient_equals_differences(scores):
    assert_gradients(partial(ops.soft_argmax, beta=2.0), scores)


def test_gradients_of_gradients_and_of_beta_equal_differences():
    scores, beta = random(1, 3, 4, 1), tf.constant(1.3, tf.float64)
    assert_gradients(lambda s: gradient(lambda t: ops.soft_argmax(t) ** 2, s), scores)
    assert_gradients(lambda beta: ops.soft_argmax(scores, beta=beta), beta)


def test_half_precision_gives_points_in_float32():
    scores = 4 * random(1, 40, 300, 1, kind=np.float16)
    for kind in (tf.float16, tf.bfloat16):
        cast = tf.cast(scores, kind)
        found = ops.soft_argmax(cast)
        assert found.dtype == tf.float32  # bfloat16 has steps of 2 px at 300 px.
        np.testing.assert_allclose(found, ops.soft_argmax(tf.cast(cast, tf.float64)), atol=1e-3)


def test_no_maps_give_no_points():
    assert ops.soft_argmax(np.zeros([0, 3, 4, 2])).shape == (0, 2, 2)
    assert ops.soft_argmax(np.zeros([2, 3, 4, 0])).shape == (2, 0, 2)


def test_any_size_is_taken_while_tracing():
    spec = tf.TensorSpec([None, None, None, 2], tf.float64)
    find = tf.function(ops.soft_argmax, input_signature=[spec])
    for h, w in ((1, 5), (7, 3)):
        scores = random(2, h, w, 2)
        np.testing.assert_allclose(find(scores), slow_mean(scores, 1.0))


@pytest.mark.parametrize("beta", [0, -1.0, NAN])
def test_a_beta_that_is_not_positive_is_refused(beta):
    with pytest.raises(ValueError, match="beta="):
        ops.soft_argmax(np.zeros([1, 2, 2, 1]), beta=beta)


def test_maps_without_channels_are_refused():
    with pytest.raises(ValueError, match=r"scores=\(4, 4\)"):
        ops.soft_argmax(np.zeros([4, 4]))


def slow_maps(points, visible, size, scale):
    b, p, k, _ = points.shape
    maps = np.zeros([b, *size, k])
    for i, y, x, j in np.ndindex(*maps.shape):
        for person in range(p):
            if visible[i, person, j]:
                d = ((points[i, person, j] - [x, y]) ** 2).sum()
                maps[i, y, x, j] = max(maps[i, y, x, j], np.exp(-d / scale))
    return maps


@pytest.mark.parametrize("half", [True, False])
@pytest.mark.parametrize("compiled", [False, True])
def test_200_maps_of_several_people_equal_the_slow_ones(half, compiled):
    points = np.random.default_rng(0).uniform(-3, 9, [20, 3, 10, 2]).astype(np.float32)
    visible = np.random.default_rng(1).random([20, 3, 10]) < 0.7
    draw = tf.function(
        partial(ops.render_heatmaps, size=(5, 6), sigma=1.3, half=half), jit_compile=compiled
    )
    expected = slow_maps(points, visible, (5, 6), 1.3**2 * (2 if half else 1))
    np.testing.assert_allclose(draw(points, visible=visible), expected, atol=1e-5)


@pytest.mark.parametrize("half, answer", [(True, np.exp(-0.5)), (False, np.exp(-1))])
def test_at_a_distance_of_sigma_the_two_conventions_differ(half, answer):
    maps = ops.render_heatmaps(np.array([[[4.0, 3]]]), size=(8, 9), sigma=2.0, half=half)
    np.testing.assert_allclose([maps[0, 3, 4, 0], maps[0, 3, 6, 0], maps[0, 1, 4, 0]],
                               [1, answer, answer])


def test_people_are_joined_by_the_maximum_and_do_not_raise_each_other():
    both = np.array([[[[2.0, 2]], [[4.0, 2]]]])
    one, other = (ops.render_heatmaps(both[:, i], size=(5, 7), sigma=1.0) for i in (0, 1))
    maps = ops.render_heatmaps(both, size=(5, 7), sigma=1.0)
    np.testing.assert_array_equal(maps, tf.maximum(one, other))
    assert maps[0, 2, 2, 0] == maps[0, 2, 4, 0] == 1


def test_nobody_visible_draws_nothing():
    points = np.array([[[2.0, 2], [NAN, 1], [INF, 1]]])
    maps = ops.render_heatmaps(points, size=(4, 5), sigma=1.0, visible=np.array([[0, 1, 2]]))
    np.testing.assert_array_equal(maps, np.zeros([1, 4, 5, 3]))
    slope = gradient(lambda p: ops.render_heatmaps(p, size=(4, 5), sigma=1.0), points)
    assert np.isfinite(slope).all()
    nobody = ops.render_heatmaps(np.zeros([2, 0, 3, 2]), size=(4, 5), sigma=1.0, background=True)
    np.testing.assert_array_equal(nobody, np.broadcast_to([0, 0, 0, 1], [2, 4, 5, 4]))


def test_the_background_is_what_the_others_leave():
    maps = ops.render_heatmaps(random(2, 3, 2), size=(4, 5), sigma=1.0, background=True).numpy()
    assert maps.shape == (2, 4, 5, 4)
    np.testing.assert_allclose(maps[..., -1], 1 - maps[..., :-1].max(-1))


def test_each_key_point_may_have_its_own_sigma():
    points = np.full([1, 2, 2], 3.0)
    maps = ops.render_heatmaps(points, size=(7, 7), sigma=[1.0, 3.0]).numpy()
    for i, sigma in enumerate((1.0, 3.0)):
        alone = ops.render_heatmaps(points[:, :1], size=(7, 7), sigma=sigma)
        np.testing.assert_allclose(maps[..., i : i + 1], alone)


def test_soft_argmax_reads_what_was_drawn():
    points = np.random.default_rng(0).uniform(6, 13, [10, 20, 2])
    maps = ops.render_heatmaps(points, size=(20, 20), sigma=1.5)
    np.testing.assert_allclose(ops.soft_argmax(tf.math.log(maps)), points, atol=0.05)


def test_the_gradient_of_the_drawing_equals_differences():
    points = np.random.default_rng(0).uniform(0, 4, [1, 2, 2, 2])
    assert_gradients(lambda p: ops.render_heatmaps(p, size=(3, 4), sigma=1.2), points)
    assert_gradients(lambda p: ops.render_heatmaps(p, size=(3, 4), sigma=1.2),
                     np.array([[[1.0, 2.0], [0.0, 0.0]]]))


def test_points_of_another_shape_are_refused():
    for shape in ((4, 2), (1, 4, 3)):
        with pytest.raises(ValueError, match="points="):
            ops.render_heatmaps(np.zeros(shape), size=(4, 4), sigma=1.0)
