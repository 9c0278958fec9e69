"""Losses of object detection."""

import tensorflow as tf

from tfvision import ops

EPSILON = 1e-7


def smooth_l1(target, prediction, *, beta=1.0):
    """Squares near 0, absolute values beyond beta, summed over the last axis (Girshick, eq. 3).

    d^2 / (2 beta) where |d| < beta, else |d| - beta / 2; py-faster-rcnn's sigma is beta^(-1/2).

    target, prediction  float [..., c]
    beta     0: absolute values
    return   [...], dtype of prediction
    """
    apart = tf.abs(prediction - tf.cast(target, prediction.dtype))
    if beta > 0:
        apart = tf.where(apart < beta, apart**2 / (2 * beta), apart - beta / 2)
    return tf.reduce_sum(apart, -1)


def generalized_iou(a, b):
    """1 - GIoU of pairs of boxes (Rezatofighi et al., 2019): 0 where they are equal, below 2.

    a, b    float [..., 4], (x1, y1, x2, y2); degenerate boxes as in ops.generalized_iou
    return  [...]; float64 where one of them is, else float32
    """
    return 1 - ops.generalized_iou(a, b)


def sigmoid_focal(targets, predictions, *, alpha=0.25, gamma=2.0, from_logits=True):
    """The focal loss of Lin et al. (2017): -alpha_t (1 - p_t)^gamma log p_t, summed over classes.

    Equal to TensorFlow Addons' SigmoidFocalCrossEntropy; there, from_logits is False by default.

    targets      float [..., c], 0..1, several classes may be 1
    predictions  float [..., c]: logits, or probabilities, which are kept 1e-7 away from 0 and 1
    alpha        weight of targets 1, those of 0 have 1 - alpha; None or 0: no weights
    gamma        0 or more; 0 is the cross-entropy
    return       [...], nats; float64 where predictions are, else float32; finite with a finite
                 gradient for all finite predictions
    raises       ValueError where gamma < 0
    """
    if gamma < 0:
        raise ValueError(f"Expected gamma >= 0. Received: gamma={gamma}")
    x = tf.convert_to_tensor(predictions)
    x = x if x.dtype == tf.float64 else tf.cast(x, tf.float32)
    targets = tf.cast(targets, x.dtype)
    entropy, yes, no = _of_logits(targets, x) if from_logits else _of_probabilities(targets, x)
    if gamma:
        entropy *= _power(targets * no + (1 - targets) * yes, gamma)
    if alpha:
        entropy *= targets * alpha + (1 - targets) * (1 - alpha)
    return tf.reduce_sum(entropy, -1)


def _of_logits(targets, x):
    entropy = tf.nn.sigmoid_cross_entropy_with_logits(targets, x)
    return entropy, tf.sigmoid(x), tf.sigmoid(-x)


def _of_probabilities(targets, p):
    """The cross-entropy as Keras computes it: epsilon is a limit, and is added once more."""
    limited = tf.clip_by_value(p, EPSILON, 1 - EPSILON)
    yes, no = tf.math.log(limited + EPSILON), tf.math.log(1 - limited + EPSILON)
    return -(targets * yes + (1 - targets) * no), p, 1 - p


def _power(x, exponent):
    """x ** exponent for x in 0..1; its gradient is 0 at 0, also for exponents below 1."""
    positive = x > 1e-37
    return tf.where(positive, tf.where(positive, x, tf.ones_like(x)) ** exponent,
                    tf.zeros_like(x))
