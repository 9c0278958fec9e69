"""Batches as a function of the step, so that a resumed training sees what it would have seen."""

import tensorflow as tf


def stream(examples, *, batch_size, seed, start_step=0, augment=None, worker=0, workers=1):
    """Endless batches: every epoch in a new order, each example with its own random numbers.

    Batch s is the same whether the data set starts at step s or earlier, and the batches of all
    workers, put one behind the other, are the batch of a single one.

    examples    dict of arrays [n, ...], one row per example
    batch_size  examples per step, of all workers together
    seed        decides the order and, with the example's running number, the augmentation
    start_step  the first step to yield
    augment     (example, seed int32 [2]) -> example; random ops must be stateless on the seed
    worker      this worker's number, of `workers`; it gets batch_size / workers examples
    return      tf.data.Dataset of dicts [b, ...]; "index" int64 [b] numbers the examples seen
    """
    count = len(next(iter(examples.values())))
    if count == 0 or batch_size % workers:
        raise ValueError(
            "Expected examples, and a batch size that the workers can share. "
            f"Received: examples={count}, batch_size={batch_size}, workers={workers}"
        )
    examples = {name: tf.constant(values) for name, values in examples.items()}
    share = batch_size // workers
    first = start_step * share

    def example(position):
        index = position // share * batch_size + worker * share + position % share
        row = _shuffled(index, count, seed)
        picked = {name: tf.gather(values, row) for name, values in examples.items()}
        if augment is not None:
            picked = augment(picked, example_seed(seed, index))
        return picked | {"index": index}

    dataset = tf.data.Dataset.range(first, 2**62)
    dataset = dataset.map(example, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return dataset.batch(share, drop_remainder=True).prefetch(2)


def example_seed(seed, index):
    """The seed int32 [2] of the example with running number `index` (int64 scalar)."""
    return tf.stack([tf.constant(seed, tf.int32), tf.cast(index % (2**31 - 1), tf.int32)])


def _shuffled(index, count, seed):
    """Which of `count` rows stands at `index`: a fresh permutation each epoch."""
    key = tf.stack([tf.constant(seed, tf.int64), index // count, tf.zeros_like(index)])
    return tf.raw_ops.RandomIndexShuffle(
        index=index % count, seed=tf.cast(key, tf.uint32), max_index=tf.constant(count - 1, tf.int64),
        rounds=4,
    )
