"""The T-Net of PointNet: a linear map that a point set chooses for itself (Qi et al., 2017)."""

import keras
import numpy as np
import tensorflow as tf

from tfvision.layers.point_sets import DenseNorm, DenseNormMax


@keras.saving.register_keras_serializable("tfvision")
class TNet(keras.layers.Layer):
    """A matrix for each set of points, by a small PointNet; before any training the identity.

    The last layer starts with zero weights and the identity as its bias.

    widths    channels of the steps that all points share; the last one's maxima are taken
    hidden    units of the layers behind the maxima
    momentum  of all batch norms
    inputs    float [b, n, d]
    return    float32 [b, d, d]; points (rows) are multiplied from the left: points @ matrix
    """

    def __init__(self, widths=(64, 128, 1024), hidden=(512, 256), *, momentum=0.9, **options):
        super().__init__(**options)
        self.widths, self.hidden, self.momentum = tuple(widths), tuple(hidden), momentum
        norm = {"momentum": momentum, "dtype": self.dtype_policy}
        self.shared = [DenseNorm(width, **norm) for width in self.widths[:-1]]
        self.pool = DenseNormMax(self.widths[-1], **norm)
        self.behind = [DenseNorm(units, **norm) for units in self.hidden]

    def build(self, shape):
        d = shape[-1]
        for layer in self.shared:
            layer.build((None, None, d))
            d = layer.units
        self.pool.build((None, None, d))
        d = self.pool.dense.units
        for layer in self.behind:
            layer.build((None, d))
            d = layer.units
        self.last = keras.layers.Dense(
            shape[-1] ** 2, kernel_initializer="zeros", dtype="float32",
            bias_initializer=keras.initializers.Constant(np.eye(shape[-1]).ravel()), name="last",
        )
        self.last.build((None, d))

    def call(self, points, training=False):
        x = self.pool(self.before_pool(points, training), training=training)
        for layer in self.behind:
            x = layer(x, training=training)
        d = points.shape[-1]
        return tf.reshape(self.last(tf.cast(x, tf.float32)), [-1, d, d])

    def before_pool(self, points, training=False):
        """What the layer with the maxima sees of each point: float [b, n, k]."""
        for layer in self.shared:
            points = layer(points, training=training)
        return points

    def compute_output_shape(self, shape):
        return (shape[0], shape[-1], shape[-1])

    def get_config(self):
        own = {"widths": self.widths, "hidden": self.hidden, "momentum": self.momentum}
        return super().get_config() | own


def orthogonality(matrices):
    """The squared Frobenius norm of I - A Aᵀ, of each matrix by itself (the paper's eq. 2).

    One number per set: unlike a sum over the batch, its mean does not depend on the batch's size,
    and no product mixes the matrices of two sets.

    matrices  float [b, d, d]
    return    float32 [b]
    """
    a = tf.cast(matrices, tf.float32)
    eye = tf.eye(a.shape[-1])
    return tf.reduce_sum((eye - tf.matmul(a, a, transpose_b=True)) ** 2, [1, 2])
