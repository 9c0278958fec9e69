"""Losses of detection, against their formulas and the numbers of TensorFlow Addons."""

import numpy as np
import pytest
import tensorflow as tf

from tfvision.losses import detection

RANDOM = np.random.default_rng(0)
LOGITS = RANDOM.normal(0, 3, [6, 5])
TARGETS = RANDOM.integers(0, 2, [6, 5]).astype(float)


def gradient(function, x):
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(function(x))
    return tape.gradient(total, x).numpy()


def test_generalized_iou_is_that_of_the_documentation_of_addons():
    a, b = [[4.0, 3, 7, 5], [5, 6, 10, 7]], [[3.0, 4, 6, 8], [14, 14, 15, 15]]
    np.testing.assert_allclose(detection.generalized_iou(a, b), [1.075, 1.9333333], rtol=1e-6)
    assert detection.generalized_iou([[1.0, 2, 3, 4]], [[1.0, 2, 3, 4]])[0] == 0


def test_focal_is_that_of_the_documentation_of_addons():
    found = detection.sigmoid_focal(
        [[1.0], [1.0], [0.0]], [[0.97], [0.91], [0.03]], from_logits=False)
    np.testing.assert_allclose(found, [6.8532745e-06, 1.9097870e-04, 2.0559824e-05], rtol=1e-4)


@pytest.mark.parametrize("alpha, gamma", [(0.25, 2.0), (0.4, 0.5), (None, 1.5)])
def test_focal_is_its_formula(alpha, gamma):
    p = 1 / (1 + np.exp(-LOGITS))
    p_t = np.where(TARGETS == 1, p, 1 - p)
    alpha_t = 1 if alpha is None else np.where(TARGETS == 1, alpha, 1 - alpha)
    expected = (-alpha_t * (1 - p_t) ** gamma * np.log(p_t)).sum(-1)
    found = detection.sigmoid_focal(TARGETS, LOGITS, alpha=alpha, gamma=gamma)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    found = detection.sigmoid_focal(TARGETS, p, alpha=alpha, gamma=gamma, from_logits=False)
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_without_its_factors_it_is_the_cross_entropy():
    found = detection.sigmoid_focal(TARGETS, LOGITS, alpha=None, gamma=0)
    expected = tf.nn.sigmoid_cross_entropy_with_logits(TARGETS, LOGITS)
    np.testing.assert_allclose(found, tf.reduce_sum(expected, -1))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_gradients_equal_finite_differences(gamma):
    def loss(x):
        return detection.sigmoid_focal(TARGETS, x, gamma=gamma)

    theory, numeric = tf.test.compute_gradient(loss, [tf.constant(LOGITS)], 1e-5)
    np.testing.assert_allclose(theory[0], numeric[0], atol=1e-7)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
@pytest.mark.parametrize("target", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("logits", [True, False])
def test_values_and_gradients_are_finite_however_sure_the_network_is(gamma, target, logits):
    sure = np.float32([[-1e9], [-200], [-90], [0], [90], [200], [1e9]] if logits else [[0], [1]])

    def loss(x):
        return detection.sigmoid_focal(
            tf.fill(tf.shape(x), target), x, gamma=gamma, from_logits=logits)

    assert np.isfinite(loss(sure)).all() and np.isfinite(gradient(loss, sure)).all()


def test_half_precision_is_computed_in_float32():
    found = detection.sigmoid_focal(tf.ones([2, 3]), tf.zeros([2, 3], tf.bfloat16))
    assert found.dtype == tf.float32
    np.testing.assert_allclose(found, [3 / 16 * np.log(2)] * 2, rtol=1e-6)


def test_a_negative_gamma_is_refused():
    with pytest.raises(ValueError, match="gamma=-1"):
        detection.sigmoid_focal([[1.0]], [[0.0]], gamma=-1)


def test_smooth_l1_is_square_inside_and_straight_outside():
    apart = np.array([[0.0, 1 / 9 - 1e-3, -1 / 9 - 1e-3, 3.0]])
    for sigma in (1, 3):
        one = [0.5 * (sigma * d) ** 2 if abs(d) < 1 / sigma**2 else abs(d) - 0.5 / sigma**2
               for d in apart[0]]
        found = detection.smooth_l1(apart * 0, tf.constant(apart), beta=1 / sigma**2)
        np.testing.assert_allclose(found, [sum(one)], rtol=1e-12)
    np.testing.assert_allclose(
        detection.smooth_l1(apart * 0, tf.constant(apart), beta=0), abs(apart).sum(1), rtol=1e-12
    )


def test_smooth_l1_has_the_slope_of_the_distance_but_at_most_one():
    apart = np.array([[0.0, 0.05, -0.05, 1 / 9, 2.0, -2.0]])
    slope = gradient(lambda x: detection.smooth_l1(apart * 0, x, beta=1 / 9), apart)
    np.testing.assert_allclose(slope, np.clip(apart * 9, -1, 1), rtol=1e-12)
