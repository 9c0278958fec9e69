"""DeepFool: the smallest change of an input that makes a classifier change its mind."""

import functools
from typing import NamedTuple

import tensorflow as tf

from tfvision.ops.compiling import portable
from tfvision.ops.lengths import check_norm, dual_length, length, like, steepest

UNROLLED = 16  # Classes, at most, whose ways back are all written into the graph.


class Attack(NamedTuple):
    """What an attack found, one row per example.

    perturbation  float [b, ...]: what is added to the inputs, overshoot included
    perturbed     float [b, ...]: the inputs with it
    iterations    int32 [b]: steps that were made
    fooled        bool [b]: whether the class of `perturbed` is another one than `label`
    label         int32 [b]: the class that was to be left
    new_label     int32 [b]: the class of `perturbed`
    """

    perturbation: tf.Tensor
    perturbed: tf.Tensor
    iterations: tf.Tensor
    fooled: tf.Tensor
    label: tf.Tensor
    new_label: tf.Tensor


def deepfool(
    classify,
    x,
    *,
    label=None,
    norm="l2",
    num_classes=10,
    linearise_at="plain",
    overshoot=0.02,
    max_iterations=50,
    clip=None,
    nudge=1e-6,
    impl="auto",
):
    """Goes to the border of the nearest other class, as if the classifier were linear, repeatedly.

    Moosavi-Dezfooli et al. (2016), algorithm 2. With f'_k = f_k - f_k0 and w'_k its gradient, each
    step goes to the nearest of the planes f'_k + w'_k r = 0, which is |f'_k| / ||w'_k||_q away
    (eq. 8 to 10; q = 2, and 1 for the largest norm). An example whose class has changed stays as
    it is; the loop ends when all have. A linear classifier is fooled in one step, and
    perturbation / (1 + overshoot) is its exact distance.

    Where no class has a gradient, or numbers are not finite, an example is given up as it is: it
    is not fooled.

    classify      float [b, ...] -> logits float [b, k], k >= 2 known, rows independent; see
                  `linearise` for classifiers that know their gradient
    x             float [b, ...]
    label         int [b], the classes to be left; examples that have another class are fooled
                  already, with no perturbation. None: the classes that the classifier gives
    norm          of the perturbation, which is to be small: "l2" or "linf"
    num_classes   so many classes with the largest logits are tried, the own one among them
    linearise_at  "plain": at x + r, as in the paper; "overshot": at x + (1 + overshoot) r, as in
                  the authors' Python code
    overshoot     share by which a perturbation is too long, to lie behind the border
    clip          (low, high), the range of valid inputs, which is not left; None: any
    nudge         length that is added to each step, over 1 + ||x||; it leaves borders, |f'_k| = 0
    impl          "compact": computes only examples that are left; "masked": all, in fixed shapes;
                  "auto": compact, but masked in what is exported or compiled by XLA
    return        Attack
    raises        ValueError for arguments that make no sense, such as whole numbers x
    """
    check_norm(norm)
    _check(linearise_at, num_classes, overshoot, max_iterations, impl)
    x = floating(x)
    own, order = ranking(classify(x), num_classes)
    label = own if label is None else tf.cast(label, tf.int32)
    grow = 1 + overshoot
    at = grow if linearise_at == "overshot" else 1
    step = functools.partial(_step, classify, norm, clip, at, grow, nudge)
    masked = impl == "masked" or (impl == "auto" and portable())
    r, iterations, new = _loop(
        _masked if masked else _compact, step, (x, label, order), own, max_iterations
    )
    perturbed = clipped(x + grow * r, clip)
    return Attack(perturbed - x if clip else grow * r, perturbed, iterations,
                  tf.not_equal(new, label), label, new)


def _step(classify, norm, clip, at, grow, nudge, r, x, label, order):
    """Of some examples: the next r, whether there was a way to go, the class it leads to."""
    far, way = nearest_border(classify, clipped(x + at * r, clip), order, norm)
    found = far < far.dtype.max
    far = tf.where(found, far + nudge * (1 + length(x, norm)), tf.zeros_like(far))
    further = r + like(far, x) * way
    further = clipped(x + further, clip) - x if clip else further
    new = tf.argmax(classify(clipped(x + grow * further, clip)), 1, output_type=tf.int32)
    return further, found, new


def _loop(advance, step, inputs, own, most):
    """Steps while an example is active: r [b, ...], iterations [b], classes [b]."""
    x, label, _ = inputs

    def body(i, active, r, iterations, new):
        r, found, new = advance(step, active, r, new, inputs)
        iterations += tf.cast(found, tf.int32)
        return i + 1, found & tf.equal(new, label), r, iterations, new

    def unfinished(i, active, *_):
        return tf.reduce_any(active) & (i < most)

    start = (tf.constant(0), tf.equal(own, label), tf.zeros_like(x), tf.zeros_like(own), own)
    return tf.while_loop(unfinished, body, start)[2:]


def _masked(step, active, r, new, inputs):
    """One step of all examples, kept for those that are active."""
    further, found, after = step(r, *inputs)
    return (
        tf.where(like(active, r), further, r), found & active, tf.where(active, after, new)
    )


def _compact(step, active, r, new, inputs):
    """One step of the active examples alone."""
    rows = tf.where(active)
    further, found, after = step(*(tf.gather(v, rows[:, 0]) for v in (r, *inputs)))
    return (
        tf.tensor_scatter_nd_update(r, rows, further),
        tf.scatter_nd(rows, found, tf.shape(active, tf.int64)),
        tf.tensor_scatter_nd_update(new, rows, after),
    )


def nearest_border(classify, x, order, norm):
    """The nearest of the borders of a classifier that is taken to be linear at x.

    One pass forward, and one back for each class that is tried: the rows of the Jacobian, as
    tape.batch_jacobian gives them, of which only the best so far is kept.

    order    int32 [b, c]: the class to be left, then those that are tried
    return   its distance float [b], the largest number where there is none; and the direction to
             it, of length 1, float [b, ...]
    """
    logits, back = linearise(classify, x)
    ways = tf.one_hot(order, logits.shape[1], dtype=logits.dtype)
    ways = ways[:, 1:] - ways[:, :1]
    values = tf.abs(tf.linalg.matvec(ways, logits))

    def closer(j, distance, gradient):
        way = tf.gather(ways, j, axis=1)
        row = back(way)
        here = border_distance(tf.gather(values, j, axis=1), dual_length(row, norm))
        nearer = here < distance
        return (
            j + 1, tf.where(nearer, here, distance), tf.where(like(nearer, x), row, gradient)
        )

    best = (tf.constant(0), tf.ones_like(logits[:, 0]) * x.dtype.max, tf.zeros_like(x))
    count = ways.shape[1]
    if portable() or count > UNROLLED:
        best = tf.while_loop(lambda j, *_: j < count, closer, best)
    else:  # The graph is longer, and its step shorter by a third on a CPU.
        for _ in range(count):
            best = closer(*best)
    return best[1], steepest(best[2], norm)


def linearise(classify, x):
    """The logits, and the function from changes of them to gradients of x (reverse mode).

    A classifier may have a method `linearise` of its own; others are recorded on a tape.
    """
    if hasattr(classify, "linearise"):
        return classify.linearise(x)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        logits = classify(x)
    return logits, lambda change: tape.gradient(
        logits, x, output_gradients=change, unconnected_gradients="zero"
    )


def border_distance(value, size):
    """|f'| / ||w'||; the largest number where there is no gradient or something is not finite."""
    far = tf.math.divide_no_nan(value, size)
    usable = (size > 0) & tf.math.is_finite(size) & tf.math.is_finite(far)
    return tf.where(usable, far, far.dtype.max)


def ranking(logits, count):
    """The class of each example, int32 [b], and the `count` likeliest in order, int32 [b, c]."""
    if logits.shape.rank != 2 or (logits.shape[1] or 0) < 2:
        raise ValueError(f"Expected logits [b, k] with k >= 2. Received: shape={logits.shape}")
    order = tf.math.top_k(logits, min(count, logits.shape[1])).indices
    return tf.argmax(logits, 1, output_type=tf.int32), order


def shorten(classify, x, found, *, steps=10, clip=None):
    """What an attack found, brought back towards x as far as it still fools: an Attack.

    A step that goes over the border in one go may end far behind it. Halving the way so many times
    needs no gradients. Who was not fooled is left as it is.

    classify, x, clip  as they were given to the attack, with label or without
    found              what it gave
    steps              halvings; what is left to gain is ||r|| / 2**steps
    """
    x = floating(x)
    r = tf.where(like(found.fooled, x), found.perturbation, tf.zeros_like(x))

    def halve(i, low, high, new):
        middle = (low + high) / 2
        there = tf.argmax(classify(clipped(x + like(middle, x) * r, clip)), 1,
                          output_type=tf.int32)
        fooled = tf.not_equal(there, found.label)
        return (i + 1, tf.where(fooled, low, middle), tf.where(fooled, middle, high),
                tf.where(fooled & found.fooled, there, new))

    ends = tf.zeros_like(length(x, "linf")), tf.ones_like(length(x, "linf"))
    _, _, high, new = tf.while_loop(
        lambda i, *_: i < steps, halve, (tf.constant(0), *ends, found.new_label)
    )
    short = tf.where(like(found.fooled, x), like(high, x) * r, found.perturbation)
    return found._replace(perturbation=short, perturbed=clipped(x + short, clip), new_label=new)


def floating(x):
    """x as a tensor; ValueError for whole numbers, which have no small changes."""
    x = tf.convert_to_tensor(x)
    if not x.dtype.is_floating:
        raise ValueError(f"Expected x of floating point. Received: dtype={x.dtype.name}")
    return x


def clipped(x, clip):
    return x if clip is None else tf.clip_by_value(x, *clip)


def _check(linearise_at, num_classes, overshoot, max_iterations, impl):
    if linearise_at not in ("plain", "overshot") or impl not in ("auto", "compact", "masked"):
        raise ValueError(
            "Expected linearise_at 'plain' or 'overshot', impl 'auto', 'compact' or 'masked'. "
            f"Received: {linearise_at=}, {impl=}"
        )
    if num_classes < 2 or overshoot < 0 or max_iterations < 0:
        raise ValueError(
            "Expected num_classes >= 2, overshoot >= 0 and max_iterations >= 0. "
            f"Received: {num_classes=}, {overshoot=}, {max_iterations=}"
        )
