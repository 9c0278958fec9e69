"""losses.adversarial: closed forms, finite differences, and slopes that vanish."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfvision import layers
from tfvision.losses import adversarial


def linear(w):
    return lambda x: tf.linalg.matvec(tf.reshape(x, [tf.shape(x)[0], -1]), tf.reshape(w, [1, -1]))


def test_the_critic_s_mean_is_minus_the_distance_of_the_mean_scores():
    real, fake = np.array([3.0, 1.0, 2.0]), np.array([-1.0, 0.0, 4.0])
    loss = adversarial.wasserstein_critic(tf.constant(real), tf.constant(fake))
    assert loss.shape == (3,)
    np.testing.assert_allclose(np.mean(loss), fake.mean() - real.mean())


def test_the_generator_wants_high_scores():
    np.testing.assert_array_equal(adversarial.wasserstein_generator(tf.constant([2.0, -1.0])),
                                  [-2.0, 1.0])


@pytest.mark.parametrize("target", [0.0, 1.0, 2.5])
def test_the_penalty_of_a_linear_critic_is_known_everywhere(target):
    w = np.random.default_rng(0).normal(size=[4, 5, 2]).astype(np.float32)
    points = np.random.default_rng(1).normal(size=[6, 4, 5, 2]).astype(np.float32) * 100
    penalty = adversarial.gradient_penalty(linear(w), tf.constant(points), target=target)
    assert penalty.shape == (6,)
    np.testing.assert_allclose(penalty, (np.linalg.norm(w) - target) ** 2, rtol=1e-5)


@pytest.mark.parametrize("length, expected", [(0.4, 0.0), (1.0, 0.0), (3.0, 4.0)])
def test_one_sided_only_slopes_over_the_target_cost(length, expected):
    w = np.full([4], length / 2, np.float32)
    penalty = adversarial.gradient_penalty(linear(w), tf.ones([3, 4]), one_sided=True)
    np.testing.assert_allclose(penalty, expected, atol=1e-6)


def test_the_penalty_is_each_point_s_own():
    critic = lambda x: tf.reduce_sum(x**2, 1) / 2  # noqa: E731  Its slope is the point itself.
    points = np.random.default_rng(2).normal(size=[5, 7]).astype(np.float32)
    expected = (np.linalg.norm(points, axis=1) - 1) ** 2
    penalty = adversarial.gradient_penalty(critic, tf.constant(points))
    np.testing.assert_allclose(penalty, expected, rtol=1e-5)


def smooth_critic():
    """Float64 throughout, smooth, and with a norm: images [b, 5, 5, 1] -> scores [b, 1]."""
    keras.config.set_dtype_policy("float64")
    keras.utils.set_random_seed(3)
    return keras.Sequential([
        keras.Input([5, 5, 1], dtype="float64"),
        keras.layers.Conv2D(3, 3, activation="tanh"),
        layers.LayerNormalization(),
        keras.layers.Flatten(),
        keras.layers.Dense(1),
    ])


def penalty_by_hand(critic, points, step=1e-5):
    """Each score's gradient, pixel by pixel, from differences of scores."""
    units = np.eye(25).reshape(25, 1, 5, 5, 1) * step
    sides = [critic(np.reshape(points + u, [-1, 5, 5, 1])) for u in (units, -units)]
    slopes = np.reshape(sides[0] - sides[1], [25, len(points)]) / (2 * step)
    return np.mean((np.linalg.norm(slopes, axis=0) - 1) ** 2)


def test_the_penalty_and_its_gradient_are_those_of_finite_differences():
    critic, points = smooth_critic(), np.random.default_rng(4).normal(size=[3, 5, 5, 1])
    kernel = critic.layers[0].kernel
    with tf.GradientTape() as tape:
        penalty = adversarial.gradient_penalty(critic, tf.constant(points))
        mean = tf.reduce_mean(penalty)
    np.testing.assert_allclose(mean, penalty_by_hand(critic, points), rtol=1e-6)
    gradient, start, step = tape.gradient(mean, kernel.value).numpy(), kernel.numpy(), 1e-4
    for place in [(0, 0, 0, 0), (1, 2, 0, 1), (2, 2, 0, 2)]:
        sides = []
        for sign in (1, -1):
            moved = start.copy()
            moved[place] += sign * step
            kernel.assign(moved)
            sides.append(penalty_by_hand(critic, points))
        np.testing.assert_allclose(gradient[place], (sides[0] - sides[1]) / (2 * step), rtol=1e-5)
        kernel.assign(start)


def test_a_flat_critic_has_a_finite_penalty_and_gradient():
    w = tf.Variable(tf.zeros([4]))
    with tf.GradientTape() as tape:
        penalty = adversarial.gradient_penalty(linear(w), tf.ones([2, 4]))
    np.testing.assert_allclose(penalty, 1.0, atol=1e-5)
    assert np.isfinite(tape.gradient(penalty, w)).all()


def test_half_precision_scores_give_a_float32_penalty():
    w = tf.constant([3.0, 4.0], tf.bfloat16)
    critic = lambda x: tf.reduce_sum(tf.cast(x, tf.bfloat16) * w, 1)  # noqa: E731
    penalty = adversarial.gradient_penalty(critic, tf.ones([3, 2]))
    assert penalty.dtype == tf.float32
    np.testing.assert_allclose(penalty, 16.0, rtol=1e-2)


def test_interpolates_lie_on_the_line_of_their_own_pair():
    real, fake = tf.ones([3, 2, 2, 1]), -tf.ones([3, 2, 2, 1])
    points = adversarial.interpolates(real, fake, tf.constant([[0.0], [1.0], [0.75]]))
    expected = np.broadcast_to(np.reshape([-1, 1, 0.5], [3, 1, 1, 1]), [3, 2, 2, 1])
    np.testing.assert_allclose(points, expected)
