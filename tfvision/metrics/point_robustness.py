"""How accuracy falls with missing, wrong and moved points (Qi et al., CVPR 2017, fig. 6)."""

from functools import partial

import numpy as np
import tensorflow as tf

from tfvision import ops

MISSING = (0.0, 0.25, 0.5, 0.75, 0.875)  # Share of the points that are taken away.
OUTLIERS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)  # Share of the points that lie anywhere instead.
JITTER = (0.0, 0.01, 0.025, 0.05, 0.1)  # Standard deviation, in radii of the set.


def accuracies(points, label, answer, *, part=32):
    """The share of right classes under every condition: {"accuracy_<condition>": 0..1}.

    points   float32 [n, p, d] in random order, in the unit sphere; not moved and scaled anew
    label    int [n]
    answer   float32 [b, q, d] -> float [b, k], the largest at the class
    part     sets that are looked at at a time
    """
    def in_parts(function, points):
        parts = (points[i : i + part] for i in range(0, len(points), part))
        return np.concatenate([function(tf.constant(some)).numpy() for some in parts])

    def farthest(points, count):
        cover = tf.function(partial(ops.farthest_point_sampling, count=count))
        return in_parts(cover, points)

    sets = [("intact", points), *conditions(points, farthest)]
    return {f"accuracy_{name}": float(np.mean(in_parts(answer, faulty).argmax(-1) == label))
            for name, faulty in sets}


def conditions(points, farthest, *, seed=0):
    """The sets under every condition, one after the other.

    points    float32 [n, p, d] in random order, in the unit sphere
    farthest  (points, count) -> int [n, count]: points that cover each set, to be kept
    return    iterator of (metric's end such as "missing_random_0.5", points [n, q, d])
    """
    random, (n, p, d) = np.random.default_rng(seed), points.shape
    cover = farthest(points, max(round((1 - MISSING[1]) * p), 1))
    for share in MISSING[1:]:
        kept = max(round((1 - share) * p), 1)
        yield f"missing_random_{share:g}", points[:, :kept]
        rows = np.arange(n)[:, None]
        yield f"missing_furthest_{share:g}", points[rows, cover[:, :kept]]
    for share in OUTLIERS[1:]:
        yield f"outliers_{share:g}", outliers(points, share, random)
    for sigma in JITTER[1:]:
        moved = points + random.normal(0, sigma, [n, p, d])
        yield f"jitter_{sigma:g}", moved.astype(np.float32)


def outliers(points, share, random):
    """The sets with so many of their last points anywhere in the unit sphere."""
    n, p, d = points.shape
    count = round(share * p)
    ray = random.normal(size=[n, count, d])
    ray /= np.linalg.norm(ray, axis=-1, keepdims=True)
    anywhere = ray * random.random([n, count, 1]) ** (1 / d)
    return np.concatenate([points[:, : p - count], anywhere.astype(np.float32)], 1)


def series(metrics):
    """Curves of accuracies that were measured: {kind: [(amount, accuracy), ...]}.

    metrics   "accuracy" of whole sets, and "accuracy_<condition>"
    """
    found = {}
    for kind in ("missing_random", "missing_furthest", "outliers", "jitter"):
        start = f"accuracy_{kind}_"
        points = [(float(name.removeprefix(start)), value) for name, value in metrics.items()
                  if name.startswith(start)]
        if points:
            found[kind] = [(0.0, metrics.get("accuracy_intact", metrics["accuracy"])),
                           *sorted(points)]
    return found
