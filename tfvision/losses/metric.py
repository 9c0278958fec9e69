"""Losses of metric learning."""

import tensorflow as tf


def contrastive(same, distance, *, margin=1.0):
    """Draws equal ones together, pushes others apart up to the margin (Hadsell et al., 2006).

    The lecture's form: 1/2 D^2 for a positive pair, 1/2 max(0, m - D)^2 for a negative one.

    same      bool [b] or 0 and 1: whether a pair is positive
    distance  float [b], 0 or more
    margin    m, in units of the distance
    return    float32 [b]
    """
    distance = tf.cast(distance, tf.float32)
    missing = tf.maximum(margin - distance, 0.0)
    return 0.5 * tf.square(tf.where(tf.cast(same, tf.bool), distance, missing))
