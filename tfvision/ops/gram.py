"""Which features occur together: the style of an image, without its places."""

import tensorflow as tf


def gram(features):
    """The Gram matrix of the channels, over all places: sum_p f_i(p) f_j(p) / (h w c).

    Divided by the number of values, h w c, it does not grow with the size of the image or of the
    layer (Johnson et al. 2016, eq. 3). Gatys et al. (2016), eq. 3, do not divide, but their loss
    (eq. 4) does: it is 1/4 of the sum of squared differences of these matrices.

    features  float [b, h, w, c]
    return    [b, c, c], symmetric; 0 for a map without places; float64 where features are, else
              float32
    raises    ValueError unless features have 4 axes
    """
    features = tf.convert_to_tensor(features)
    if len(features.shape) != 4:
        raise ValueError(f"Expected features [b, h, w, c]. Received: features={features.shape}")
    if features.dtype != tf.float64:
        features = tf.cast(features, tf.float32)
    b, h, w, c = (features.shape[i] or tf.shape(features)[i] for i in range(4))
    rows = tf.reshape(features, [b, h * w, c])
    values = tf.cast(tf.maximum(h * w * c, 1), rows.dtype)
    return tf.matmul(rows, rows, transpose_a=True) / values
