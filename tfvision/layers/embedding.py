"""Layers that end or compare embeddings."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("tfvision")
class UnitLength(keras.layers.Layer):
    """Vectors divided by their length; the zero vector stays zero, with a finite gradient.

    inputs   float [..., d]
    return   float32 [..., d], of length 1
    """

    def __init__(self, **options):
        super().__init__(**{"dtype": "float32"} | options)

    def call(self, x):
        square = tf.reduce_sum(x * x, -1, keepdims=True)
        return x * tf.math.rsqrt(tf.maximum(square, 1e-12))


@keras.saving.register_keras_serializable("tfvision")
class WeightedL1(keras.layers.Layer):
    """The logit that two embeddings are of one class (Koch et al., 2015, section 3.1).

    sum_j alpha_j |a_j - b_j| plus a bias, for all pairs of rows.

    inputs   float [..., n, d] and [..., m, d]
    return   float32 [..., n, m]; its sigmoid is the paper's p
    """

    def __init__(self, **options):
        super().__init__(**{"dtype": "float32"} | options)

    def build(self, shape):
        start = keras.initializers.Constant(-(shape[-1] ** -0.5))  # Farther is less likely equal.
        self.alpha = self.add_weight(name="alpha", shape=[shape[-1]], initializer=start)
        self.bias = self.add_weight(name="bias", shape=[], initializer="zeros")

    def call(self, a, b):
        apart = tf.abs(tf.expand_dims(a, -2) - tf.expand_dims(b, -3))
        return tf.tensordot(apart, self.alpha, 1) + self.bias
