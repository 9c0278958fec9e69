"""The overlap-tile strategy (U-Net, fig. 2): any image through a network of fixed size."""

import tensorflow as tf

from tfvision.ops.borders import inside


def split_tiles(image, *, tile, stride, margin):
    """Overlapping tiles that cover `image`; what they need outside is mirrored.

    image    [b, h, w, c], h and w may be unknown
    tile     side of a tile, px
    stride   distance between tiles, px; tile k starts at k * stride - margin
    margin   how far the first tile reaches out of the image, px
    return   [b * rows * columns, tile, tile, c], row after row, image after image
    """
    if not 0 < stride <= tile - margin:
        raise ValueError(
            "Expected 0 < stride <= tile - margin, or pixels would be lost. "
            f"Received: tile={tile}, stride={stride}, margin={margin}"
        )
    shape = tf.shape(image)
    b, h, w, c = shape[0], shape[1], shape[2], image.shape[3] or shape[3]
    rows, columns = tile_count(h, stride), tile_count(w, stride)
    image = tf.gather(image, _positions(rows, h, tile, stride, margin), axis=1)
    image = tf.gather(image, _positions(columns, w, tile, stride, margin), axis=2)
    image = tf.reshape(image, [b * rows, tile, columns, tile * c])
    return tf.reshape(tf.transpose(image, [0, 2, 1, 3]), [b * rows * columns, tile, tile, c])


def join_tiles(tiles, *, batch, height, width, stride):
    """The image whose tiles, cropped to their first `stride` pixels, these are.

    tiles    [batch * rows * columns, >= stride, >= stride, c], as split_tiles orders them
    return   [batch, height, width, c]
    """
    c = tiles.shape[3] or tf.shape(tiles)[3]
    rows, columns = tile_count(height, stride), tile_count(width, stride)
    tiles = tf.reshape(tiles[:, :stride, :stride], [batch * rows, columns, stride, stride * c])
    image = tf.reshape(
        tf.transpose(tiles, [0, 2, 1, 3]), [batch, rows * stride, columns * stride, c]
    )
    return image[:, :height, :width]


def tile_count(size, stride):
    """How many tiles cover `size` pixels (rounded up)."""
    return (size + stride - 1) // stride


def _positions(count, size, tile, stride, margin):
    starts = tf.expand_dims(tf.range(count) * stride - margin, 1)
    return tf.reshape(inside(starts + tf.range(tile), size, "reflect"), [-1])
