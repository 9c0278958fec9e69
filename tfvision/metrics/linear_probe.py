"""How well a linear classifier reads the classes from features that were learned without them."""

import numpy as np
import tensorflow as tf
from tensorflow_probability import optimizer

PENALTIES = (1e-3, 1e-4, 1e-5)  # Strong first: each solution starts the next.
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
    *_, weights = _path(features, label, classes, penalties[: best + 1], iterations)
    test = (_rows(test[0]) - mean) / size, np.asarray(test[1])
    return accuracy(weights, *test), penalties[best]


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


def _path(features, label, classes, penalties, iterations):
    """The regressions of several penalties, each started by the one before.

    They are solved along the features' principal directions, each with a unit of its own that
    makes the loss about equally curved: the same problem, in far fewer steps of L-BFGS.
    """
    mean = features.mean(0)
    x = features - mean
    variance, directions = np.linalg.eigh(x.T @ x / len(x))
    x, target = tf.constant(x @ directions), tf.one_hot(label, classes)
    inner, found = np.zeros([x.shape[1] + 1, classes], np.float32), []
    for penalty in penalties:
        unit = (CURVATURE * np.maximum(variance, 0) + penalty) ** -0.5
        unit = np.append(unit, CURVATURE**-0.5).astype(np.float32)[:, None]
        start = tf.reshape(inner / unit, [-1])
        weight, most = tf.constant(penalty, tf.float32), tf.constant(iterations)
        best = _minimise(x, target, weight, unit, start, most).numpy()
        inner = best.reshape(inner.shape) * unit
        weights = directions @ inner[:-1]
        found.append(np.concatenate([weights, inner[-1:] - mean @ weights]))
    return found


@tf.function(reduce_retracing=True)
def _minimise(x, target, penalty, unit, start, iterations):
    """The flat weights and biases, in their units, with the least penalised cross-entropy."""
    n, shape = tf.cast(tf.shape(x)[0], tf.float32), [tf.shape(x)[1] + 1, tf.shape(target)[1]]
    cost = tf.pad(tf.fill([tf.shape(x)[1], 1], penalty), [[0, 1], [0, 0]])  # None of biases.

    def value_and_slope(flat):
        w = tf.reshape(flat, shape) * unit
        logits = x @ w[:-1] + w[-1]
        value = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(target, logits))
        value += 0.5 * tf.reduce_sum(cost * w**2)
        error = (tf.nn.softmax(logits) - target) / n
        slope = tf.matmul(x, error, transpose_a=True)
        slope = tf.concat([slope, tf.reduce_sum(error, 0, keepdims=True)], 0) + cost * w
        return value, tf.reshape(slope * unit, [-1])

    return optimizer.lbfgs_minimize(
        value_and_slope, start, tolerance=1e-5, max_iterations=iterations
    ).position


def _rows(features):
    """float32 [n, d]."""
    return np.asarray(features, np.float32).reshape(len(features), -1)
