"""Convolutions of grey images, with a gradient of the image that is fast on a CPU."""

import numpy as np
import tensorflow as tf

from tfvision.ops.compiling import portable


def image_conv(image, kernel, *, padding="VALID"):
    """tf.nn.conv2d with stride 1, whose gradient of a grey image is a few matrix products.

    TensorFlow's own kernel for it gives each input channel a whole vector: with one channel most of
    that is empty. What learns from the image's gradient (spatial transformers, attacks) waits for
    it longer than for all the rest. Where the image has more channels or unknown sides, where a GPU
    is there, or a model is exported, this is tf.nn.conv2d.

    image    float [b, h, w, c]
    kernel   float [rows, columns, c, d], of the same dtype
    padding  "VALID" or "SAME"
    return   float [b, h', w', d]
    raises   ValueError for another padding
    """
    if padding not in ("VALID", "SAME"):
        raise ValueError(f"Expected padding 'VALID' or 'SAME'. Received: {padding=}")
    image = tf.convert_to_tensor(image)
    grey = None not in image.shape[1:] and image.shape[3] == 1
    if not grey or portable() or tf.config.list_physical_devices("GPU"):
        return tf.nn.conv2d(image, kernel, 1, padding)
    return _conv(image, tf.convert_to_tensor(kernel), padding)


def _conv(image, kernel, padding):
    sides = tuple(image.shape[1:3])

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
    """What each pixel of the image adds to the loss: float [b, h, w, 1].

    One product gives what each output sends to each pixel of its window; two more, with constant
    matrices, add up what arrives in each column and then in each row.

    upstream  float [b, h', w', d], the gradient of the outputs
    sides     (h, w) of the image
    """
    (h, w), (rows, columns, _, d) = sides, kernel.shape
    high, wide = upstream.shape[1:3]
    windows = tf.reshape(kernel, [rows * columns, d])
    sent = tf.matmul(tf.reshape(upstream, [-1, d]), windows, transpose_b=True)
    sent = tf.transpose(tf.reshape(sent, [-1, high, wide, rows, columns]), [0, 1, 3, 2, 4])
    across = tf.constant(arrivals(wide, columns, w, padding), sent.dtype)
    sent = tf.matmul(tf.reshape(sent, [-1, wide * columns]), across)
    down = tf.constant(arrivals(high, rows, h, padding).T, sent.dtype)
    found = tf.matmul(down, tf.reshape(sent, [-1, high * rows, w]))
    return tf.expand_dims(found, -1)


def arrivals(outputs, taps, side, padding):
    """Which pixel of a row an output's tap reads: 0 or 1, float32 [outputs * taps, side]."""
    first = (taps - 1) // 2 if padding == "SAME" else 0
    pixel = np.arange(outputs)[:, np.newaxis] + np.arange(taps) - first
    return np.float32(pixel.reshape(-1, 1) == np.arange(side))
