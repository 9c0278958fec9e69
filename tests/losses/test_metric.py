"""losses.metric: the lecture's contrastive loss; those of batches against searches by loops."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from tfvision.losses import metric


def test_it_is_the_lecture_s_formula_with_one_half():
    same, distance = [True, True, False, False, False], [0.0, 3.0, 0.0, 0.4, 1.5]
    found = metric.contrastive(same, tf.constant(distance), margin=1.0)
    np.testing.assert_allclose(found, [0, 4.5, 0.5, 0.5 * 0.36, 0], rtol=1e-6)


def test_the_margin_is_in_units_of_the_distance():
    one = metric.contrastive([False, True], tf.constant([0.3, 0.3]), margin=1.0)
    ten = metric.contrastive([False, True], tf.constant([3.0, 3.0]), margin=10.0)
    np.testing.assert_allclose(ten, 100 * one.numpy(), rtol=1e-6)


def test_numbers_0_and_1_do_for_the_pairs():
    same = np.array([0, 1, 1, 0])
    distance = tf.constant([0.1, 0.2, 0.3, 0.4])
    np.testing.assert_array_equal(
        metric.contrastive(same, distance), metric.contrastive(same == 1, distance)
    )


@pytest.mark.parametrize("same, distance, slope", [
    (True, 0.5, 0.5), (False, 0.25, -0.75), (False, 2.0, 0.0), (True, 0.0, 0.0),
])
def test_equal_pairs_are_drawn_and_others_pushed_up_to_the_margin(same, distance, slope):
    at = tf.constant([distance])
    with tf.GradientTape() as tape:
        tape.watch(at)
        loss = metric.contrastive([same], at)
    np.testing.assert_allclose(tape.gradient(loss, at), [slope], atol=1e-6)


def test_hadsell_s_form_is_the_lecture_s_with_the_paper_s_label():
    same, distance = np.array([True, True, False, False]), tf.constant([0.5, 2.0, 0.2, 3.0])
    lecture = metric.contrastive(same, distance, margin=1.5)
    paper = metric.contrastive(1 - same.astype(int), distance, margin=1.5, form="hadsell")
    np.testing.assert_array_equal(lecture, paper)
    np.testing.assert_allclose(lecture, [0.125, 2, 0.845, 0], rtol=1e-6)


def test_other_forms_leave_out_the_half_or_the_square():
    same, distance = [True, False, False], tf.constant([3.0, 0.4, 1.5])
    found = metric.contrastive(same, distance, form="tfa")
    np.testing.assert_allclose(found, [9, 0.36, 0], rtol=1e-6)
    found = metric.contrastive(same, distance, form="linear")
    np.testing.assert_allclose(found, [3, 0.6, 0], rtol=1e-6)


def test_half_precision_gives_float32():
    found = metric.contrastive([True], tf.constant([300.0], tf.float16))
    assert found.dtype == tf.float32 and float(found[0]) == 45000


B, D, MARGIN = 7, 3, 0.5


def batches(count=200):
    """(kind, labels, embeddings): what training meets, and what it should not."""
    random = np.random.default_rng(0)
    kinds = ("random", "pairs", "one class", "all different", "duplicates", "zero vectors")
    for i in range(count):
        kind, x = kinds[i % len(kinds)], random.normal(size=[B, D])
        labels = random.integers(0, random.integers(2, 6), B)
        if kind == "pairs":
            labels = np.arange(B) // 2
        elif kind == "one class":
            labels[:] = 3
        elif kind == "all different":
            labels = random.permutation(B)
        elif kind == "duplicates":
            x = x[random.integers(0, 3, B)]
        elif kind == "zero vectors":
            x[random.random(B) < 0.5] = 0
        yield kind, labels, x


def lengths(x):
    return np.sqrt(((x[:, None] - x) ** 2).sum(-1))


def each_triplet(labels, apart):
    """(a, p, distances of a to all others) for each ordered pair of equals."""
    for a in range(len(labels)):
        others = apart[a, labels != labels[a]]
        for p in range(len(labels)):
            if p != a and labels[p] == labels[a] and len(others):
                yield a, p, others


def slow_semihard(labels, x, definition):
    apart, found = lengths(x), []
    for a, p, others in each_triplet(labels, apart):
        beyond = others[others > apart[a, p] + 1e-9]
        if definition == "tfa":
            beyond = beyond if len(beyond) else others.max(keepdims=True)
            found.append(max(0, apart[a, p] - beyond.min() + MARGIN))
        elif len(beyond) and beyond.min() < apart[a, p] + MARGIN:
            found.append(apart[a, p] - beyond.min() + MARGIN)
    return np.mean(found) if found else 0


def slow_hard(labels, x, soft):
    apart, found = lengths(x), np.zeros(len(labels))
    for a in range(len(labels)):
        equals, others = apart[a, labels == labels[a]], apart[a, labels != labels[a]]
        if len(others):
            gap = equals.max() - others.min()
            found[a] = np.log1p(np.exp(gap)) if soft else max(0, gap + MARGIN)
    return found.mean()


def slow_all(labels, x, soft):
    apart, found = lengths(x), []
    for a, p, others in each_triplet(labels, apart):
        for other in others:
            gap = apart[a, p] - other
            if soft:
                found.append(np.log1p(np.exp(gap)))
            elif gap + MARGIN > 1e-9:
                found.append(gap + MARGIN)
    return np.mean(found) if found else 0


def slow_lifted(labels, x):
    apart, found = lengths(x), []
    push = [np.exp(MARGIN - apart[i, labels != labels[i]]).sum() for i in range(len(labels))]
    for i in range(len(labels)):
        for j in range(i):
            if labels[i] == labels[j]:
                both = push[i] + push[j]
                energy = apart[i, j] + np.log(both) if both else 0
                found.append(max(0, energy) ** 2 / 2)
    return np.mean(found) if found else 0


def slow_npairs(labels, x):
    similarity, found = x @ x.T, []
    for own, row in zip(labels, similarity, strict=True):
        found.append(np.log(np.exp(row).sum()) - row[labels == own].mean())
    return np.mean(found)


def of_similarity(labels, x):
    x = tf.cast(x, tf.float32) if x.dtype == tf.float16 else x  # Products of 300 overflow it.
    return metric.npairs(labels, tf.matmul(x, x, transpose_b=True))


semihard, hard = (
    functools.partial(function, margin=MARGIN)
    for function in (metric.triplet_semihard, metric.triplet_hard)
)
LOSSES = {
    "facenet": (semihard, functools.partial(slow_semihard, definition="facenet")),
    "tfa": (functools.partial(semihard, definition="tfa"),
            functools.partial(slow_semihard, definition="tfa")),
    "hard": (hard, functools.partial(slow_hard, soft=False)),
    "soft": (functools.partial(hard, soft=True), functools.partial(slow_hard, soft=True)),
    "all": (functools.partial(metric.triplet_all, margin=MARGIN),
            functools.partial(slow_all, soft=False)),
    "all soft": (functools.partial(metric.triplet_all, soft=True),
                 functools.partial(slow_all, soft=True)),
    "lifted": (functools.partial(metric.lifted_structure, margin=MARGIN), slow_lifted),
    "npairs": (of_similarity, slow_npairs),
}


@functools.cache
def with_gradient(name, dtype=tf.float64, jit_compile=False):
    """A traced function of labels and embeddings: values, and the gradient of their mean."""
    loss, _ = LOSSES[name]
    shapes = [tf.TensorSpec([None], tf.int64), tf.TensorSpec([None, D], dtype)]

    @tf.function(input_signature=shapes, autograph=False, jit_compile=jit_compile)
    def both(labels, x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            values = loss(labels, x)
            mean = tf.reduce_mean(values)
        return values, tape.gradient(mean, x)

    return both


@pytest.mark.parametrize("name", LOSSES)
def test_the_mean_over_examples_is_what_loops_find_and_gradients_are_finite(name):
    both, (_, slow) = with_gradient(name), LOSSES[name]
    for kind, labels, x in batches():
        values, gradient = both(labels, x)
        assert values.shape == [B] and values.dtype == tf.float64
        np.testing.assert_allclose(np.mean(values), slow(labels, x), atol=1e-6, err_msg=kind)
        assert np.all(np.isfinite(gradient)), kind


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_equal_finite_differences(name):
    both = with_gradient(name)
    labels, x = np.array([0, 0, 0, 1, 1, 2]), np.random.default_rng(3).normal(size=[6, D])
    numeric = np.zeros_like(x)
    for at in np.ndindex(*x.shape):
        step = np.zeros_like(x)
        step[at] = 1e-6
        up, down = (np.mean(both(labels, x + side * step)[0]) for side in (1, -1))
        numeric[at] = (up - down) / 2e-6
    np.testing.assert_allclose(both(labels, x)[1], numeric, atol=1e-7)


@pytest.mark.parametrize("name", LOSSES)
def test_batches_of_one_of_far_vectors_and_of_half_precision_stay_finite(name):
    both = with_gradient(name, tf.float16)
    for scale in (0, 1, 100):
        for labels in ([0], [0, 1], [0, 0], [0, 0, 1, 1]):
            x = scale * np.random.default_rng(scale).normal(size=[len(labels), D])
            values, gradient = both(labels, x.astype(np.float16))
            assert values.dtype == tf.float32 and np.all(np.isfinite(values))
            assert np.all(np.isfinite(tf.cast(gradient, tf.float32)))


@pytest.mark.parametrize("name", LOSSES)
def test_xla_and_the_order_of_a_batch_make_no_difference(name):
    labels, x = np.array([0, 1, 0, 1, 2, 0]), np.random.default_rng(5).normal(size=[6, D])
    order = np.array([3, 1, 5, 0, 4, 2])
    truths = with_gradient(name)(labels, x)
    shuffled = with_gradient(name, jit_compile=True)(labels[order], x[order])
    for found, truth in zip(shuffled, truths, strict=True):
        np.testing.assert_allclose(found, truth.numpy()[order], atol=1e-9)


def test_values_belong_to_anchors():
    x = tf.constant([[0.0], [1.0], [1.2], [9.0], [20.0]])
    labels = [0, 0, 1, 1, 2]
    np.testing.assert_allclose(  # 5 anchors and 4 pairs, of which 20.0 has none.
        metric.triplet_semihard(labels, x, margin=0.5, definition="tfa"),
        [5 / 4 * 0.3, 0, 0, 5 / 4 * 0.3, 0], atol=1e-5
    )
    np.testing.assert_allclose(
        metric.triplet_hard(labels, x, margin=0.5), [0.3, 1.3, 8.1, 0.3, 0], atol=1e-5
    )


def test_facenet_counts_only_what_lies_within_the_margin():
    x = tf.constant([[0.0], [1.0], [1.3], [7.0]])
    found = metric.triplet_semihard([0, 0, 1, 2], x, margin=0.5)
    np.testing.assert_allclose(tf.reduce_mean(found), 0.2, atol=1e-6)  # 1.0 finds 1.3 before 0.0.
    far = metric.triplet_semihard([0, 0, 1, 2], x, margin=0.1)
    np.testing.assert_array_equal(far, np.zeros(4))


@pytest.mark.parametrize("distance, power", [("l2", 1), ("sql2", 2), ("cosine", 0)])
def test_losses_grow_with_the_power_of_the_distance(distance, power):
    x, labels = np.random.default_rng(1).normal(size=[8, 4]), [0, 0, 0, 1, 1, 2, 2, 2]
    for loss in (metric.triplet_hard, metric.triplet_semihard, metric.triplet_all):
        one, three = (
            loss(labels, scale * x, margin=0.5 * scale**power, distance=distance)
            for scale in (1, 3)
        )
        np.testing.assert_allclose(three, 3**power * one.numpy(), rtol=1e-9)


def test_the_cosine_is_of_angles_and_a_zero_vector_has_none():
    x = tf.constant([[2.0, 0.0], [1.0, 1.0], [0.0, 0.0], [-3.0, 0.0]], tf.float64)
    found = metric.triplet_hard([0, 0, 1, 2], x, margin=3.0, distance="cosine")
    near = 1 - 0.5**0.5
    np.testing.assert_allclose(found, [2 + near, 2 + near, 2, 2], rtol=1e-12)


def test_labels_need_not_fit_into_the_precision_of_the_similarity():
    similarity = tf.constant([[5.0, 0.0], [0.0, 5.0]], tf.float16)
    found = metric.npairs([2048, 2049], similarity)
    np.testing.assert_allclose(found, np.log1p(np.exp(-5)), rtol=1e-5)


def test_unknown_names_are_refused():
    x = tf.zeros([2, 2])
    with pytest.raises(ValueError, match="distance='manhattan'"):
        metric.triplet_hard([0, 1], x, distance="manhattan")
    with pytest.raises(ValueError, match="definition='keras'"):
        metric.triplet_semihard([0, 1], x, definition="keras")
    with pytest.raises(ValueError, match="form='l1'"):
        metric.contrastive([True], [1.0], form="l1")
