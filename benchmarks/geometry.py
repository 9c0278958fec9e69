"""Two views and point sets against OpenCV and NumPy."""

from functools import partial

import cv2
import numpy as np
import tensorflow as tf

from tfvision import ops
from tfvision.commands.bench import INPUTS, Case


def cases():
    """Yields every comparison."""
    yield match(2000, 2000, 128)
    yield eight_point(32, 500)
    yield farthest_points(32, 1024, 128)


def match(n, m, d):
    """The nearest descriptors that pass the ratio test."""
    random = np.random.default_rng(0)
    pairs = [[random.random([k, d], np.float32) for k in (n, m)] for _ in range(INPUTS)]
    tensors = [[tf.constant(x[None]) for x in pair] for pair in pairs]
    function = tf.function(lambda a, b: ops.match(a, b, ratio=0.9)[0], autograph=False)
    matcher = cv2.BFMatcher(cv2.NORM_L2)

    def opencv(i):
        found = matcher.knnMatch(*pairs[i], k=2)
        return [a.trainIdx if a.distance < 0.9 * b.distance else -1 for a, b in found]

    peers = {"cv2.BFMatcher.knnMatch": opencv}
    return Case(f"match {n}x{m}x{d}", lambda i: function(*tensors[i]).numpy(), peers)


def eight_point(b, n):
    """Essential matrices of weighted matches."""
    random = np.random.default_rng(0)
    given = [[random.normal(size=[b, n, 2]).astype(np.float32) for _ in range(2)]
             + [random.random([b, n], np.float32)] for _ in range(INPUTS)]
    tensors = [[tf.constant(x) for x in one] for one in given]
    plain = tf.function(ops.weighted_eight_point)
    compiled = tf.function(ops.weighted_eight_point, jit_compile=True)

    def opencv(i):
        points1, points2, _ = given[i]
        return [cv2.findFundamentalMat(p, q, cv2.FM_8POINT)
                for p, q in zip(points1, points2, strict=True)]

    peers = {"tfvision, plain graph": lambda i: plain(*tensors[i]).numpy(),
             "cv2.findFundamentalMat, unweighted": opencv}
    name = f"weighted_eight_point {b}x{n}"
    return Case(name, lambda i: compiled(*tensors[i]).numpy(), peers)


def farthest_points(b, n, count):
    """Points of a set that cover it."""
    random = np.random.default_rng(0)
    sets = [random.normal(size=[b, n, 3]).astype(np.float32) for _ in range(INPUTS)]
    tensors = [tf.constant(points) for points in sets]
    sample = partial(ops.farthest_point_sampling, count=count)
    plain, compiled = tf.function(sample), tf.function(sample, jit_compile=True)

    def by_hand(i):
        points, last = sets[i], np.zeros(b, np.int64)
        nearest, chosen = np.full([b, n], np.inf, np.float32), [last]
        for _ in range(count - 1):
            apart = points - points[np.arange(b), last][:, None]
            nearest = np.minimum(nearest, np.einsum("bnd,bnd->bn", apart, apart))
            last = nearest.argmax(1)
            chosen.append(last)
        return np.stack(chosen, 1)

    peers = {"tfvision, plain graph": lambda i: plain(tensors[i]).numpy(), "NumPy": by_hand}
    name = f"farthest_point_sampling {b}x{n}, {count}"
    return Case(name, lambda i: compiled(tensors[i]).numpy(), peers)
