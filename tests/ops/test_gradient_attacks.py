"""ops.fgsm, ops.pgd, ops.random_perturbation: balls, signs, and who is fooled."""

from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from tfvision import ops
from tfvision.ops.lengths import length, project, safe_ratio, steepest

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=[6, 5]).astype(np.float32)
W = RANDOM.normal(size=[5, 3]).astype(np.float32)


def classify(x):
    return tf.matmul(x, W)


def test_one_step_goes_along_the_sign_of_the_gradient_of_the_loss():
    label = np.array([0, 1, 2, 0, 1, 2])
    found = ops.fgsm(classify, X, epsilon=0.3, label=label)
    logits = X @ W
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    gradient = (p - np.eye(3)[label]) @ W.T
    np.testing.assert_allclose(found.perturbation, 0.3 * np.sign(gradient), atol=1e-6)
    np.testing.assert_array_equal(found.fooled, np.argmax(classify(found.perturbed), 1) != label)
    along = ops.fgsm(classify, X, epsilon=0.3, label=label, norm="l2").perturbation
    unit = gradient / np.linalg.norm(gradient, axis=1, keepdims=True)
    np.testing.assert_allclose(along, 0.3 * unit, atol=1e-6)


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("gap", [10.0, 17.0, 40.0, 200.0])
def test_steps_lead_away_from_a_class_however_sure_it_is(gap, norm):
    """Behind a gap of 17 the class has the probability 1 in float32; along -x it loses all."""
    def sure(x):
        return tf.matmul(x, gap * tf.constant([[2.0, 1.0], [0.0, 0.0]]))

    x = np.array([[1.0, 0.5]], np.float32)
    steps = ops.fgsm(sure, x, epsilon=0.1, norm=norm), ops.pgd(
        sure, x, epsilon=0.1, step=0.03, steps=5, norm=norm
    )
    for found in steps:
        np.testing.assert_allclose(found.perturbation, [[-0.1, 0]], atol=1e-6)


def test_each_example_may_have_its_own_epsilon():
    epsilon = np.linspace(0, 1, 6, dtype=np.float32)
    found = ops.fgsm(classify, X, epsilon=epsilon).perturbation
    np.testing.assert_allclose(np.abs(found).max(1), epsilon, atol=1e-6)


def test_without_labels_the_class_that_is_given_is_left():
    found = ops.fgsm(classify, X, epsilon=0.0)
    np.testing.assert_array_equal(found.label, np.argmax(classify(X), 1))
    assert not np.any(found.fooled)
    np.testing.assert_array_equal(found.perturbed, X)


@pytest.mark.parametrize("norm, order", [("l2", 2), ("linf", np.inf)])
def test_many_steps_stay_in_the_ball_and_in_the_range(norm, order):
    index = tf.range(6, dtype=tf.int64)
    start = ops.random_perturbation(index, tf.constant(X), epsilon=0.5, norm=norm, seed=0)
    assert np.all(np.linalg.norm(start, order, axis=1) <= 0.5 + 1e-6)
    found = ops.pgd(classify, X, epsilon=0.5, step=0.2, steps=8, norm=norm, start=start,
                    clip=(-1.5, 1.5))
    assert np.all(np.linalg.norm(found.perturbation, order, axis=1) <= 0.5 + 1e-5 + np.maximum(
        np.abs(X).max(1) - 1.5, 0) * 5)
    assert np.abs(found.perturbed).max() <= 1.5
    np.testing.assert_array_equal(found.iterations, 8)


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_many_steps_reach_the_worst_of_a_linear_classifier_of_two(norm):
    """There f_1 - f_0 grows most along one direction: epsilon times the dual norm of w."""
    w = W[:, :2]
    found = ops.pgd(lambda x: tf.matmul(x, w), X, epsilon=0.4, step=0.1, steps=20, norm=norm,
                    label=np.zeros(6, int))
    way = w[:, 1] - w[:, 0]
    gain = found.perturbation.numpy() @ way
    np.testing.assert_allclose(gain, 0.4 * np.linalg.norm(way, 1 if norm == "linf" else 2),
                               rtol=1e-4)


def test_who_is_fooled_can_be_left_alone():
    runs = [ops.pgd(classify, X, epsilon=2.0, step=0.05, steps=n, stop_when_fooled=True)
            for n in (20, 40)]
    done = runs[0].fooled.numpy()
    assert done.any() and np.all(runs[1].fooled.numpy()[done])
    np.testing.assert_array_equal(runs[0].perturbation[done], runs[1].perturbation[done])
    assert np.all(runs[0].iterations.numpy()[done] <= 20)
    label = (np.argmax(classify(X), 1) + 1) % 3
    start = tf.ones_like(X)
    other = ops.pgd(classify, X, epsilon=1.0, step=0.1, steps=3, label=label, start=start,
                    stop_when_fooled=True)
    np.testing.assert_array_equal(other.perturbation, 0)


def test_random_starts_belong_to_examples():
    x = tf.zeros([8, 2, 2, 1])
    whole = ops.random_perturbation(tf.range(8, dtype=tf.int64), x, epsilon=1.0, seed=4)
    part = ops.random_perturbation(tf.range(4, 8, dtype=tf.int64), x[4:], epsilon=1.0, seed=4)
    np.testing.assert_array_equal(whole[4:], part)
    other = ops.random_perturbation(tf.range(8, dtype=tf.int64), x, epsilon=1.0, seed=5)
    assert np.all(np.asarray(whole) != other)


def test_random_starts_are_uniform_in_the_ball():
    x = tf.zeros([4000, 2])
    index = tf.range(4000, dtype=tf.int64)
    disc = ops.random_perturbation(index, x, epsilon=2.0, norm="l2", seed=0).numpy()
    radius = np.linalg.norm(disc, axis=1)
    assert abs(np.mean(radius <= np.sqrt(2)) - 0.5) < 0.03  # Half of the area.
    assert np.abs(disc.mean(0)).max() < 0.08
    square = ops.random_perturbation(index, x, epsilon=2.0, seed=0).numpy()
    assert np.abs(square).max() <= 2 and abs(np.mean(np.abs(square) < 1) - 0.5) < 0.03


def test_directions_and_projections():
    x = tf.constant([[3.0, 4.0], [0.0, 0.0], [1e-30, 0.0]])
    np.testing.assert_allclose(steepest(x, "l2"), [[0.6, 0.8], [0, 0], [1, 0]], rtol=1e-6)
    np.testing.assert_allclose(steepest(x, "linf"), [[1, 1], [0, 0], [1, 0]])
    np.testing.assert_allclose(length(x, "l2"), [5, 0, 1e-30], rtol=1e-6)
    np.testing.assert_allclose(length(x, "linf"), [4, 0, 1e-30], rtol=1e-6)
    np.testing.assert_allclose(project(x, "l2", 1.0)[:2], [[0.6, 0.8], [0, 0]], rtol=1e-6)
    np.testing.assert_allclose(project(x, "l2", 0.0), np.zeros([3, 2]))
    np.testing.assert_allclose(project(x, "linf", 1.0)[0], [1, 1])
    assert safe_ratio(x, tf.zeros(3)).numpy().tolist() == np.zeros([3, 2]).tolist()


@pytest.mark.parametrize("options", [{"epsilon": -1.0}, {"step": 0.0}, {"steps": 0},
                                     {"norm": "l1"}])
def test_arguments_that_make_no_sense_are_refused(options):
    with pytest.raises(ValueError, match="Expected"):
        ops.pgd(classify, X, **{"epsilon": 0.1, "step": 0.1, "steps": 2} | options)


def test_one_step_refuses_lengths_below_0_and_whole_numbers():
    with pytest.raises(ValueError, match="Received: epsilon=-1"):
        ops.fgsm(classify, X, epsilon=-1)
    whole = np.ones([2, 5], np.uint8)
    for attack in (ops.fgsm, partial(ops.pgd, step=0.1, steps=2)):
        with pytest.raises(ValueError, match="floating point. Received: dtype=uint8"):
            attack(classify, whole, epsilon=0.1)
