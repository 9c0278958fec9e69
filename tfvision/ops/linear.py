"""Linear systems: as LAPACK solves them, or in a form that every runtime has."""

import tensorflow as tf

from tfvision.ops.compiling import portable, under_xla


def solve(matrix, right):
    """X with A X = R, of regular matrices; differentiable any number of times.

    tf.linalg.solve where TensorFlow's own kernels may be used, and Gauss-Jordan elimination with
    partial pivoting under XLA and while exporting: no solver converts to TFLite or ONNX.

    matrix   float [b, n, n]
    right    float [b, n, k], dtype of matrix
    return   float [b, n, k]; of a singular matrix not finite, or, where LAPACK notices it,
             tf.errors.InvalidArgumentError
    """
    if not portable():
        return tf.linalg.solve(matrix, right)
    if not under_xla():  # A custom gradient cannot be saved.
        return _gauss_jordan(matrix, right)
    return _differentiable(matrix, right)


@tf.custom_gradient
def _differentiable(matrix, right):
    """By the implicit function: nothing of the elimination is kept."""
    found = _gauss_jordan(matrix, right)

    def backward(upstream):
        change = solve(tf.linalg.matrix_transpose(matrix), upstream)
        return -tf.matmul(change, found, transpose_b=True), change

    return found, backward


def _gauss_jordan(matrix, right):
    """Each step makes one column that of a permutation; rows are never swapped.

    About six operations of [b, n, n + k] in each of n steps.
    """
    n = matrix.shape[-1] or tf.shape(matrix)[-1]

    def step(i, table, free):
        column = tf.gather(table, i, axis=2)  # [b, n]
        size = tf.where(free, tf.abs(column), -tf.ones_like(column))
        pivot = tf.expand_dims(tf.argmax(size, 1, output_type=tf.int32), 1)
        chosen = tf.equal(tf.expand_dims(tf.range(n), 0), pivot)  # [b, n]
        row = tf.gather(table, pivot, batch_dims=1)  # [b, 1, n + k]
        row /= tf.gather(row, tf.expand_dims(i, 0), axis=2)
        rest = table - tf.expand_dims(column, 2) * row
        return i + 1, tf.where(tf.expand_dims(chosen, 2), row, rest), free & ~chosen

    table = tf.concat([matrix, right], 2)
    free = tf.ones_like(table[:, :, 0], tf.bool)
    shapes = tf.TensorShape([]), table.shape, free.shape
    _, table, _ = tf.while_loop(
        lambda i, table, free: i < n, step, (tf.constant(0), table, free), shapes,
        maximum_iterations=n,
    )
    return tf.matmul(table[:, :, :n], table[:, :, n:], transpose_a=True)
