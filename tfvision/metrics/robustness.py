"""How little it takes to fool a classifier, over a whole data set."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfvision.ops.deepfool import Attack, clipped
from tfvision.ops.gradient_attacks import loss_gradient
from tfvision.ops.lengths import steepest


def attack_all(attack, x, *, part=None, label=None):
    """The attack on all inputs, some at a time: Attack of arrays, in the order of x.

    attack   of inputs float [b, ...], their numbers int64 [b] and, where there are any, labels
             int32 [b] -> ops.Attack; compile it once by tf.function
    x        float [n, ...]
    part     how many at a time; None: as many as 250 of 28 x 28 px
    label    int [n], or None
    """
    part = part or at_a_time(x, 250)
    found, index = [], np.arange(len(x))
    for i in range(0, len(x), part):
        inputs = [v[i : i + part] for v in (x, index, label) if v is not None]
        found.append([value.numpy() for value in attack(*map(tf.constant, inputs))])
    if not found:
        raise ValueError(f"Expected at least 1 input. Received: x with shape {np.shape(x)}")
    return Attack(*(np.concatenate(values) for values in zip(*found, strict=True)))


def at_a_time(x, count):
    """How many of the inputs [n, h, w, ...] have the pixels of `count` of 28 x 28; at least 1."""
    return max(1, count * 28 * 28 // max(1, int(np.prod(np.shape(x)[1:3]))))


def lengths(x, norm):
    """The norm "l2" or "linf" of each example, float64 [n]."""
    rows = np.asarray(x, np.float64).reshape(len(x), -1)
    return np.abs(rows).max(1) if norm == "linf" else np.sqrt(np.sum(rows**2, 1))


def rho(perturbation, x, norm="l2"):
    """The mean over all examples of ||r|| / ||x|| (Moosavi-Dezfooli et al., 2016, eq. 15).

    All count, whether they were fooled or not: a mean over the fooled ones alone would praise a
    classifier that resists where it is easy to fool. Inputs of length 0 have no ratio.

    raises   ValueError where no input has a length
    """
    found = ratios(perturbation, x, norm)
    if not np.any(np.isfinite(found)):
        raise ValueError("Expected inputs other than 0. Received: only zeros")
    return float(np.mean(found[np.isfinite(found)]))


def ratios(perturbation, x, norm="l2"):
    """||r|| / ||x|| of each example, float64 [n]; infinite for inputs of length 0."""
    size, far = lengths(x, norm), lengths(perturbation, norm)
    return np.divide(far, size, out=np.full(len(size), np.inf), where=size > 0)


def summary(found, x, norm="l2"):
    """What an attack took: rho, share fooled, mean steps, median lengths of perturbations."""
    return {
        "rho": rho(found.perturbation, x, norm),
        "fooled": float(np.mean(found.fooled)),
        "iterations": float(np.mean(found.iterations)),
        "median_l2": float(np.median(lengths(found.perturbation, "l2"))),
        "median_linf": float(np.median(lengths(found.perturbation, "linf"))),
    }


class Weakest(NamedTuple):
    """The smallest epsilon at which one step fools enough, the share it fools, and its rho."""

    epsilon: float
    fooled: float
    rho: float


def weakest_fgsm(
    classify, x, *, share=0.9, highest=1.0, steps=20, tolerance=1e-3, part=None, clip=None
):
    """The fast gradient sign method at the smallest epsilon that fools a share of the inputs.

    The paper compares so: 90 % of the inputs. The share need not grow with epsilon, so the first
    of `steps` equal steps that fools enough is found, and halved down to the tolerance.

    classify   float [b, ...] -> logits float [b, k]
    x          float [n, ...]
    highest    largest epsilon, in units of x
    part       how many at a time; None: as many as 500 of 28 x 28 px
    return     Weakest; None where no step fools enough
    """
    part = part or at_a_time(x, 500)
    again = tf.function(lambda x: _classes(classify, x))
    move = tf.function(lambda x: steepest(loss_gradient(classify, x, again(x)), "linf"))
    parts = [tf.constant(x[i : i + part]) for i in range(0, len(x), part)]
    ways = [(one, move(one), again(one)) for one in parts]

    def fooled(epsilon):
        new = [again(clipped(one + epsilon * way, clip)) != own for one, way, own in ways]
        return float(np.mean(np.concatenate(new)))

    grid = [highest * (i + 1) / steps for i in range(steps)]
    high = next((epsilon for epsilon in grid if fooled(epsilon) >= share), None)
    if high is None:
        return None
    low = high - highest / steps
    while high - low > tolerance:
        middle = (low + high) / 2
        low, high = (low, middle) if fooled(middle) >= share else (middle, high)
    perturbed = np.concatenate([clipped(one + high * way, clip) for one, way, _ in ways])
    return Weakest(high, fooled(high), rho(perturbed - x, x))


def _classes(classify, x):
    return tf.argmax(classify(x), 1, output_type=tf.int32)
