"""ops.local_maxima and ops.heatmap_peaks: a slow definition, plateaus, summits between pixels."""

import numpy as np
import pytest
import tensorflow as tf

from tfvision import ops

INF, NAN, LOWEST = float("inf"), float("nan"), np.finfo(np.float32).min


def random(*shape, seed=0, kind=np.float32):
    return np.random.default_rng(seed).normal(size=shape).astype(kind)


def plateaus(*shape, seed=0):
    """Maps of four values, so that many pixels are equal."""
    return np.random.default_rng(seed).integers(0, 4, shape).astype(np.float32)


def slow_peaks(plane, radius, threshold):
    """[h, w] -> the peaks' (y, x), row after row, by the definition."""
    h, w = plane.shape
    found = []
    for y, x in np.ndindex(h, w):
        top, left = max(y - radius, 0), max(x - radius, 0)
        window = plane[top : y + radius + 1, left : x + radius + 1]
        first = np.argwhere(window == window.max())[0]
        if plane[y, x] > threshold and (first == (y - top, x - left)).all():
            found.append((y, x))
    return found


def slow_maxima(scores, radius, threshold):
    maps = np.full_like(scores, LOWEST)
    for i, j in np.ndindex(scores.shape[0], scores.shape[3]):
        for y, x in slow_peaks(scores[i, ..., j], radius, threshold):
            maps[i, y, x, j] = scores[i, y, x, j]
    return maps


@pytest.mark.parametrize("radius", [0, 1, 2, 3, 5])
def test_200_maps_with_and_without_plateaus_equal_the_slow_definition(radius):
    for scores in (random(10, 7, 9, 10), plateaus(10, 9, 7, 10)):
        for threshold in (-INF, 0.5):
            found = ops.local_maxima(scores, radius=radius, threshold=threshold)
            np.testing.assert_array_equal(found, slow_maxima(scores, radius, threshold))


@pytest.mark.parametrize("value", [0.0, -3.0, INF])
def test_a_flat_map_has_one_peak_in_its_first_pixel(value):
    points, values = ops.heatmap_peaks(np.full([1, 5, 6, 1], value, np.float32), count=3)
    np.testing.assert_array_equal(points, [[[[0, 0], [-1, -1], [-1, -1]]]])
    np.testing.assert_array_equal(values, [[[value, 0, 0]]])


def test_a_plateau_wider_than_the_window_keeps_its_first_pixel_alone():
    scores = np.zeros([1, 9, 9, 1], np.float32)
    scores[0, 2:7, 1:8] = 1
    found = np.argwhere(ops.local_maxima(scores, threshold=0.5)[0, ..., 0] == 1)
    np.testing.assert_array_equal(found, [[2, 1]])


def test_no_two_peaks_are_within_reach_of_each_other():
    for radius in (1, 2, 4):
        maps = ops.local_maxima(plateaus(4, 20, 20, 3), radius=radius).numpy()
        for i, j in np.ndindex(4, 3):
            at = np.argwhere(maps[i, ..., j] > LOWEST)
            apart = np.abs(at[:, None] - at[None]).max(-1) + 99 * np.eye(len(at))
            assert apart.min() > radius


@pytest.mark.parametrize("impl", ["portable", "compiled"])
def test_the_highest_peaks_come_first_and_equal_ones_row_after_row(impl):
    scores = np.concatenate([random(5, 8, 9, 20), plateaus(5, 8, 9, 20)], -1)
    points, values = ops.heatmap_peaks(scores, count=6, threshold=0.2, impl=impl)
    for i, j in np.ndindex(5, 40):
        plane = scores[i, ..., j]
        peaks = sorted(slow_peaks(plane, 1, 0.2), key=lambda at: -plane[at])[:6]
        free = 6 - len(peaks)
        expected = [(x, y) for y, x in peaks] + [(-1, -1)] * free
        np.testing.assert_array_equal(points[i, j], expected)
        np.testing.assert_array_equal(values[i, j], [plane[at] for at in peaks] + [0] * free)


def test_nan_and_what_is_not_above_the_threshold_is_no_peak_and_hides_none():
    scores = np.zeros([1, 5, 5, 1], np.float32)
    scores[0, 2, 2], scores[0, 2, 3], scores[0, 0, 0] = 2, NAN, 1
    points, values = ops.heatmap_peaks(scores, count=3, threshold=1.0)
    np.testing.assert_array_equal(points[0, 0], [[2, 2], [-1, -1], [-1, -1]])
    np.testing.assert_array_equal(values[0, 0], [2, 0, 0])
    points, _ = ops.heatmap_peaks(np.full([1, 3, 3, 1], NAN, np.float32), count=1)
    np.testing.assert_array_equal(points, [[[[-1, -1]]]])


def test_each_map_may_have_its_own_threshold():
    scores = np.tile(random(1, 6, 6, 1), [1, 1, 1, 2])
    found = ops.local_maxima(scores, threshold=np.float32([-9, 9]))
    assert (found[..., 0] > LOWEST).numpy().any() and not (found[..., 1] > LOWEST).numpy().any()


@pytest.mark.parametrize("shape", [(0, 4, 4, 2), (2, 4, 4, 0), (2, 1, 1, 1), (1, 1, 4, 1)])
def test_small_maps_and_more_slots_than_pixels_are_fine(shape):
    for impl in ("portable", "compiled"):
        for refine in (None, "parabola", "centroid"):
            points, values = ops.heatmap_peaks(
                np.ones(shape, np.float32), count=9, refine=refine, impl=impl
            )
            b, _, _, k = shape
            assert points.shape == (b, k, 9, 2) and values.shape == (b, k, 9)
            assert (points.numpy()[:, :, 1:] == -1).all()


def test_sizes_may_be_unknown_while_tracing():
    spec = tf.TensorSpec([None, None, None, 2], tf.float32)
    find = tf.function(
        lambda s: ops.heatmap_peaks(s, count=30, refine="parabola"), input_signature=[spec]
    )
    for h, w in ((3, 8), (9, 7)):
        scores = random(2, h, w, 2)
        for a, b in zip(find(scores), ops.heatmap_peaks(scores, count=30, refine="parabola"),
                        strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("refine, within", [
    (None, 0.5), ("quarter", 0.25), ("parabola", 0.07), ("gaussian", 1e-4), ("centroid", 0.15),
])
def test_200_gaussians_are_found_between_the_pixels(refine, within):
    points = np.random.default_rng(0).uniform(5, 14, [10, 20, 2]).astype(np.float32)
    maps = ops.render_heatmaps(points, size=(20, 20), sigma=1.2)
    found, _ = ops.heatmap_peaks(maps, count=1, refine=refine)
    assert np.abs(found[:, :, 0] - points).max() < within + 1e-4


def test_a_parabola_is_found_exactly():
    y, x = np.mgrid[:9, :9]
    scores = 5 - (x - 4.3) ** 2 - 2 * (y - 2.8) ** 2
    found, values = ops.heatmap_peaks(scores[None, ..., None], count=1, refine="parabola")
    np.testing.assert_allclose(found[0, 0, 0], [4.3, 2.8])
    np.testing.assert_allclose(values[0, 0, 0], scores[3, 4])  # That of the pixel.


def test_a_quarter_pixel_goes_to_the_higher_neighbour():
    scores = np.float32([[0, 1, 0], [3, 9, 2], [0, 1, 0]])
    found, _ = ops.heatmap_peaks(scores[None, ..., None], count=1, refine="quarter")
    np.testing.assert_array_equal(found[0, 0, 0], [0.75, 1])


@pytest.mark.parametrize("refine", ["quarter", "parabola", "gaussian"])
@pytest.mark.parametrize("bad", ["border", NAN, -INF])
def test_without_a_neighbour_a_peak_stays_in_the_centre_of_its_pixel(refine, bad):
    scores = np.float32([[1, 2, 1], [2, 9, 4], [1, 3, 1]])
    if bad == "border":
        scores = scores[:, 1:]  # Nothing on the left.
    else:
        scores[1, 0] = bad
    points, _ = ops.heatmap_peaks(scores[None, ..., None], count=1, refine=refine)
    x, y = points.numpy()[0, 0, 0]
    assert x == (0 if bad == "border" else 1) and 1 < y < 1.5


def test_the_centroid_equals_the_slow_one_also_at_borders():
    scores = random(4, 9, 10, 50)
    points, _ = ops.heatmap_peaks(scores, count=1, refine="centroid")
    whole, _ = ops.heatmap_peaks(scores, count=1)
    for i, j in np.ndindex(4, 50):
        x, y = whole.numpy()[i, j, 0].astype(int)
        rows, columns = np.mgrid[max(y - 3, 0) : min(y + 4, 9), max(x - 3, 0) : min(x + 4, 10)]
        weights = np.maximum(scores[i, rows, columns, j], 0)
        expected = [(weights * at).sum() / weights.sum() for at in (columns, rows)]
        np.testing.assert_allclose(points[i, j, 0], expected, atol=1e-4)


def test_where_no_score_is_positive_the_logarithm_and_the_centroid_stay_in_the_pixel():
    scores = random(1, 6, 6, 1) - 9
    whole, _ = ops.heatmap_peaks(scores, count=4)
    for refine in ("gaussian", "centroid"):
        found, _ = ops.heatmap_peaks(scores, count=4, refine=refine)
        np.testing.assert_array_equal(found, whole)


@pytest.mark.parametrize("refine", ["parabola", "gaussian", "centroid"])
@pytest.mark.parametrize("impl", ["portable", "compiled"])
def test_gradients_of_values_and_points_equal_differences(refine, impl):
    scores = tf.constant(np.random.default_rng(3).uniform(1, 2, [1, 4, 5, 1]))
    for part in (0, 1):
        theory, numeric = tf.test.compute_gradient(
            lambda s, part=part: ops.heatmap_peaks(s, count=3, refine=refine, impl=impl)[part],
            [scores], 1e-6,
        )
        np.testing.assert_allclose(theory[0], numeric[0], atol=1e-6)
        assert np.abs(theory[0]).max() > 0


@pytest.mark.parametrize("scores", [np.zeros([1, 3, 3, 1]), np.full([1, 3, 3, 1], NAN),
                                    np.full([1, 3, 3, 1], INF), np.ones([1, 1, 1, 1])])
@pytest.mark.parametrize("refine", ["parabola", "gaussian", "centroid"])
def test_gradients_are_finite_on_flat_and_hostile_maps(scores, refine):
    scores = tf.constant(scores)
    with tf.GradientTape() as tape:
        tape.watch(scores)
        total = sum(map(tf.reduce_sum, ops.heatmap_peaks(scores, count=2, refine=refine)))
    assert np.isfinite(tape.gradient(total, scores)).all()


def test_half_precision_gives_points_in_float32():
    scores = tf.cast(random(1, 4, 300, 1), tf.bfloat16)
    points, values = ops.heatmap_peaks(scores, count=5)
    assert points.dtype == values.dtype == tf.float32
    np.testing.assert_array_equal(points, ops.heatmap_peaks(tf.cast(scores, "float32"), count=5)[0])


@pytest.mark.parametrize("wrong, told", [
    ({"count": 0}, "count=0"), ({"radius": -1}, "radius=-1"), ({"refine": "best"}, "refine='best'"),
    ({"impl": "fast"}, "impl='fast'"),
])
def test_what_is_wrong_is_told_by_name(wrong, told):
    with pytest.raises(ValueError, match=told):
        ops.heatmap_peaks(np.zeros([1, 3, 3, 1]), **{"count": 1} | wrong)
    with pytest.raises(ValueError, match=r"scores=\(3, 3\)"):
        ops.heatmap_peaks(np.zeros([3, 3]), count=1)
