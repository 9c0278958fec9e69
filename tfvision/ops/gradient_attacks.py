"""Attacks along the gradient of the loss: one step (FGSM) and many (PGD)."""

import tensorflow as tf

from tfvision.ops.deepfool import Attack, clipped, floating, linearise, ranking
from tfvision.ops.lengths import check_norm, flat, length, like, project, safe_ratio, steepest
from tfvision.ops.noise import example_normal, example_uniform


def fgsm(classify, x, *, epsilon, label=None, norm="linf", clip=None):
    """One step up the cross-entropy: x + epsilon sign(gradient) (Goodfellow et al., 2015).

    classify   float [b, ...] -> logits float [b, k]
    x          float [b, ...]
    epsilon    length of the step, a number or float [b]
    label      int [b], the classes whose loss grows. None: those that the classifier gives, so
               that the attack needs no labels and no label leaks into it
    norm       of the step: "linf", the paper's; "l2": along the gradient itself
    clip       (low, high), the range of valid inputs; None: any
    return     Attack
    raises     ValueError for whole numbers x and an epsilon below 0
    """
    check_norm(norm)
    if isinstance(epsilon, (int, float)) and epsilon < 0:
        raise ValueError(f"Expected epsilon >= 0. Received: {epsilon=}")
    x = floating(x)
    label = _classes(classify(x)) if label is None else tf.cast(label, tf.int32)
    epsilon = tf.convert_to_tensor(epsilon, x.dtype)
    far = like(epsilon, x) if epsilon.shape.rank else epsilon
    step = far * steepest(loss_gradient(classify, x, label), norm)
    return _result(classify, x, clipped(x + step, clip), label, tf.ones_like(label))


def pgd(
    classify, x, *, epsilon, step, steps, label=None, norm="linf", start=None, clip=None,
    stop_when_fooled=False,
):
    """Steps up the cross-entropy, each back into the ball around x (Madry et al., 2018).

    epsilon           radius of the ball
    step              length of a step
    steps             how many
    start             float [b, ...], the first perturbation: random_perturbation gives one. None: 0
    stop_when_fooled  leave an example where its class has changed: the stronger attack. Without,
                      the loss goes on growing, as training against it wants
    others            as for fgsm
    return            Attack
    """
    check_norm(norm)
    if epsilon < 0 or step <= 0 or steps < 1:
        raise ValueError(
            f"Expected epsilon >= 0, step > 0, steps >= 1. Received: {epsilon=}, {step=}, {steps=}"
        )
    x = floating(x)
    own = _classes(classify(x))
    label = own if label is None else tf.cast(label, tf.int32)
    go = tf.equal(own, label) | (not stop_when_fooled)
    r = tf.zeros_like(x) if start is None else start
    r = tf.where(like(go, r), clipped(x + r, clip) - x, tf.zeros([], r.dtype))

    def body(i, r, iterations):
        logits, gradient = _loss_gradient(classify, x + r, label)
        go = tf.equal(_classes(logits), label) | (not stop_when_fooled)
        further = project(r + step * steepest(gradient, norm), norm, epsilon)
        further = clipped(x + further, clip) - x
        return i + 1, tf.where(like(go, r), further, r), iterations + tf.cast(go, tf.int32)

    _, r, iterations = tf.while_loop(
        lambda i, *_: i < steps, body, (tf.constant(0), r, tf.zeros_like(label))
    )
    return _result(classify, x, x + r, label, iterations)


def random_perturbation(index, x, *, epsilon, norm="linf", seed, purpose=0):
    """Uniform in the ball of radius epsilon, of each example's own: float, as x [b, ...].

    index    int64 [b], consecutive numbers of the examples (ops.example_uniform)
    """
    check_norm(norm)
    size = flat(x).shape[1]
    shape = tf.shape(x)
    if norm == "linf":
        part = 2 * example_uniform(index, size, seed=seed, purpose=purpose) - 1
        return epsilon * tf.reshape(part, shape)
    way = example_normal(index, size, seed=seed, purpose=purpose)
    far = example_uniform(index, 1, seed=seed, purpose=purpose + 1) ** (1 / size)
    return epsilon * tf.reshape(safe_ratio(way, length(way, "l2")) * far, shape)


def loss_gradient(classify, x, label):
    """A direction: the gradient of each example's cross-entropy, over 1 - p: float, as x [b, ...].

    p is the probability of the label's class. Where rounding makes it 1, the gradient itself has
    lost the part that leads away from that class; its direction is kept here.
    """
    return _loss_gradient(classify, x, label)[1]


def _loss_gradient(classify, x, label):
    logits, back = linearise(classify, x)
    own = tf.one_hot(label, logits.shape[1], dtype=logits.dtype)
    others = tf.nn.softmax(tf.where(own > 0, logits.dtype.min, logits))
    return logits, back(others - own)


def _classes(logits):
    return ranking(logits, 1)[0]


def _result(classify, x, perturbed, label, iterations):
    new = _classes(classify(perturbed))
    return Attack(perturbed - x, perturbed, iterations, tf.not_equal(new, label), label, new)
