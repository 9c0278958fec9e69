"""What keeps most units of a code silent."""

import tensorflow as tf

TINY = 1e-7  # Keeps logarithms and slopes finite where a unit never or always fires.


def kl_sparsity(code, *, target=0.05):
    """KL(rho || rho_j) of each unit's mean activation rho_j over the batch: float [d].

    Ng (2011), CS294A lecture notes, section 3: the divergence of two coins, 0 where rho_j = rho.
    It is a function of the whole batch, of which each worker sees its own share.

    code     float [b, d], 0..1, activations of sigmoid units
    target   rho, 0 < rho < 1
    raises   ValueError for another target
    """
    if not 0 < target < 1:
        raise ValueError(f"Expected 0 < target < 1. Received: target={target}")
    mean = tf.reduce_mean(code, 0) * (1 - 2 * TINY) + TINY
    on, off = tf.math.log(target / mean), tf.math.log((1 - target) / (1 - mean))
    return target * on + (1 - target) * off


def l1_sparsity(code):
    """The sum of absolute activations, for each example: float [b].

    code     float [b, d]
    """
    return tf.reduce_sum(tf.abs(code), -1)
