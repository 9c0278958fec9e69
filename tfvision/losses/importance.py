"""Bounds of log p(x) from weighted samples, with the gradients that were proposed for them."""

import math

import tensorflow as tf

from tfvision import ops


def log_weight(log_likelihood, z, mean, scale, kl_weight=1.0):
    """log w = log p(x|z) + log p(z) - log q(z|x), with p(z) = N(0, I) and q = N(mean, S Sᵀ).

    Its mean over z from q is the bound L(x) (Kingma and Welling, 2014, eq. 2), the logarithm of
    the mean of w is log p(x).

    log_likelihood  float [..., b], log p(x|z)
    z               float [..., b, d]
    mean, scale     as ops.reparametrise takes them
    kl_weight       float scalar, of log p(z) - log q(z|x)
    return          float [..., b]
    """
    prior = -0.5 * tf.reduce_sum(z**2, -1) - 0.5 * z.shape[-1] * math.log(2 * math.pi)
    return log_likelihood + kl_weight * (prior - gaussian_log_density(z, mean, scale))


def gaussian_log_density(z, mean, scale):
    """log N(z; mean, S Sᵀ): float [..., b] for z float [..., b, d].

    mean    float [b, d]
    scale   S: standard deviations [b, d] > 0, or lower triangular [b, d, d], diagonal > 0
    """
    if ops.is_diagonal(mean, scale):
        noise, diagonal = (z - mean) / scale, scale
    else:
        below = tf.expand_dims(z - mean, -1)
        noise = tf.squeeze(tf.linalg.triangular_solve(scale, below), -1)
        diagonal = tf.linalg.diag_part(scale)
    constant = 0.5 * z.shape[-1] * math.log(2 * math.pi)
    log_determinant = tf.reduce_sum(tf.math.log(diagonal), -1)
    return -0.5 * tf.reduce_sum(noise**2, -1) - log_determinant - constant


def negative_bound(log_weight):
    """-L_k(x) = -log of the mean of k weights (Burda et al., 2016, eq. 8); k = 1 gives -L(x).

    log_weight  float [k, b]
    return      float [b]; its mean falls with k, towards -log p(x)
    """
    k = tf.cast(tf.shape(log_weight)[0], log_weight.dtype)
    return tf.math.log(k) - tf.reduce_logsumexp(log_weight, 0)


def doubly_reparametrised(log_weight, answer, kl_weight=1.0):
    """-L_k(x) with the gradient of Tucker et al. (2019, eq. 8), of lower variance.

    A decoder's weights get the gradient of `negative_bound`. What an encoder gets through z is
    multiplied by the sample's share of all weights once more, and in return it gets nothing
    through log q(z|x), whose mean and scale must be behind tf.stop_gradient. In expectation it is
    the same; no longer does its signal drown in noise as k grows.

    log_weight  float [k, b], of a z that went through `gate`
    answer      what `gate` gave besides
    kl_weight   the one in log_weight; below 1 the gradient is right, too
    return      float [b], the value of negative_bound
    """
    share = tf.stop_gradient(tf.nn.softmax(log_weight, 0))
    answer(tf.expand_dims(1 - kl_weight + kl_weight * share, -1))
    slope = -tf.reduce_sum(share * log_weight, 0)
    return tf.stop_gradient(negative_bound(log_weight) - slope) + slope


def gate(z):
    """z, and a function that takes the factor by which gradients to z will be multiplied.

    The factor may depend on what is computed from z: it must be known when gradients are asked for.
    """
    factors = []

    @tf.custom_gradient
    def passed(z):
        return tf.identity(z), lambda slope: slope * factors[-1]

    return passed(z), factors.append
