"""metrics.linear_probe: a convex problem has one answer."""

import numpy as np
import pytest
import tensorflow as tf

from tfvision.metrics import linear_probe


def groups(n=240, d=4, classes=3, apart=2.0, seed=0):
    """Features around a centre for each class, and the classes."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(7).normal(size=[classes, d]) * apart
    label = np.arange(n) % classes
    return (centres[label] + random.normal(size=[n, d])).astype(np.float32), label


def loss(weights, x, label, penalty):
    logits = tf.constant(x) @ weights[:-1] + weights[-1]
    error = tf.nn.sparse_softmax_cross_entropy_with_logits(label, logits)
    return tf.reduce_mean(error) + penalty / 2 * tf.reduce_sum(weights[:-1] ** 2)


@pytest.mark.parametrize("penalty", [1e-1, 1e-3])
def test_the_slope_vanishes_at_the_weights_that_are_found(penalty):
    x, label = groups()
    weights = tf.constant(linear_probe.regression(x, label, 3, penalty))
    with tf.GradientTape() as tape:
        tape.watch(weights)
        value = loss(weights, x, label, penalty)
    assert np.abs(tape.gradient(value, weights)).max() < 3e-5
    assert value < loss(weights * 0, x, label, penalty)


def test_the_answer_does_not_depend_on_the_way_along_the_penalties():
    train = groups()
    cold, warm = (linear_probe._path(*train, 3, way, 100)[-1] for way in ([1e-3], [1.0, 1e-3]))
    np.testing.assert_allclose(cold - cold.mean(1, keepdims=True),
                               warm - warm.mean(1, keepdims=True), atol=3e-3)


def test_classes_that_a_plane_divides_are_told_apart_and_shuffled_ones_are_not():
    train, test = groups(600, apart=6.0), groups(300, apart=6.0, seed=1)
    assert linear_probe.linear_probe(train, test, classes=3)[0] > 0.99
    random = np.random.default_rng(2)
    shuffled = train[0], random.permutation(train[1])
    assert linear_probe.linear_probe(shuffled, test, classes=3)[0] < 0.6


def test_units_and_origin_of_the_features_do_not_matter():
    train, test = groups(), groups(60, seed=1)
    moved = [(x * 1000 + 50, label) for x, label in (train, test)]
    found = [linear_probe.linear_probe(*pair, classes=3) for pair in ((train, test), moved)]
    assert found[0][1] == found[1][1] and found[0][0] == pytest.approx(found[1][0], abs=0.02)


def test_the_penalty_is_chosen_without_the_test_rows():
    train, test = groups(apart=0.5), groups(60, seed=1, apart=0.5)
    wrong = test[0], (test[1] + 1) % 3
    chosen = [linear_probe.linear_probe(train, rows, classes=3)[1] for rows in (test, wrong)]
    assert chosen[0] == chosen[1]


def test_noise_with_few_rows_wants_a_stronger_penalty():
    random = np.random.default_rng(3)
    x, label = groups(120, apart=1.0)
    noisy = np.concatenate([x, random.normal(size=[120, 200])], 1).astype(np.float32)
    y, other = groups(300, apart=1.0, seed=1)
    test = np.concatenate([y, random.normal(size=[300, 200])], 1).astype(np.float32), other
    penalties = (1.0, 1e-1, 1e-4)
    _, penalty = linear_probe.linear_probe((noisy, label), test, classes=3, penalties=penalties)
    assert penalty >= 1e-1


def test_features_without_any_difference_are_survived():
    x, label = np.ones([24, 3]), np.arange(24) % 2
    accuracy, _ = linear_probe.linear_probe((x, label), (x, label), classes=2)
    assert accuracy == 0.5
