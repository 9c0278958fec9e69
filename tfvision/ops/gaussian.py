"""Gaussians N(mean, S Sᵀ), given by their mean and a square root S of their covariance."""

import tensorflow as tf


def reparametrise(mean, scale, noise):
    """Samples that are differentiable in mean and scale: z = mu + Sigma^(1/2) epsilon.

    Kingma and Welling (2014), section 2.4. The lecture writes mu + Sigma epsilon, which would have
    the covariance Sigma Sigmaᵀ.

    mean    float [b, d]
    scale   standard deviations [b, d], or a lower triangular L [b, d, d] with L Lᵀ = Sigma
    noise   standard normal numbers [..., b, d]
    return  float [..., b, d]
    """
    if is_diagonal(mean, scale):
        return mean + scale * noise
    return mean + tf.linalg.matvec(scale, noise)


def log_variance(mean, scale):
    """Logarithm of each coordinate's own variance: float [b, d]; arguments as above."""
    if is_diagonal(mean, scale):
        return 2 * tf.math.log(scale)
    return tf.math.log(tf.reduce_sum(scale**2, -1))


def is_diagonal(mean, scale):
    """Whether `scale` holds standard deviations and no matrices.

    raises   ValueError where it is neither
    """
    more = len(scale.shape) - len(mean.shape)
    if more not in (0, 1):
        raise ValueError(
            "Expected scale of the rank of mean, or one more. "
            f"Received: mean={mean.shape}, scale={scale.shape}"
        )
    return not more
