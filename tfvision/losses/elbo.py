"""The evidence lower bound of variational autoencoders, and its terms, in nats per example."""

import tensorflow as tf

from tfvision import ops


def negative_elbo(log_likelihood, kl, kl_weight=1.0):
    """-L(x) = D[q(z|x) || p(z)] - log p(x|z) (lecture eq. 13; Kingma and Welling, 2014, eq. 7).

    log_likelihood  float [..., b], log p(x|z) for z from q(z|x)
    kl              float [b]
    kl_weight       float scalar; other than 1, the result is no bound any more
    return          float [..., b]
    """
    return kl_weight * kl - log_likelihood


def gaussian_kl(mean, scale):
    """D[N(mean, S Sᵀ) || N(0, I)] in closed form, 0 where the two are equal: float [b].

    Kingma and Welling (2014), appendix B; for matrices Doersch (2016), eq. 7.

    mean    float [b, d]
    scale   S: standard deviations [b, d] > 0, or lower triangular [b, d, d], diagonal > 0
    """
    if ops.is_diagonal(mean, scale):
        return tf.reduce_sum(gaussian_kl_per_unit(mean, scale), -1)
    squares = tf.reduce_sum(scale**2, [-2, -1]) + tf.reduce_sum(mean**2, -1)
    log_determinant = 2 * tf.reduce_sum(tf.math.log(tf.linalg.diag_part(scale)), -1)
    return 0.5 * (squares - log_determinant - mean.shape[-1])


def gaussian_kl_per_unit(mean, scale):
    """What each unit of a diagonal Gaussian adds to `gaussian_kl`: float [b, d]."""
    return 0.5 * (mean**2 + scale**2 - 1) - tf.math.log(scale)
