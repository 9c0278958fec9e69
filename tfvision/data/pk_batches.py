"""Batches of P classes with K examples each, as a function of the step."""

import itertools

import numpy as np
import tensorflow as tf

from tfvision.data.stream import placement


def pk_batches(
    examples,
    *,
    classes,
    per_class,
    seed,
    start_step=0,
    family=None,
    together=1,
    variants=1,
    augment=None,
    worker=None,
    workers=None,
):
    """Endless batches for losses that compare examples: P classes, K examples of each.

    Batch s is the same whether the data set starts at step s or earlier, and the batches of all
    workers, put one behind the other, are the batch of a single one. An epoch deals out every
    class once, in a new order and with new examples; what makes no whole batch is left out of it.
    No class comes twice in a batch. A class of fewer than K examples repeats some.

    examples   dict of arrays [n, ...], one row per example; "label" int [n] is the class
    classes    P, classes per step, of all workers together
    per_class  K; the examples of a class stand behind one another
    seed       0..2**31-1, decides the order
    start_step the first step to yield
    family     name of an array int [n]: what the classes belong to, such as alphabets
    together   so many classes of one family stand behind one another
    variants   each such group is drawn in one of so many versions, in which its classes are
               others: label becomes label * variants + variant, and "variant" is added
    augment    (batch) -> batch; random numbers come from ops.noise by the batch's "index"
    worker     this worker's number, of `workers`; it gets classes / workers classes. Default: as
               the tf.distribute strategy in scope has it
    return     tf.data.Dataset of dicts [b, ...], b = P K / workers; "index" int64 [b] numbers
               the examples seen, "label" is int32
    raises     ValueError for numbers or examples that cannot be dealt
    """
    worker, workers, devices = placement() if workers is None else (worker, workers, 1)
    _check_numbers(classes, per_class, together, variants, worker, workers * devices)
    _check_arrays(examples, family, seed, start_step)
    deal = _Dealer(examples, family, classes, per_class, together, variants, seed)
    whole, share = classes * per_class, classes * per_class // workers
    part = slice(worker * share, (worker + 1) * share)

    def plan():
        for step in itertools.count(start_step):
            rows, variant = deal.step(step)
            yield step * whole + part.start, rows[part], variant[part]

    dataset = _gathered(examples, plan, share, variants)
    if augment is not None:
        dataset = dataset.map(augment, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return dataset.prefetch(2)


def _gathered(examples, plan, share, variants):
    """The batches that are planned as (number of the first example, rows, variants)."""
    with tf.device("CPU:0"):  # Where tf.data runs.
        tensors = {name: tf.constant(rows) for name, rows in examples.items()}

    def batch(first, rows, variant):
        found = {name: tf.gather(all_rows, rows) for name, all_rows in tensors.items()}
        found["label"] = tf.cast(found["label"], tf.int32) * variants + variant
        found |= {"variant": variant} if variants > 1 else {}
        return found | {"index": first + tf.range(share, dtype=tf.int64)}

    kinds = [([], tf.int64), ([share], tf.int64), ([share], tf.int32)]
    kinds = tuple(tf.TensorSpec(*kind) for kind in kinds)
    return tf.data.Dataset.from_generator(plan, output_signature=kinds).map(batch)


class _Dealer:
    """Which rows and variants every step gets; it keeps one epoch at a time."""

    def __init__(self, examples, family, classes, per_class, together, variants, seed):
        self.per_class, self.variants, self.seed = per_class, variants, seed
        self.groups = classes // together
        label = np.asarray(examples["label"])
        values, first = np.unique(label, return_index=True)
        self.rows = [np.flatnonzero(label == value) for value in values]
        belongs = np.asarray(examples[family])[first] if family else np.zeros(len(values), int)
        self.families = [np.flatnonzero(belongs == name) for name in np.unique(belongs)]
        self.together = together
        self.steps = sum(len(f) // together for f in self.families) // self.groups
        smallest = min(len(f) for f in self.families)
        if smallest < together or not self.steps:
            raise ValueError(
                f"Expected at least {classes} classes, {together} in every family. Received: "
                f"{len(values)} classes, {smallest} in the smallest family"
            )
        self.epoch = None

    def step(self, step):
        """rows int64 [P K] and variants int32 [P K] of a step."""
        epoch, at = divmod(step, self.steps)
        if epoch != self.epoch:
            self.dealt, self.epoch = self._deal(np.random.default_rng([self.seed, epoch])), epoch
        return self.dealt[0][at], self.dealt[1][at]

    def _deal(self, random):
        groups = []
        for family in self.families:
            order = random.permutation(family)
            groups += list(order[: len(order) // self.together * self.together]
                           .reshape(-1, self.together))
        groups = random.permutation(np.stack(groups))[: self.steps * self.groups]
        variant = random.integers(0, self.variants, [len(groups), 1, 1], np.int32)
        rows = np.stack([self._examples(random, one) for one in groups.ravel()])
        variant = np.broadcast_to(variant, [len(groups), self.together, self.per_class])
        return rows.reshape(self.steps, -1), variant.reshape(self.steps, -1)

    def _examples(self, random, number):
        """K rows of a class: int64 [K]."""
        return np.resize(random.permutation(self.rows[number]), self.per_class)


def _check_numbers(classes, per_class, together, variants, worker, workers):
    """ValueError for numbers that make no sense."""
    positive = min(classes, per_class, together, variants, workers) >= 1
    if not positive or classes % (together * workers) or not 0 <= worker < workers:
        raise ValueError(
            "Expected numbers >= 1, classes that divide into workers of whole groups, and "
            f"0 <= worker < workers. Received: classes={classes}, per_class={per_class}, "
            f"together={together}, variants={variants}, worker={worker}, workers={workers}"
        )


def _check_arrays(examples, family, seed, start_step):
    """ValueError for examples that are no rows, and for a seed or step below 0."""
    shapes = {name: np.shape(rows) for name, rows in examples.items()}
    lengths = {shape[:1] for shape in shapes.values()}
    kinds = {np.asarray(examples[name]).dtype.kind for name in {"label", family} & set(examples)}
    if len(lengths) != 1 or lengths & {(), (0,)} or not kinds <= set("iu"):
        raise ValueError(f"Expected arrays of one length, integer labels. Received: {shapes}")
    missing = {"label", family} - {None} - set(examples)
    if missing or {"index", "variant"} & set(examples):
        raise ValueError(
            f"Expected arrays {sorted({'label', family} - {None})}, and none named index or "
            f"variant. Received: {sorted(examples)}"
        )
    floats = {name: rows for name, rows in examples.items() if np.asarray(rows).dtype.kind == "f"}
    bad = [name for name, rows in floats.items() if not np.isfinite(rows).all()]
    if bad:
        raise ValueError(f"Expected finite numbers. Received: {bad[0]} has NaN or infinity")
    if not 0 <= seed < 2**31 or start_step < 0:
        raise ValueError(
            "Expected 0 <= seed < 2**31 and start_step >= 0. "
            f"Received: seed={seed}, start_step={start_step}"
        )
