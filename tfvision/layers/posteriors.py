"""Gaussians over the units of a latent space, read from the features that an encoder ends in."""

import keras
import numpy as np
import tensorflow as tf


@keras.saving.register_keras_serializable("tfvision")
class DiagonalGaussian(keras.layers.Layer):
    """Features as the mean and the standard deviations of independent units, the lecture's choice.

    size      d, the units; the layer takes `features` = 2 d features: mu and log sigma^2
    inputs    float [b, 2 d]
    return    mean float32 [b, d], scale float32 [b, d]
    """

    def __init__(self, size, **options):
        super().__init__(**{"dtype": "float32", **options})
        self.size, self.features = size, 2 * size
        self.built = True

    def get_config(self):
        return {**super().get_config(), "size": self.size}

    def call(self, inputs):
        mean, log_variance = tf.split(inputs, 2, -1)
        return mean, tf.exp(log_variance / 2)


@keras.saving.register_keras_serializable("tfvision")
class FullGaussian(keras.layers.Layer):
    """Features as the mean and a Cholesky factor L of the covariance of units that may correlate.

    size      d, the units; the layer takes `features` = 2 d + d (d - 1) / 2 features: mu, the
              logarithms of L's diagonal, and what stands below it
    inputs    float [b, features]
    return    mean float32 [b, d], scale float32 [b, d, d], lower triangular, diagonal > 0
    """

    def __init__(self, size, **options):
        super().__init__(**{"dtype": "float32", **options})
        self.size, self.features = size, 2 * size + size * (size - 1) // 2
        self.built = True

    def get_config(self):
        return {**super().get_config(), "size": self.size}

    def call(self, inputs):
        d = self.size
        mean, log_diagonal, below = tf.split(inputs, [d, d, self.features - 2 * d], -1)
        places = np.full([d, d], self.features - 2 * d)  # There stands the 0.
        places[np.tril_indices(d, -1)] = np.arange(self.features - 2 * d)
        below = tf.gather(tf.pad(below, [[0, 0], [0, 1]]), places, axis=-1)
        return mean, below + tf.eye(d) * tf.expand_dims(tf.exp(log_diagonal), -1)
