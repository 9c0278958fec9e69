"""A classifier's way forward and back, in operations that TFLite and ONNX have.

Neither format knows the kernels that TensorFlow takes for the gradients of ReLU, of max pooling
and of convolutions. An attack needs these gradients while it runs, so an attack that is exported
goes back through the layers by the rules here.
"""

import functools

import keras
import tensorflow as tf

from tfvision import layers, ops
from tfvision.models.logits import WithoutActivation


class Reversible:
    """A chain of Keras layers as ops.deepfool takes it, with its reverse pass written out.

    Weights are the model's own. Known are convolutions, dense layers, batch normalisation, ReLU,
    max pooling of 2 x 2, rescaling, flattening, dropout.

    model    Sequential or functional, used as it is after training
    raises   ValueError that names what it does not know
    """

    def __init__(self, model):
        self.layers = chain(model)
        for layer in self.layers:
            rule_of(layer)

    def __call__(self, x):
        return self.linearise(x)[0]

    def linearise(self, x):
        """Outputs, and the function from changes of the outputs to changes of x."""
        ways = []
        for layer in self.layers:
            x, way = rule_of(layer)(layer, x)
            ways.append(way)
        return x, lambda change: functools.reduce(lambda c, way: way(c), ways[::-1], change)


def chain(model):
    """The layers from input to output; ValueError where they do not stand in one row."""
    found, tensor = [], model.outputs[0]
    while True:
        layer, node, _ = tensor._keras_history
        if isinstance(layer, keras.layers.InputLayer):
            return found[::-1]
        tensors = layer._inbound_nodes[node].input_tensors
        if len(tensors) != 1:
            raise ValueError(f"Expected layers in one row. Received: {layer.name!r} with "
                             f"{len(tensors)} inputs")
        found.append(layer)
        tensor = tensors[0]


def rule_of(layer):
    """The rule of a layer: (layer, x) -> its output, and the way back."""
    for kinds, known, rule in RULES:
        if type(layer) in kinds and known(layer):
            return rule
    raise ValueError("Expected layers whose gradients can be exported. "
                     f"Received: {type(layer).__name__} {layer.name!r}")


def _dense(layer, x):
    return _activated(layer, *_open_dense(layer, x))


def _open_dense(layer, x):
    kernel, bias = _weights(getattr(layer, "dense", layer))
    return tf.matmul(x, kernel) + bias, lambda change: tf.matmul(change, kernel, transpose_b=True)


def _convolution(layer, x):
    kernel, bias = _weights(layer)
    how, size = (layer.strides, layer.padding.upper()), tf.shape(x)

    def back(change):
        before = tf.nn.conv2d_transpose(change, kernel, size, *how)
        before.set_shape(x.shape)
        return before

    return _activated(layer, tf.nn.conv2d(x, kernel, *how) + bias, back)


def _normalisation(layer, x):
    factor = tf.math.rsqrt(tf.convert_to_tensor(layer.moving_variance) + layer.epsilon)
    factor = factor * (tf.convert_to_tensor(layer.gamma) if layer.scale else 1.0)
    offset = tf.convert_to_tensor(layer.beta) if layer.center else 0.0
    y = (x - tf.convert_to_tensor(layer.moving_mean)) * factor + offset
    return y, lambda change: change * factor


def _relu(layer, x):
    return tf.nn.relu(x), lambda change: tf.where(x > 0, change, tf.zeros_like(change))


def _pooling(layer, x):
    pooled, switches = ops.max_pool_with_switches(x)
    return pooled, lambda change: ops.unpool(change, switches)


def _flat(layer, x):
    size = tf.shape(x)
    return tf.reshape(x, [-1, layer.output.shape[-1]]), lambda change: tf.reshape(change, size)


def _rescaling(layer, x):
    return x * layer.scale + layer.offset, lambda change: change * layer.scale


def _nothing(layer, x):
    return x, lambda change: change


def _activated(layer, y, back):
    """A layer's output behind its activation; ReLU or none."""
    if not _is(layer, "relu"):
        return y, back
    out, way = _relu(layer, y)
    return out, lambda change: back(way(change))


def _weights(layer):
    bias = 0.0 if layer.bias is None else tf.convert_to_tensor(layer.bias)
    return tf.convert_to_tensor(layer.kernel), bias


def _is(layer, *names):
    return getattr(layer.activation, "__name__", None) in names


def _always(layer):
    return True


def _simple(layer):
    """Whether a convolution is one that has a transpose among the exported operations."""
    one = layer.groups == 1 and layer.dilation_rate == (1, 1)
    return one and layer.data_format == "channels_last" and _is(layer, "linear", "relu")


def _halves(layer):
    """Whether a pooling is that of windows 2 x 2, side by side, of even sides."""
    even = all(side and side % 2 == 0 for side in layer.input.shape[1:3])
    return layer.pool_size == layer.strides == (2, 2) and even


def _plain(layer):
    return layer.max_value is None and not layer.negative_slope and not layer.threshold


def _last_axis(layer):
    return layer.axis in (-1, len(layer.input.shape) - 1)


RULES = (
    ((keras.layers.Dense,), lambda layer: _is(layer, "linear", "relu"), _dense),
    ((WithoutActivation,), _always, _open_dense),
    ((keras.layers.Conv2D, layers.ImageConv2D), _simple, _convolution),
    ((keras.layers.BatchNormalization, layers.FusedBatchNormalization), _last_axis, _normalisation),
    ((keras.layers.ReLU,), _plain, _relu),
    ((keras.layers.Activation,), lambda layer: _is(layer, "relu"), _relu),
    ((keras.layers.Activation,), lambda layer: _is(layer, "linear"), _nothing),
    ((keras.layers.MaxPooling2D,), _halves, _pooling),
    ((keras.layers.Flatten,), _always, _flat),
    ((keras.layers.Rescaling,), _always, _rescaling),
    ((keras.layers.Dropout,), _always, _nothing),
)
