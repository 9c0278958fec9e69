"""The last layers of PointNet: classes of sets, and parts of points (Qi et al., CVPR 2017)."""

import keras
import tensorflow as tf

from tfvision.layers.norms import FusedBatchNormalization
from tfvision.layers.point_sets import DenseNorm


@keras.saving.register_keras_serializable("tfvision")
class ClassHead(keras.layers.Layer):
    """gamma: the classes of a set from its features; dropout before the last layer.

    hidden    units of the layers before the last
    classes   how many
    """

    def __init__(self, hidden=(512, 256), classes=40, *, momentum=0.9, **options):
        super().__init__(**options)
        self.momentum, self.classes = momentum, classes
        norm = {"momentum": momentum, "dtype": self.dtype_policy}
        self.hidden = [DenseNorm(units, **norm) for units in hidden]
        self.last = keras.layers.Dense(classes, dtype="float32", name="last")

    def build(self, shape):
        d = shape[-1]
        for layer in [*self.hidden, self.last]:
            layer.build((None, d))
            d = layer.units

    def call(self, whole, keep=None, training=False):
        """Logits float32 [b, classes] of features [b, c]; keep: float [b, width], 0 or 1 / rate."""
        for layer in self.hidden:
            whole = layer(whole, training=training)
        whole = tf.cast(whole, tf.float32)
        return self.last(whole if keep is None else whole * tf.cast(keep, tf.float32))

    @property
    def width(self):
        """Channels that dropout sees."""
        return self.hidden[-1].units

    def get_config(self):
        return super().get_config() | {
            "hidden": [layer.units for layer in self.hidden],
            "classes": self.classes, "momentum": self.momentum,
        }


@keras.saving.register_keras_serializable("tfvision")
class PointHead(keras.layers.Layer):
    """The part of each point, from what is known of the point and of the set.

    The first step is linear in both, so that the set's share is computed once for all its points.

    squeeze   units of layers that the set's features go through first
    hidden    channels of the steps before the last
    classes   how many parts there are
    """

    def __init__(
        self, hidden=(256, 256, 128), classes=50, *, squeeze=(), momentum=0.9, **options
    ):
        super().__init__(**options)
        self.momentum, self.classes = momentum, classes
        norm = {"momentum": momentum, "dtype": self.dtype_policy}
        self.squeeze = [DenseNorm(units, **norm) for units in squeeze]
        self.own = keras.layers.Dense(hidden[0], use_bias=False, name="own")
        self.shared = keras.layers.Dense(hidden[0], use_bias=False, name="shared")
        self.norm = FusedBatchNormalization(name="norm", **norm)
        self.hidden = [DenseNorm(units, **norm) for units in hidden[1:]]
        self.last = keras.layers.Dense(classes, dtype="float32", name="last")

    def build(self, shapes):
        local, d = shapes[0][-1], shapes[1][-1]
        for layer in self.squeeze:
            layer.build((None, d))
            d = layer.units
        self.own.build((None, None, local))
        self.shared.build((None, d))
        d = self.own.units
        self.norm.build((None, None, 1, d))
        for layer in [*self.hidden, self.last]:
            layer.build((None, None, d))
            d = layer.units

    def call(self, inputs, keep=None, training=False):
        """Logits float32 [b, n, classes] of (local [b, n, c], whole [b, d]).

        keep   float [b, n, width], 0 or 1 / rate, or None
        """
        local, whole = inputs
        for layer in self.squeeze:
            whole = layer(whole, training=training)
        x = self.own(local) + tf.expand_dims(self.shared(whole), 1)
        x = tf.squeeze(self.norm(tf.expand_dims(x, 2), training=training), 2)
        x = tf.nn.relu(x)
        for layer in self.hidden:
            x = layer(x, training=training)
        x = tf.cast(x, tf.float32)
        return self.last(x if keep is None else x * tf.cast(keep, tf.float32))

    @property
    def width(self):
        """Channels that dropout sees."""
        return self.hidden[-1].units if self.hidden else self.own.units

    def get_config(self):
        return super().get_config() | {
            "hidden": [self.own.units, *(layer.units for layer in self.hidden)],
            "squeeze": [layer.units for layer in self.squeeze],
            "classes": self.classes, "momentum": self.momentum,
        }
