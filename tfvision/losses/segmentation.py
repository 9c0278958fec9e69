"""Losses of semantic segmentation."""

import tensorflow as tf


def cross_entropy(labels, logits):
    """Pixel-wise cross-entropy, -log p_label(x) (lecture eq. 18; Ronneberger et al., 2015, eq. 1).

    labels   int [b, h, w], 0..k-1
    logits   float [b, h, w, k]
    return   float32 [b, h, w], nats
    """
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, tf.cast(logits, tf.float32))
