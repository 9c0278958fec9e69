"""Images in another size by averages over areas."""

import tensorflow as tf


def area_resize(image, size):
    """The mean of the image over each cell of a grid, whatever the size of the image.

    Two products with matrices that are made in the graph: TFLite has no other resizing that
    averages. Enlarged, an image keeps its pixels as blocks with edges in between.

    image    float [b, h, w, c]; h and w may be unknown
    size     (rows, columns) of the result, Python ints
    return   [b, *size, c], dtype of image
    """
    b, h, w, c = (image.shape[i] or tf.shape(image)[i] for i in range(4))
    rows, columns = size
    down = tf.matmul(_weights(h, rows, image.dtype), tf.reshape(image, [b, h, w * c]))
    turned = tf.transpose(tf.reshape(down, [b, rows, w, c]), [0, 2, 1, 3])
    across = tf.matmul(_weights(w, columns, image.dtype), tf.reshape(turned, [b, w, rows * c]))
    return tf.transpose(tf.reshape(across, [b, columns, rows, c]), [0, 2, 1, 3])


def _weights(length, cells, dtype):
    """[cells, length]: how much of each cell every pixel covers; rows add up to 1."""
    step = tf.cast(length, dtype) / cells
    first = tf.expand_dims(tf.range(cells, dtype=dtype) * step, 1)
    pixel = tf.expand_dims(tf.cast(tf.range(length), dtype), 0)
    covered = tf.maximum(tf.minimum(first + step, pixel + 1) - tf.maximum(first, pixel), 0)
    return covered / tf.reduce_sum(covered, 1, keepdims=True)
