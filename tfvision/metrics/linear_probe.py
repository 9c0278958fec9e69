"""How well a linear classifier reads the classes from features that were learned without them."""

import numpy as np
import tensorflow as tf
from tensorflow_probability import optimizer

PENALTIES = (1e-2, 1e-3, 1e-4, 1e-5)  # Strong first: each solution starts the next.
HELD_OUT = 12  # One row of so many is for the choice of the penalty.
CURVATURE = 0.02  # Of the cross-entropy along a direction of variance 1, roughly.


def linear_probe(train, test, *, classes, penalties=PENALTIES, iterations=100):
    """The accuracy of multinomial logistic regression on features.

    The penalty is chosen on the last twelfth of the training rows, after training on the others;
    then all are trained on, and the test rows are looked at once. Features are centred and
    divided by one number, their root mean square.

    train, test  (features float [n, ...], label int [n], 0..classes-1)
    penalties    of the squared weights, decreasing
    iterations   of L-BFGS, at most, for each penalty
    return       accuracy 0..1, penalty
    """
    features, label = _rows(train[0]), np.asarray(train[1])
    mean = features.mean(0)
    size = np.sqrt(np.mean((features - mean) ** 2)) or 1.0
    features = (features - mean) / size
    last = len(features) - max(1, len(features) // HELD_OUT)
    found = _path(features[:last], label[:last], classes, penalties, iterations)
    scores = [accuracy(weights, features[last:], label[last:]) for weights in found]
    best = int(np.argmax(scores))
    penalty = penalties[best]
    (weights,) = _path(features, label, classes, [penalty], iterations, found[best])
    return accuracy(weights, (_rows(test[0]) - mean) / size, np.asarray(test[1])), penalty


def regression(features, label, classes, penalty, iterations=100):
    """Weights that minimise the mean cross-entropy + penalty / 2 * their squares.

    The last row, the bias, is not penalised.

    features  float [n, d]
    label     int [n], 0..classes-1
    return    float32 [d + 1, classes]
    """
    (weights,) = _path(_rows(features), label, classes, [penalty], iterations)
    return weights


def accuracy(weights, features, label):
    """Share of the rows whose largest score is that of their label."""
    scores = features.astype(np.float32) @ weights[:-1] + weights[-1]
    return float(np.mean(scores.argmax(1) == label))


def _path(features, label, classes, penalties, iterations, start=None):
    """The regressions of several penalties, each started by the one before, the first by `start`.

    They are solved along the features' principal directions, each with a unit of its own that
    makes the loss about equally curved: the same problem, in far fewer steps of L-BFGS.
    """
    mean = features.mean(0)
    x = features - mean
    variance, directions = np.linalg.eigh(x.T @ x / len(x))
    x, target, most = tf.constant(x @ directions), tf.one_hot(label, classes), iterations
    weights = np.zeros([len(mean) + 1, classes], np.float32) if start is None else start
    found = []
    for penalty in penalties:
        curvature = np.append(CURVATURE * np.maximum(variance, 0) + penalty, CURVATURE)
        unit = (curvature**-0.5).astype(np.float32)[:, None]
        inner = np.concatenate([directions.T @ weights[:-1], weights[-1:] + mean @ weights[:-1]])
        best = _minimise(x, target, tf.constant(penalty, tf.float32), unit, inner / unit, most)
        inner = best.numpy() * unit
        weights = directions @ inner[:-1]
        weights = np.concatenate([weights, inner[-1:] - mean @ weights])
        found.append(weights)
    return found


TABLE, SCALAR = tf.TensorSpec([None, None]), tf.TensorSpec([])


@tf.function(input_signature=[TABLE, TABLE, SCALAR, TABLE, TABLE, tf.TensorSpec([], tf.int32)])
def _minimise(x, target, penalty, unit, start, iterations):
    """Weights and, last, biases, in their units, with the least penalised cross-entropy."""
    n, shape = tf.cast(tf.shape(x)[0], tf.float32), tf.shape(start)

    def value_and_slope(flat):
        w = tf.reshape(flat, shape) * unit
        logits = x @ w[:-1] + w[-1]
        value = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(target, logits))
        value += 0.5 * penalty * tf.reduce_sum(w[:-1] ** 2)
        error = (tf.nn.softmax(logits) - target) / n
        slope = tf.matmul(x, error, transpose_a=True) + penalty * w[:-1]
        slope = tf.concat([slope, tf.reduce_sum(error, 0, keepdims=True)], 0)
        return value, tf.reshape(slope * unit, [-1])

    found = optimizer.lbfgs_minimize(
        value_and_slope, tf.reshape(start, [-1]), tolerance=1e-5, max_iterations=iterations
    )
    return tf.reshape(found.position, shape)


def _rows(features):
    """float32 [n, d]."""
    return np.asarray(features, np.float32).reshape(len(features), -1)
