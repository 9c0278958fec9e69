"""Batches as a function of the step, so that a resumed training sees what it would have seen."""

import numpy as np
import tensorflow as tf


def stream(
    examples,
    *,
    batch_size,
    seed,
    start_step=0,
    augment=None,
    worker=None,
    workers=None,
    parallel=tf.data.AUTOTUNE,
):
    """Endless batches: every epoch in a new order, each example with its own random numbers.

    Batch s is the same whether the data set starts at step s or earlier, and the batches of all
    workers, put one behind the other, are the batch of a single one.

    examples    dict of arrays [n, ...], one row per example, without NaN or infinity
    batch_size  examples per step, of all workers together
    seed        0..2**31-1, decides the order and, with the example's running number, augmentation
    start_step  the first step to yield
    augment     (example, seed int32 [2]) -> example; random ops must be stateless on the seed
    worker      this worker's number, of `workers`; it gets batch_size / workers examples.
                Default: as the tf.distribute strategy in scope has it
    parallel    examples (batches, without augment) that are made at a time; changes no result
    return      tf.data.Dataset of dicts [b, ...]; "index" int64 [b] numbers the examples seen
    raises      ValueError, naming the array and the row, where examples cannot be used
    """
    alone = worker is None and workers is None
    worker, workers, devices = placement() if alone else (worker or 0, workers or 0, 1)
    share = _share(batch_size, seed, start_step, worker, workers * devices) * devices
    with tf.device("CPU:0"):  # Where tf.data runs; a GPU has better uses of its memory.
        examples = {name: tf.constant(rows) for name, rows in _checked(examples).items()}
    count = len(next(iter(examples.values())))

    def batch(step):
        index = step * batch_size + worker * share + tf.range(share, dtype=tf.int64)
        row = _shuffled(index, count, seed)
        return {name: tf.gather(rows, row) for name, rows in examples.items()} | {"index": index}

    def change(example):
        index = example.pop("index")
        return augment(example, example_seed(seed, index)) | {"index": index}

    parallel = {"num_parallel_calls": parallel, "deterministic": True}
    dataset = tf.data.Dataset.range(start_step, 2**62 // batch_size).map(batch, **parallel)
    if augment is not None:
        dataset = dataset.unbatch().map(change, **parallel).batch(share, drop_remainder=True)
    if devices > 1:
        dataset = dataset.unbatch().batch(share // devices, drop_remainder=True)
    return dataset.prefetch(2)


def placement():
    """(this worker's number, workers, devices of each) under the tf.distribute strategy in scope.

    With one worker Keras shares each batch among the devices, so that there is one device to us.
    """
    strategy = tf.distribute.get_strategy()
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return 0, 1, 1
    resolver = strategy.cluster_resolver
    workers = resolver.cluster_spec().num_tasks("worker")
    return resolver.task_id, workers, strategy.num_replicas_in_sync // workers


def example_seed(seed, index):
    """The seed int32 [2] of the example with running number `index` (int64 scalar)."""
    return tf.stack([tf.constant(seed, tf.int32), tf.cast(index % (2**31 - 1), tf.int32)])


def _share(batch_size, seed, start_step, worker, workers):
    """Examples per step and part; ValueError for numbers that make no sense."""
    if workers < 1 or batch_size < 1 or batch_size % workers or not 0 <= worker < workers:
        raise ValueError(
            "Expected a batch size >= 1 that the workers can share, and 0 <= worker < workers. "
            f"Received: batch_size={batch_size}, worker={worker}, workers={workers}"
        )
    if not 0 <= seed < 2**31 or start_step < 0:
        raise ValueError(
            "Expected 0 <= seed < 2**31 and start_step >= 0. "
            f"Received: seed={seed}, start_step={start_step}"
        )
    return batch_size // workers


def _checked(examples):
    """The examples as arrays of one length, at least 1, whose floats are finite."""
    arrays = {name: np.asarray(rows) for name, rows in examples.items()}
    shapes = {name: rows.shape for name, rows in arrays.items()}
    if not arrays or len({shape[:1] for shape in shapes.values()}) != 1 or () in shapes.values():
        raise ValueError(f"Expected arrays [n, ...] of one length n. Received: shapes={shapes}")
    if "index" in arrays:
        raise ValueError("Expected a name other than 'index', which numbers the examples. "
                         f"Received: examples={list(arrays)}")
    for name, rows in arrays.items():
        if not len(rows):
            raise ValueError(f"Expected at least 1 example. Received: shapes={shapes}")
        if rows.dtype.kind == "f" and rows.size:
            _check_finite(name, rows)
    return arrays


def _check_finite(name, rows):
    """ValueError that names the first row with NaN or infinity."""
    if not np.isfinite([rows.min(), rows.max()]).all():  # Needs no memory.
        row = np.flatnonzero(~np.isfinite(rows.reshape(len(rows), -1)).all(1))[0]
        raise ValueError(f"Expected finite numbers. Received: {name}[{row}] has NaN or infinity")


def _shuffled(index, count, seed):
    """Which of `count` rows stands at `index`, int64 [b]: a fresh permutation each epoch."""
    last, key = tf.constant(count - 1, tf.int64), _epoch_key(seed, index // count)
    return tf.raw_ops.RandomIndexShuffle(index=index % count, seed=key, max_index=last, rounds=8)


def _epoch_key(seed, epoch):
    """Three mixed numbers uint32 [..., 3] for an epoch int64 [...].

    RandomIndexShuffle looks at few bits of its key: with plain seed and epoch, orders repeat after
    256 epochs and favour some rows. Hence the mixing of SplitMix64 (Steele et al., 2014).
    """
    word = tf.expand_dims(tf.cast(epoch, tf.uint64), -1) * 3 + np.arange(3, dtype=np.uint64)
    word = word + np.uint64((seed * 3 << 32) + 0x9E3779B97F4A7C15 & (1 << 64) - 1)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        word = tf.bitwise.bitwise_xor(word, tf.bitwise.right_shift(word, np.uint64(shift)))
        word = word * np.uint64(factor)
    return tf.cast(tf.bitwise.right_shift(word, np.uint64(32)), tf.uint32)
