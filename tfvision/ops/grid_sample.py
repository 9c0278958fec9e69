"""Bilinear reads of an image at any points."""

import tensorflow as tf

from tfvision.ops.borders import inside


def grid_sample(image, points, *, padding="zeros"):
    """Values of `image` at `points`, bilinear between the four pixels around each.

    image    float [b, h, w, c]
    points   float [b, ..., 2], (x, y) px, centre of the first pixel = (0, 0)
    padding  what lies outside: "zeros", or "border", "reflect", "symmetric" as in ops.borders
    return   float [b, ..., c], dtype of image
    """
    shape = tf.shape(image)
    b, h, w, c = shape[0], shape[1], shape[2], image.shape[3] or shape[3]
    inner = tf.shape(points)[1:-1]
    points = tf.cast(tf.reshape(points, [b, -1, 2]), image.dtype)
    flat = tf.reshape(image, [b, h * w, c])
    low = tf.floor(points)
    x, y = tf.unstack(tf.cast(low, tf.int32), axis=-1)  # [b, n]
    dx, dy = tf.unstack(points - low, axis=-1)

    def pixel(x, y, weight):
        value = tf.gather(flat, inside(y, h, padding) * w + inside(x, w, padding), batch_dims=1)
        if padding == "zeros":
            seen = (x >= 0) & (x < w) & (y >= 0) & (y < h)
            weight = tf.where(seen, weight, tf.zeros_like(weight))
        return value * tf.expand_dims(weight, -1)

    top = pixel(x, y, (1 - dx) * (1 - dy)) + pixel(x + 1, y, dx * (1 - dy))
    bottom = pixel(x, y + 1, (1 - dx) * dy) + pixel(x + 1, y + 1, dx * dy)
    return tf.reshape(top + bottom, tf.concat([[b], inner, [c]], 0))
