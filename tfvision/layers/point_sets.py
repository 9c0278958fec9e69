"""What a network for point sets repeats: linear, batch norm, ReLU, and the maximum over points.

Before a maximum, the wide product of all points never needs to be normalised nor kept. Its mean
and variance follow from the mean and the covariance C of the narrow inputs, mean W and w'Cw, and
since batch norm and ReLU are monotone in each channel, the maximum can be taken first. Then the
gradient is that of the points that won, plus a part linear in the inputs that goes through a
matrix as small as C.
"""

from functools import partial

import keras
import tensorflow as tf

from tfvision import ops
from tfvision.layers.norms import FusedBatchNormalization


@keras.saving.register_keras_serializable("tfvision")
class DenseNorm(keras.layers.Layer):
    """A linear map without bias, batch norm, and ReLU: one step of a shared MLP (Qi et al., 2017).

    In inference, scale and offset of the norm are folded into the map.

    units               channels of the output
    relu                end in a ReLU
    momentum, epsilon   of the batch norm, as in keras.layers.BatchNormalization
    kernel_initializer  of the map
    inputs              float [..., k]; statistics are over all axes but the last
    return              float [..., units]
    """

    def __init__(
        self, units, *, relu=True, momentum=0.99, epsilon=1e-3,
        kernel_initializer="glorot_uniform", **options,
    ):
        super().__init__(**options)
        self.units, self.relu = units, relu
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.norm = FusedBatchNormalization(
            momentum=momentum, epsilon=epsilon, dtype=self.dtype_policy, name="norm"
        )

    def build(self, shape):
        self.kernel = self.add_weight(
            name="kernel", shape=[shape[-1], self.units], initializer=self.kernel_initializer,
            autocast=False,
        )
        self.norm.build([None, 1, 1, self.units])

    def call(self, inputs, training=False):
        if training and self.trainable:
            outputs = self._normalised(_product(inputs, self.kernel.value))
        else:
            scale, offset = self._fold()
            outputs = _product(inputs, self.kernel.value * scale) + tf.cast(offset, inputs.dtype)
        return tf.nn.relu(outputs) if self.relu else outputs

    def compute_output_shape(self, shape):
        return (*shape[:-1], self.units)

    def get_config(self):
        return super().get_config() | {
            "units": self.units,
            "relu": self.relu,
            "momentum": self.norm.momentum,
            "epsilon": self.norm.epsilon,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }

    def _normalised(self, x):
        """By the batch's statistics; the fused kernel wants images."""
        image = self.norm(tf.reshape(x, [-1, 1, 1, self.units]), training=True)
        return tf.reshape(image, tf.shape(x))

    def _fold(self):
        """The norm by its running averages as scale and offset [units]."""
        norm = self.norm
        scale = norm.gamma.value * tf.math.rsqrt(norm.moving_variance.value + norm.epsilon)
        return scale, norm.beta.value - norm.moving_mean.value * scale


@keras.saving.register_keras_serializable("tfvision")
class DenseNormMax(keras.layers.Layer):
    """DenseNorm with ReLU, and then the maximum over the points of each set.

    Equal to the two in a row, with the same weights and running averages, but in training the
    channels of all points are never kept (see above): several times faster where `units` is much
    more than k. Where points tie for a maximum, the gradient goes to the first of them. With
    several replicas, whose statistics must be joint, it is the two in a row.

    units, momentum, epsilon, kernel_initializer  as in DenseNorm
    inputs   float [b, n, k], n >= 1 points
    return   float [b, units], 0 or more
    """

    def __init__(self, units, *, momentum=0.99, epsilon=1e-3,
                 kernel_initializer="glorot_uniform", **options):
        super().__init__(**options)
        self.dense = DenseNorm(
            units, momentum=momentum, epsilon=epsilon, kernel_initializer=kernel_initializer,
            dtype=self.dtype_policy, name="dense",
        )
        self.fused = ops.compiled(partial(dense_norm_max, epsilon=epsilon))

    def build(self, shape):
        self.dense.build(shape)

    def call(self, inputs, training=False):
        joint = tf.distribute.get_strategy().num_replicas_in_sync > 1
        if joint or not (training and self.trainable):
            return tf.reduce_max(self.dense(inputs, training=training), 1)
        norm = self.dense.norm
        weights = (self.dense.kernel, norm.gamma, norm.beta)
        weights = (tf.convert_to_tensor(weight.value) for weight in weights)
        outputs, mean, variance = self.fused(inputs, *weights)
        norm.follow(mean, variance)
        return outputs

    def critical_points(self, inputs):
        """Which point gives each maximum in inference, the first of equal ones: int32 [b, units].

        A set keeps its features without the points that are not among these (section 4.3 there).
        """
        return tf.argmax(self.dense(inputs), 1, output_type=tf.int32)

    def compute_output_shape(self, shape):
        return (shape[0], self.dense.units)

    def get_config(self):
        inner = self.dense.get_config()
        names = ("units", "momentum", "epsilon", "kernel_initializer")
        return super().get_config() | {name: inner[name] for name in names}


def dense_norm_max(points, kernel, gain, offset, *, epsilon):
    """max over points of ReLU(batch norm(points kernel)), with its own gradient.

    points        float [b, n, k]; the product with the kernel is in this precision, all else in
                  float32 at least
    kernel        float [k, c]
    gain, offset  float [c], of the norm
    return        [b, c], dtype of points; mean [c] and variance [c] (division by b n) of the
                  product, for running averages, without gradient
    """
    return _with_gradient(epsilon)(points, kernel, gain, offset)


def _with_gradient(epsilon):
    @tf.custom_gradient
    def forward(points, kernel, gain, offset):
        wide = tf.float64 if points.dtype == tf.float64 else tf.float32
        k, (b, n) = points.shape[2], tf.unstack(tf.shape(points)[:2])
        count = tf.cast(b * n, wide)
        weights = tf.cast(tf.cast(kernel, points.dtype), wide)  # As the product sees them.
        middle = tf.reduce_mean(tf.cast(points, wide), [0, 1])  # [k]
        centred = tf.reshape(tf.cast(points, wide) - middle, [-1, k])
        seen = tf.matmul(centred, centred, transpose_a=True) / count @ weights  # C W, [k, c]
        mean = tf.linalg.matvec(weights, middle, transpose_a=True)
        variance = tf.maximum(tf.reduce_sum(weights * seen, 0), 0)
        root = tf.math.rsqrt(variance + epsilon)
        sign = tf.where(gain < 0, -tf.ones_like(gain), tf.ones_like(gain))
        best, index = _maxima(points, tf.cast(weights * sign, points.dtype))
        normal = (sign * tf.cast(best, wide) - mean) * root  # [b, c]
        outputs = tf.nn.relu(normal * gain + offset)

        def gradient(upstream, *_):
            upstream = tf.where(outputs > 0, tf.cast(upstream, wide), 0)
            d_gain, d_offset = tf.reduce_sum(upstream * normal, 0), tf.reduce_sum(upstream, 0)
            slope = gain * root
            won = upstream * slope  # [b, c], at the points that won
            level, tilt = -slope * d_offset / count, -slope * root * d_gain / count  # [c]
            narrow = tf.matmul(weights * tilt, weights, transpose_b=True)  # [k, k]
            dense = tf.reshape(centred @ narrow, tf.shape(points))
            dense += tf.linalg.matvec(weights, level)
            d_points = _scatter(dense, index, won, weights)
            d_kernel = _gather(points, index, won, weights)
            d_kernel += count * (tf.expand_dims(middle, 1) * level + seen * tilt)
            return tf.cast(d_points, points.dtype), d_kernel, d_gain, d_offset

        return (tf.cast(outputs, points.dtype), mean, variance), gradient

    return forward


# Set by set, so that what belongs to one stays in the cache: XLA makes one loop of each.


def _maxima(points, kernel):
    """Maxima over points of the product [b, n, c], and where they are first: [b, c] each."""
    n = tf.shape(points)[1]
    number = tf.expand_dims(tf.range(n), 1)

    def one(own):
        product = own @ kernel
        best = tf.reduce_max(product, 0)
        # XLA's argmax takes twice as long.
        return best, tf.reduce_min(tf.where(product == best, number, n - 1), 0)

    c = kernel.shape[1]
    kinds = (tf.TensorSpec([c], points.dtype), tf.TensorSpec([c], tf.int32))
    return tf.map_fn(one, points, fn_output_signature=kinds)


def _scatter(dense, index, won, kernel):
    """`dense` [b, n, k] and the gradients of the points that won, at their places."""
    rows = tf.transpose(kernel)  # [c, k]

    def one(own):
        dense, index, won = own
        places = tf.expand_dims(index, -1)
        return tf.tensor_scatter_nd_add(dense, places, tf.expand_dims(won, -1) * rows)

    kind = tf.TensorSpec([None, kernel.shape[0]], kernel.dtype)
    return tf.map_fn(one, (dense, index, won), fn_output_signature=kind)


def _gather(points, index, won, kernel):
    """The kernel's gradient from the points that won: [k, c]."""

    def add(total, own):
        points, index, won = own
        return total + tf.expand_dims(won, -1) * tf.cast(tf.gather(points, index), won.dtype)

    zero = tf.zeros_like(tf.transpose(kernel))
    return tf.transpose(tf.foldl(add, (points, index, won), initializer=zero))


def _product(inputs, kernel):
    """inputs [..., k] times the kernel, in the precision of the inputs."""
    rows = tf.reshape(inputs, [-1, inputs.shape[-1]])
    product = rows @ tf.cast(kernel, inputs.dtype)
    return tf.reshape(product, tf.concat([tf.shape(inputs)[:-1], [kernel.shape[1]]], 0))
