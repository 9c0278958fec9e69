"""Losses of two networks that play against each other: a critic and a generator."""

import tensorflow as tf


def wasserstein_critic(real, fake):
    """What the critic minimises: its mean is minus the estimate of the earth mover's distance.

    real, fake  scores float [b] of as many real as generated examples
    return      f(fake) - f(real), float [b]
    """
    return fake - real


def wasserstein_generator(fake):
    """What the generator minimises: minus the critic's scores float [b] of its samples."""
    return -fake


def interpolates(real, fake, epsilon):
    """Points on the lines between real and generated examples (Gulrajani et al., 2017, line 6).

    real, fake  float [b, ...]
    epsilon     float [b, 1], uniform in 0..1: one number per example
    return      epsilon * real + (1 - epsilon) * fake, float [b, ...]
    """
    share = tf.reshape(epsilon, [-1] + [1] * (real.shape.rank - 1))
    return share * real + (1 - share) * fake


def gradient_penalty(critic, points, *, target=1.0, one_sided=False):
    """How far the critic's slope is from `target` at some points, squared.

    With target 1 at `interpolates` it is the penalty of WGAN-GP (Gulrajani et al., 2017), at real
    images the one of the lecture; with target 0 at real images it is R1 (Mescheder et al., 2018).

    critic     float [b, ...] -> scores [b] or [b, 1]; a score must depend on its own example alone
    points     float [b, ...]
    one_sided  only slopes over the target cost
    return     (|gradient of the score| - target)^2, float32 [b] (float64 for such points); its
               own gradient is finite where the slope is 0
    """
    with tf.GradientTape() as tape:
        tape.watch(points)
        scores = critic(points)
    slopes = tape.gradient(scores, points)
    slopes = tf.cast(slopes, tf.float32) if slopes.dtype.size < 4 else slopes
    squares = tf.reduce_sum(slopes**2, axis=list(range(1, slopes.shape.rank)))
    excess = tf.sqrt(squares + 1e-12) - target
    return (tf.nn.relu(excess) if one_sided else excess) ** 2
