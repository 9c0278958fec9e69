"""The log likelihood of images from many weighted codes, and the bounds on the way to it."""

import time

import numpy as np

CODES = 5000  # That are weighted in one call.


def estimate(weigh, n, count, *, ks=(1,), every=10):
    """log p(x) of n images by importance sampling, L_k on the way to it, and what they rest on.

    weigh    slice of images -> log_weight float [count, b], as for `bounds`
    count    codes for each image; log p(x) is L_count
    ks       sizes of further bounds; those that do not divide count are left out
    every    seconds between lines that tell how far it is
    return   {k: float64 [n]} for the ks and count, effective_samples float64 [n]
    """
    ks = [*(k for k in ks if k < count and not count % k), count]
    found, enough = {k: [] for k in ks}, []
    together = max(1, CODES // count)
    for first in reported(range(0, n, together), every):
        log_weight = weigh(slice(first, min(first + together, n)))
        enough.append(effective_samples(log_weight))
        for k, bound in bounds(log_weight, ks).items():
            found[k].append(bound)
    return {k: np.concatenate(parts) for k, parts in found.items()}, np.concatenate(enough)


def reported(parts, every):
    """The parts one by one; every so many seconds a line says how many are done."""
    begin = shown = time.monotonic()
    for done, part in enumerate(parts):
        now = time.monotonic()
        if done and now - shown > every:
            shown, left = now, (now - begin) * (len(parts) - done) / done
            print(f"weighted {done / len(parts):4.0%}  {left:.0f} s left", flush=True)
        yield part


def bounds(log_weight, ks):
    """L_k of Burda et al. (2016, eq. 8) for several k, all from the same weights.

    The weights are cut into groups of k, one behind the other, and L_k is the mean of the groups'
    log mean weights. So L_k never falls from a k to its multiple, whatever the weights are.

    log_weight  float [n, b], log p(x, z) - log q(z|x) for n codes z of each image
    ks          sizes of groups that divide n; k = 1 is the bound L, k = n the best estimate
    return      {k: float64 [b]}, nats
    raises      ValueError for a k that does not divide n
    """
    log_weight = np.asarray(log_weight, np.float64)
    n = len(log_weight)
    wrong = [k for k in ks if k < 1 or n % k]
    if wrong:
        raise ValueError(f"Expected sizes of groups that divide {n}. Received: k={wrong[0]}")
    return {k: log_mean(log_weight.reshape([n // k, k, -1])).mean(0) for k in ks}


def log_mean(log_weight):
    """log of the mean of weights along the second axis: float64 [g, b] for [g, k, b]."""
    largest = log_weight.max(1, keepdims=True)
    return np.log(np.mean(np.exp(log_weight - largest), 1)) + largest[:, 0]


def effective_samples(log_weight):
    """How many equal weights would tell as much: float64 [b], 1..n.

    Where it is far below n, a few codes decide log p(x), and the estimate is too low rather than
    too high.

    log_weight  float [n, b]
    """
    log_weight = np.asarray(log_weight, np.float64)
    weight = np.exp(log_weight - log_weight.max(0))
    return weight.sum(0) ** 2 / (weight**2).sum(0)
