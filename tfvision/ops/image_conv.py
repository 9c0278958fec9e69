"""Convolutions of images, with a gradient of the image that is fast on a CPU."""

import numpy as np
import tensorflow as tf

from tfvision.ops.compiling import portable

FEW = 4  # Channels, at most, of what counts as an image here.


def image_conv(image, kernel, *, padding="VALID"):
    """tf.nn.conv2d with stride 1, whose gradient of an image of few channels is matrix products.

    TensorFlow's own kernel for it gives each input channel a whole vector: with 1 or 3 channels
    most of that is empty. What learns from the image's gradient (spatial transformers, attacks)
    waits for it longer than for all the rest. Where the image has more than 4 channels or unknown
    sides, a GPU is there, or a model is exported, this is tf.nn.conv2d.

    image    float [b, h, w, c]
    kernel   float [rows, columns, c, d], of the same dtype
    padding  "VALID" or "SAME"
    return   float [b, h', w', d]
    raises   ValueError for another padding
    """
    if padding not in ("VALID", "SAME"):
        raise ValueError(f"Expected padding 'VALID' or 'SAME'. Received: {padding=}")
    image = tf.convert_to_tensor(image)
    if not has_fast_gradient(image):
        return tf.nn.conv2d(image, kernel, 1, padding)
    return _conv(image, tf.convert_to_tensor(kernel), padding)


def has_fast_gradient(image):
    """Whether image_gradient is the way back to an image [b, h, w, c] here."""
    known = None not in image.shape[1:] and image.shape[3] <= FEW
    return known and not portable() and not tf.config.list_physical_devices("GPU")


def _conv(image, kernel, padding):
    sides = tuple(image.shape[1:])

    @tf.custom_gradient
    def conv(image, kernel):
        def backward(upstream):
            of_kernel = tf.raw_ops.Conv2DBackpropFilter(
                input=image, filter_sizes=tf.shape(kernel), out_backprop=upstream,
                strides=[1, 1, 1, 1], padding=padding,
            )
            return image_gradient(upstream, kernel, sides, padding), of_kernel

        return tf.nn.conv2d(image, kernel, 1, padding), backward

    return conv(image, kernel)


def image_gradient(upstream, kernel, sides, padding):
    """What each pixel of the image adds to the loss: float [b, h, w, c].

    One product gives what each output sends to each pixel of its window; two more, with constant
    matrices, add up what arrives in each column and then in each row.

    upstream  float [b, h', w', d], the gradient of the outputs
    sides     (h, w, c) of the image
    """
    h, w, c = sides
    rows, columns, _, d = kernel.shape
    high, wide = upstream.shape[1:3]
    windows = tf.reshape(tf.transpose(kernel, [0, 2, 1, 3]), [-1, d])  # [rows * c * columns, d]
    sent = tf.matmul(tf.reshape(upstream, [-1, d]), windows, transpose_b=True)
    sent = tf.reshape(sent, [-1, high, wide, rows * c, columns])
    sent = tf.reshape(tf.transpose(sent, [0, 1, 3, 2, 4]), [-1, wide * columns])
    across = tf.matmul(sent, tf.constant(arrivals(wide, columns, w, padding), sent.dtype))
    across = tf.reshape(across, [-1, high * rows, c * w])
    down = tf.constant(arrivals(high, rows, h, padding).T, sent.dtype)
    found = tf.reshape(tf.matmul(down, across), [-1, h, c, w])
    return tf.transpose(found, [0, 1, 3, 2])


def arrivals(outputs, taps, side, padding):
    """Which pixel of a row an output's tap reads: 0 or 1, float32 [outputs * taps, side]."""
    first = (taps - 1) // 2 if padding == "SAME" else 0
    pixel = np.arange(outputs)[:, np.newaxis] + np.arange(taps) - first
    return np.float32(pixel.reshape(-1, 1) == np.arange(side))
