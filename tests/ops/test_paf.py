"""ops.render_pafs and ops.paf_scores: the paper's eqs. 8 to 10, and limbs that are none."""

from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from tfvision import ops

NAN = float("nan")


def uniform(*shape, low=0.0, high=9.0, seed=0):
    return np.random.default_rng(seed).uniform(low, high, shape)


def constant_field(x, y, size=12):
    return np.broadcast_to(np.float64([x, y]), [1, size, size, 1, 2])


def point(x, y):
    return np.float64([[[[x, y]]]])


def bilinear(plane, x, y):
    total = 0.0
    for row in (int(np.floor(y)), int(np.floor(y)) + 1):
        for column in (int(np.floor(x)), int(np.floor(x)) + 1):
            if 0 <= row < plane.shape[0] and 0 <= column < plane.shape[1]:
                total = total + plane[row, column] * (1 - abs(x - column)) * (1 - abs(y - row))
    return total


def slow_scores(paf, begin, end, samples):
    """[b, c, n, m], limb by limb and sample by sample."""
    b, c, n, _ = begin.shape
    found = np.zeros([b, c, n, end.shape[2]])
    for i, j, s, t in np.ndindex(*found.shape):
        step = end[i, j, t] - begin[i, j, s]
        for u in np.linspace(0, 1, samples):
            field = bilinear(paf[i, :, :, j], *(begin[i, j, s] + u * step))
            found[i, j, s, t] += (field * step).sum() / np.linalg.norm(step) / samples
    return found


def slow_pafs(begin, end, size, width):
    b, p, c, _ = begin.shape
    field = np.zeros([b, *size, c, 2])
    for i, y, x, j in np.ndindex(b, *size, c):
        on = []
        for person in range(p):
            step = end[i, person, j] - begin[i, person, j]
            length = np.linalg.norm(step)
            unit, away = step / length, [x, y] - begin[i, person, j]
            along, across = unit @ away, unit[0] * away[1] - unit[1] * away[0]
            if -1e-3 <= along <= length + 1e-3 and abs(across) <= width + 1e-3:
                on.append(unit)
        if on:
            field[i, y, x, j] = np.mean(on, 0)
    return field


@pytest.mark.parametrize("field, answer", [((0.6, 0.8), 1), ((-0.8, 0.6), 0), ((-0.6, -0.8), -1)])
@pytest.mark.parametrize("samples", [1, 2, 10])
def test_a_perfect_field_scores_1_a_perpendicular_0_a_reversed_minus_1(field, answer, samples):
    score = ops.paf_scores(
        constant_field(*field), point(2, 3), point(5, 7), samples=samples
    )
    np.testing.assert_allclose(score, [[[[answer]]]], atol=1e-6)


@pytest.mark.parametrize("compiled", [False, True])
def test_200_limbs_equal_the_slow_integral_also_outside(compiled):
    paf = np.random.default_rng(0).normal(size=[2, 7, 9, 5, 2])
    begin, end = uniform(2, 5, 4, 2, low=-3, high=11), uniform(2, 5, 6, 2, low=-3, seed=1)
    score = tf.function(partial(ops.paf_scores, samples=7), jit_compile=compiled)
    np.testing.assert_allclose(
        score(paf, begin, end), slow_scores(paf, begin, end, 7), atol=1e-9
    )


def test_the_score_is_the_mean_of_the_samples():
    paf = np.random.default_rng(0).normal(size=[1, 6, 6, 2, 2])
    begin, end = uniform(1, 2, 3, 2, high=5), uniform(1, 2, 4, 2, high=5, seed=1)
    along = ops.paf_samples(paf, begin, end, samples=10)
    assert along.shape == (1, 2, 3, 4, 10)
    np.testing.assert_allclose(along.numpy().mean(-1), ops.paf_scores(paf, begin, end))


def test_what_is_no_limb_scores_0_with_finite_gradients():
    begin = tf.constant([[[[3.0, 3], [-1, -1], [NAN, 2]]]])
    end = tf.constant([[[[3.0, 3], [-1, -1], [np.inf, 2], [6, 3]]]])
    paf = tf.constant(constant_field(1, 0), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch([paf, begin, end])
        scores = ops.paf_scores(paf, begin, end)
    np.testing.assert_allclose(scores[0, 0], [[0, 0, 0, 1], [0] * 4, [0] * 4], atol=1e-6)
    for slope in tape.gradient(scores, [paf, begin, end]):
        assert np.isfinite(slope).all()


def test_no_candidates_give_no_scores():
    paf = np.zeros([2, 4, 4, 3, 2])
    assert ops.paf_scores(paf, np.zeros([2, 3, 0, 2]), np.zeros([2, 3, 5, 2])).shape == (2, 3, 0, 5)
    assert ops.paf_scores(
        paf[:0], np.zeros([0, 3, 1, 2]), np.zeros([0, 3, 1, 2])
    ).shape == (0, 3, 1, 1)


def test_gradients_of_scores_equal_differences():
    paf = np.random.default_rng(0).normal(size=[1, 3, 4, 1, 2])
    begin, end = (uniform(1, 1, 2, 2, low=0.3, high=2.8, seed=seed) for seed in (1, 2))
    theory, numeric = tf.test.compute_gradient(
        partial(ops.paf_scores, samples=4), [paf, begin, end], 1e-7
    )
    for a, b in zip(theory, numeric, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("compiled", [False, True])
def test_200_drawn_limbs_equal_the_slow_field(compiled):
    begin, end = uniform(10, 2, 10, 2, low=-2), uniform(10, 2, 10, 2, low=-2, seed=1)
    draw = tf.function(partial(ops.render_pafs, size=(8, 7), width=1.2), jit_compile=compiled)
    np.testing.assert_allclose(draw(begin, end), slow_pafs(begin, end, (8, 7), 1.2), atol=1e-9)


@pytest.mark.parametrize("end", [(9, 2), (2, 9), (9, 9), (9, 5)])
def test_what_was_drawn_between_pixels_scores_1(end):
    begin = point(2, 2)
    paf = ops.render_pafs(begin, point(*end), size=(12, 12), width=2.0)
    score = ops.paf_scores(paf, begin, point(*end))
    back = ops.paf_scores(paf, point(*end), begin)
    np.testing.assert_allclose(score, 1, atol=1e-6 if end != (9, 5) else 0.05)
    np.testing.assert_allclose(back, -score, atol=1e-6)


def test_where_limbs_of_two_people_cross_the_field_is_their_mean():
    begin, end = np.float64([[[[0, 3]], [[3, 0]]]]), np.float64([[[[6, 3]], [[3, 6]]]])
    field = ops.render_pafs(begin, end, size=(7, 7), width=0.5).numpy()[0, :, :, 0]
    np.testing.assert_allclose(field[3, 3], [0.5, 0.5])
    np.testing.assert_allclose(field[3, 1], [1, 0])
    np.testing.assert_allclose(field[1, 3], [0, 1])
    np.testing.assert_allclose(field[0, 0], [0, 0])


def test_right_limbs_win_over_crossed_ones():
    begin, end = np.float64([[[[1, 2]], [[1, 12]]]]), np.float64([[[[14, 12]], [[14, 2]]]])
    paf = ops.render_pafs(begin, end, size=(16, 16))
    ends = [np.swapaxes(x, 1, 2) for x in (begin, end)]
    scores = ops.paf_scores(paf, *ends).numpy()[0, 0]
    assert min(scores[0, 0], scores[1, 1]) > 0.8 > 0.4 > max(scores[0, 1], scores[1, 0])


def test_limbs_of_no_length_invisible_or_without_an_end_are_not_drawn():
    begin = np.float64([[[[2, 2], [1, 1], [NAN, 1], [1, 1]]]])
    end = np.float64([[[[2, 2], [5, 1], [5, 1], [5, np.inf]]]])
    visible = np.array([[[1, 0, 1, 1]]])
    field = ops.render_pafs(begin, end, size=(6, 6), visible=visible)
    np.testing.assert_array_equal(field, np.zeros([1, 6, 6, 4, 2]))
    drawn = ops.render_pafs(begin, end, size=(6, 6), visible=visible > -1).numpy()
    assert drawn[..., 1, :].any() and not drawn[..., 2:, :].any()
    nobody = ops.render_pafs(begin[:, :0], end[:, :0], size=(6, 6))
    np.testing.assert_array_equal(nobody, np.zeros([1, 6, 6, 4, 2]))


def test_gradients_of_the_drawing_are_those_of_the_direction():
    begin, end = np.float64([[[[0.3, 0.4], [2, 2]]]]), np.float64([[[[3.2, 2.3], [2, 2]]]])
    theory, numeric = tf.test.compute_gradient(
        lambda b: ops.render_pafs(b, end[:, :, :1], size=(4, 4)), [begin[:, :, :1]], 1e-7
    )
    np.testing.assert_allclose(theory[0], numeric[0], atol=1e-6)
    at = tf.constant(begin)
    with tf.GradientTape() as tape:
        tape.watch(at)
        field = ops.render_pafs(at, end, size=(4, 4))
    slope = tape.gradient(field, at).numpy()
    assert np.isfinite(slope).all() and (slope[0, 0, 1] == 0).all()


def test_peaks_and_scores_rebuild_two_people():
    joints = np.float64([[[[3, 3], [12, 4]], [[4, 12], [13, 12]]]])  # [b, person, joint, 2]
    maps = ops.render_heatmaps(joints, size=(16, 16), sigma=1.0)
    points, values = ops.heatmap_peaks(maps, count=3, threshold=0.5)
    paf = ops.render_pafs(joints[:, :, :1], joints[:, :, 1:], size=(16, 16))
    scores = ops.paf_scores(paf, points[:, :1], points[:, 1:]).numpy()[0, 0]
    assert (values.numpy()[..., 2] == 0).all() and (scores[2] == 0).all()
    assert (scores[:, 2] == 0).all()
    first = points.numpy()[0, 0, scores[:2, :2].argmax(0)]
    second = points.numpy()[0, 1, :2]
    pairs = {tuple(np.concatenate(pair)) for pair in zip(first, second, strict=True)}
    assert pairs == {(3, 3, 12, 4), (4, 12, 13, 12)}


def test_no_sample_at_all_is_refused():
    with pytest.raises(ValueError, match="samples=0"):
        ops.paf_scores(constant_field(1, 0), point(0, 0), point(1, 1), samples=0)
