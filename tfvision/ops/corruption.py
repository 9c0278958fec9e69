"""Ways to destroy part of an image, for models that learn to restore it (Vincent et al., 2010).

Noise is an input: ops.example_uniform or ops.example_normal, in the shape of the image.
"""

import tensorflow as tf


def mask_out(x, uniform, share):
    """Sets a share of the numbers to 0 (masking noise).

    x        float [b, ...]
    uniform  float [b, ...], uniform in [0, 1)
    share    0..1, how likely each number is lost
    return   as x
    """
    return tf.where(uniform < share, tf.zeros_like(x), x)


def salt_and_pepper(x, uniform, share):
    """Sets a share of the numbers to 0 or 1, which are equally likely.

    x        float [b, ...], 0..1
    uniform  float [b, ...], uniform in [0, 1)
    share    0..1, how likely each number is replaced
    return   as x
    """
    grain = tf.cast(uniform < 0.5 * share, x.dtype)
    return tf.where(uniform < share, grain, x)


def add_gaussian(x, normal, sigma):
    """Adds independent noise to every number; the result may leave 0..1.

    x        float [b, ...]
    normal   float [b, ...], standard normal
    sigma    0 or more, the standard deviation, in units of x
    return   as x
    """
    return x + sigma * normal
