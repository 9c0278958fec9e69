"""Backbones: networks that make a pyramid of feature maps from an image."""

from functools import partial

import keras

from tfvision import layers


def small(*, widths=(16, 32, 64, 96, 128), depth=1):
    """A compact residual network, to be trained from scratch (cf. He et al., 2016).

    widths  channels at the strides 2, 4, 8, ..., of which all but the first are given out
    depth   residual blocks at each stride from 4 on
    inputs  float [b, h, w, 3], RGB 0..255
    return  list of float [b, h / s, w / s, width] for s = 4, 8, ..., finest first
    """
    image = keras.Input([None, None, 3], name="image")
    x = keras.layers.Rescaling(1 / 127.5, -1)(image)
    x = convolve(x, widths[0], strides=2)
    levels = []
    for width in widths[1:]:
        x = convolve(x, width, strides=2)
        for _ in range(depth):
            x = residual(x, width)
        levels.append(x)
    return keras.Model(image, levels, name="small")


def convolve(x, filters, size=3, strides=1, activation="relu"):
    """A convolution with batch normalisation; even sides are halved by stride 2."""
    x = keras.layers.Conv2D(
        filters, size, strides, padding="same", use_bias=False, kernel_initializer="he_normal"
    )(x)
    x = layers.FusedBatchNormalization(momentum=0.9)(x)
    return keras.layers.ReLU()(x) if activation else x


def residual(x, filters):
    """Two convolutions beside the identity."""
    y = convolve(convolve(x, filters), filters, activation=None)
    return keras.layers.ReLU()(keras.layers.Add()([x, y]))


def of_applications(name, *, weights=None, strides=(4, 8, 16, 32), trainable_norm=False):
    """A network of keras.applications, cut where each stride ends.

    Its own preprocessing is part of it. With `weights` its batch normalisation should stay as it
    is: so it does, unless trainable_norm.

    name     as in keras.applications, for example "ResNet50" or "MobileNetV2"
    weights  None, a file, or "imagenet", which Keras would download
    inputs   float [b, h, w, 3], RGB 0..255
    return   list of float [b, h / s, w / s, c], finest first
    raises   ValueError for an unknown name, and for a stride that the network does not have
    """
    module = next((m for m in vars(keras.applications).values()
                   if hasattr(m, name) and hasattr(m, "preprocess_input")), None)
    if module is None:
        raise ValueError(f"Expected the name of a network in keras.applications. Received: {name}")
    make = partial(getattr(module, name), include_top=False)
    net = make(weights=weights, input_shape=(None, None, 3))
    sized = make(weights=None, input_shape=(256, 256, 3))
    last = _last_of_stride(net, sized)
    lacking = [stride for stride in strides if stride not in last]
    if lacking:
        raise ValueError(f"Expected strides among {sorted(last)} of {name}. Received: {lacking}")
    for layer in net.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = trainable_norm
    levels = keras.Model(net.input, [last[stride] for stride in strides])
    image = keras.Input([None, None, 3], name="image")
    return keras.Model(image, levels(module.preprocess_input(image)), name=name.lower())


def _last_of_stride(net, sized):
    """Stride -> the last map of the net that is smaller than the image by it.

    sized  the same network for images of 256 x 256 px
    """
    shapes = [layer.output.shape for layer in sized.layers]
    return {256 // shape[1]: layer.output for layer, shape in zip(net.layers, shapes, strict=True)
            if len(shape) == 4 and 256 % shape[1] == 0}


def pyramid(backbone, *, channels=64, extra=False):
    """The feature pyramid network on a backbone (Lin et al., 2017, section 3).

    A 1x1 convolution of each level, the coarser level twice as large added, a 3x3 convolution.

    backbone  keras.Model from here; the sides of its images must be multiples of its last stride
    extra     one more level, of every second pixel of the last, for large anchors
    return    keras.Model with the same input: list of float32 [b, h / s, w / s, channels]
    """
    def convolution(size, name):
        return keras.layers.Conv2D(channels, size, padding="same", name=name)

    sums, number = [], len(backbone.outputs)
    for i, level in reversed(list(enumerate(backbone.outputs))):
        x = convolution(1, f"inner_{i}")(level)
        if sums:
            x = keras.layers.Add()([x, keras.layers.UpSampling2D()(sums[-1])])
        sums.append(x)
    levels = [convolution(3, f"outer_{i}")(sums[-1 - i]) for i in range(number)]
    if extra:
        levels.append(keras.layers.MaxPooling2D(1, 2)(levels[-1]))
    return keras.Model(backbone.input, levels, name="pyramid")
