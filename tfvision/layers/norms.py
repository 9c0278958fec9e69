"""Normalisation layers."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("tfvision")
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation of images by TensorFlow's fused kernel (Ioffe and Szegedy, 2015).

    Equal to keras.layers.BatchNormalization over the last axis, running averages included.
    Keras's own makes several passes over the image. With several replicas the statistics are those
    of the joint batch, by Keras's synchronised moments.

    inputs   float [b, h, w, c]
    return   float [b, h, w, c]
    """

    def call(self, inputs, training=None, mask=None):
        self.synchronized = tf.distribute.get_strategy().num_replicas_in_sync > 1
        batch = training and self.trainable  # As Keras: a frozen layer keeps its averages.
        if not batch or mask is not None or self.synchronized:
            return super().call(inputs, training=training, mask=mask)
        scale, offset = tf.ones([self._channels]), tf.zeros([self._channels])
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=self.gamma.value if self.scale else scale,
            offset=self.beta.value if self.center else offset,
            mean=[],
            variance=[],
            epsilon=self.epsilon,
            is_training=True,
        )
        self.follow(mean, self._biased(variance, inputs))
        return outputs

    @property
    def _channels(self):
        return self.moving_mean.shape[0]

    def _biased(self, variance, inputs):
        """The kernel divides by n - 1; Keras's running average is of the division by n."""
        n = tf.cast(tf.size(inputs) // self._channels, variance.dtype)
        return variance * (n - 1) / n

    def follow(self, mean, variance):
        """Moves the running averages towards a batch's statistics, float32 [c] each."""
        for average, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            average.assign(average * self.momentum + value * (1 - self.momentum))


@keras.saving.register_keras_serializable("tfvision")
class LayerNormalization(keras.layers.Layer):
    """Layer normalisation of images, over all but the batch (Ba et al., 2016), for critics.

    Unlike keras.layers.LayerNormalization, it is right under a penalty on gradients: Keras takes
    its moments from tf.nn.moments, where a stop_gradient leaves the first derivative as it should
    be and spoils the second. As in WGAN-GP's own code, gain and offset belong to channels.

    inputs   float [b, h, w, c]
    return   float [b, h, w, c]; computed in float32 at least
    """

    def __init__(self, epsilon=1e-5, **options):
        super().__init__(**options)
        self.epsilon = epsilon

    def build(self, shape):
        self.gain = self.add_weight(name="gain", shape=[shape[-1]], initializer="ones")
        self.offset = self.add_weight(name="offset", shape=[shape[-1]], initializer="zeros")

    def call(self, inputs):
        return _normalised(inputs, [1, 2, 3], self.epsilon) * self.gain + self.offset

    def get_config(self):
        return super().get_config() | {"epsilon": self.epsilon}


@keras.saving.register_keras_serializable("tfvision")
class InstanceNormalization(keras.layers.Layer):
    """Instance normalisation: each channel of each image by itself (Ulyanov et al., 2016).

    The same while training and after it. With epsilon=1e-3 equal to that of TensorFlow Addons; a
    gradient penalty needs it in place of keras.layers.GroupNormalization(groups=-1), for the reason
    that LayerNormalization gives. A channel of one value becomes its offset.

    epsilon  added to the variance
    center   whether there is an offset for each channel
    scale    whether there is a gain for each channel; CycleGAN has neither
    inputs   float [b, ..., c]
    return   float [b, ..., c]; computed in float32 at least
    """

    def __init__(self, epsilon=1e-5, center=True, scale=True, **options):
        super().__init__(**options)
        self.epsilon, self.center, self.scale = epsilon, center, scale

    def build(self, shape):
        if self.scale:
            self.gain = self.add_weight(name="gain", shape=[shape[-1]], initializer="ones")
        if self.center:
            self.offset = self.add_weight(name="offset", shape=[shape[-1]], initializer="zeros")

    def call(self, inputs):
        x = _normalised(inputs, list(range(1, len(inputs.shape) - 1)), self.epsilon)
        x = x * self.gain if self.scale else x
        return x + self.offset if self.center else x

    def get_config(self):
        own = {"epsilon": self.epsilon, "center": self.center, "scale": self.scale}
        return super().get_config() | own


def _normalised(inputs, axes, epsilon):
    """Inputs of mean 0 and variance 1 over the axes; twice differentiable, unlike tf.nn.moments."""
    x = tf.cast(inputs, tf.float32) if inputs.dtype.size < 4 else inputs
    centred = x - tf.reduce_mean(x, axes, keepdims=True)
    variance = tf.reduce_mean(centred**2, axes, keepdims=True)
    return tf.cast(centred * tf.math.rsqrt(variance + epsilon), inputs.dtype)
