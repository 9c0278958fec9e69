"""What lies outside an image: integer positions mapped to positions inside."""

import tensorflow as tf

PADDINGS = ("zeros", "border", "reflect", "symmetric")


def inside(index, size, padding):
    """Positions in 0..size-1 that stand for `index`, which may lie anywhere.

    index    int32 [...], px
    size     int32 scalar, px, at least 1
    padding  "zeros" and "border" repeat the edge, "reflect" mirrors about the centre of the edge
             pixel (c b | a b c), "symmetric" about its outer edge (b a | a b c)
    return   int32 [...]

    abs(i) % period is used because tf2onnx truncates `%` of negative integers, and no maximum with
    0 because the TFLite converter takes it for a Relu6 where size - 1 = 6.
    """
    if padding not in PADDINGS:
        raise ValueError(f"Expected padding in {PADDINGS}. Received: padding={padding!r}")
    if padding == "reflect":
        period = tf.maximum(2 * (size - 1), 1)
        index = tf.abs(index) % period
        return tf.minimum(index, period - index)
    if padding == "symmetric":
        index = tf.where(index < 0, -index - 1, index) % (2 * size)
        return tf.minimum(index, 2 * size - 1 - index)
    return tf.where(index > 0, tf.minimum(index, size - 1), tf.zeros_like(index))
