"""Random numbers that belong to examples: the same for an example whoever processes it."""

import tensorflow as tf

PHILOX = 1  # Of tf.random.Algorithm: the stream may be entered anywhere.


def example_normal(index, size, *, seed, purpose=0):
    """Standard normal numbers of consecutive examples, a row each.

    A row depends on its example's number alone, so noise is the same after a resume, and the same
    whether one worker processes a batch or several share it.

    index    int64 [b], consecutive numbers, as data.stream counts them
    size     numbers per example, a Python int
    seed     of the run, a Python int
    purpose  tells apart the kinds of noise that one step draws
    return   float32 [b, size]
    """
    return _draw(tf.raw_ops.StatelessRandomNormalV2, index, size, seed, purpose)


def example_uniform(index, size, *, seed, purpose=0):
    """As example_normal, but uniform in [0, 1)."""
    return _draw(tf.raw_ops.StatelessRandomUniformV2, index, size, seed, purpose)


def _draw(kernel, index, size, seed, purpose):
    blocks = -(-size // 4)  # Philox makes four numbers at a time.
    rows = tf.shape(index)[0]
    first = tf.cond(rows > 0, lambda: index[0], lambda: tf.zeros([], tf.int64))
    key = tf.constant([(seed % 2**31) * 2**32 + purpose], tf.uint64)
    counter = tf.stack([tf.cast(first * blocks, tf.uint64), tf.zeros([], tf.uint64)])
    numbers = kernel(shape=[rows, 4 * blocks], key=key, counter=counter, alg=PHILOX)
    return tf.ensure_shape(numbers[:, :size], [None, size])
