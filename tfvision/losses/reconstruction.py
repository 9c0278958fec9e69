"""How far a reconstruction is from its image: one value per image, summed over its numbers."""

import tensorflow as tf


def squared_error(x, reconstruction):
    """||x' - x||^2 (lecture eq. 1): float [b].

    x, reconstruction  float [b, ...]
    """
    return _sum((reconstruction - x) ** 2)


def cross_entropy(x, logits):
    """-sum x log x' + (1 - x) log(1 - x') with x' = sigmoid(logits), in nats: float [b].

    Vincent et al. (2008), eq. 2. Its minimum is at x' = x, where it is the entropy of x, not 0.

    x       float [b, ...], 0..1
    logits  float [b, ...]
    """
    return _sum(tf.nn.sigmoid_cross_entropy_with_logits(labels=x, logits=logits))


def _sum(values):
    return tf.reduce_sum(values, list(range(1, values.shape.rank)))
