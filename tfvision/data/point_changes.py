"""Random changes of whole batches of point sets, from numbers that belong to their examples.

All take points float32 [b, n, d] and index int64 [b], consecutive, as data.stream counts, and
return points; the same index and seed make the same change.
"""

import math

import numpy as np
import tensorflow as tf

from tfvision import ops

SUBSET, TURN, SCALE, JITTER, DROP, OUTLIER, WARP, FLIP = range(8)  # Purposes of the noise.
FLIPS = ((1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1))  # The turns that keep all axes.
ANCHORS, REACH = 4, 0.5  # Of `warped`: places, and how far each is felt.


def change(
    batch, *, points, seed, rotate="none", turn=math.pi, scale=0.0, jitter=0.0, outliers=0.0,
    drop=0.0, warp=0.0,
):
    """A training batch of fewer points, bent, turned, stretched, posed, and with faults.

    Posed as models.pointnet does it before it says anything: in the unit sphere. Scenes, whose
    points have more than places, stay where they are.

    batch     points float32 [b, n, d], index int64 [b], perhaps part int32 [b, n], and others;
              of points with more than three numbers, the first three are places
    points    how many to take of each set
    seed      of the noise
    rotate    "none"; "up" or "any", see `turned`, up to `turn`, rad; "axes": into the unit sphere
              along their principal axes, of either sign
    scale     of each axis, see `scaled`
    jitter    deviation of every coordinate
    outliers  largest share of points that lie anywhere; only where points have no parts
    drop      largest share of points that are taken away; only where points have no parts
    warp      deviation of the angles at which its places are bent, rad; see `warped`
    """
    index, batch = batch["index"], dict(batch)
    if batch["points"].shape[1] != points:
        rows = subset(batch["points"], index, points, seed=seed)
        for name in {"points", "part"} & set(batch):
            batch[name] = tf.gather(batch[name], rows, batch_dims=1)
    place, rest = batch["points"][..., :3], batch["points"][..., 3:]
    if warp:
        place = warped(place, index, angle=warp, seed=seed)
    if rotate in ("up", "any"):
        place = turned(place, index, how=rotate, most=turn, seed=seed)
    if scale:
        place = scaled(place, index, most=scale, seed=seed)
    if rotate == "axes":
        place = ops.along_axes(place)
    if not rest.shape[-1]:
        place = ops.in_unit_sphere(place)
    if rotate == "axes":
        place = flipped(place, index, seed=seed)
    if jitter:
        place = jittered(place, index, sigma=jitter, seed=seed)
    if outliers and "part" not in batch:
        place = with_outliers(place, index, least=0.0, most=outliers, seed=seed)
    if drop and "part" not in batch:
        place = dropped(place, index, most=drop, seed=seed)
    return batch | {"points": tf.concat([place, rest], -1)}


def subset(points, index, count, *, seed):
    """Which `count` points of each denser set to take: int32 [b, count], all different.

    Steps of a random length through the set, from a random place on. Where count exceeds the
    number of points, they repeat.
    """
    n = points.shape[1]
    lengths = tf.constant([i for i in range(1, n + 1) if math.gcd(i, n) == 1], tf.int64)
    u = ops.example_uniform(index, 2, seed=seed, purpose=SUBSET)
    place = tf.cast(u * tf.cast([n, len(lengths)], tf.float32), tf.int64)
    place = tf.minimum(place, [n - 1, len(lengths) - 1])
    length = tf.gather(lengths, place[:, 1:])
    steps = tf.range(count, dtype=tf.int64)
    return tf.cast((place[:, :1] + steps * length) % n, tf.int32)


def turned(points, index, *, how, seed, most=math.pi):
    """Each set turned by a random rotation about the origin.

    how    "up": about z, the axis that points up (in the plane: by an angle); "any": by any
    most   largest angle of "up", rad
    """
    d = points.shape[-1]
    if how not in ("up", "any") or (how == "any" and d != 3):
        raise ValueError(f"Expected how 'up', or 'any' of 3 coordinates. Received: {how=}, {d=}")
    if how == "any":
        four = ops.example_normal(index, 4, seed=seed, purpose=TURN)
        return tf.matmul(points, ops.rotation_from_quaternion(four))
    angle = (2 * ops.example_uniform(index, 1, seed=seed, purpose=TURN)[:, 0] - 1) * most
    return rotated(points, angle)


def rotated(points, angle):
    """Points turned about z by angles [b], rad, from x to y; further coordinates stay."""
    x, y = points[..., 0], points[..., 1]
    cos, sin = tf.expand_dims(tf.cos(angle), 1), tf.expand_dims(tf.sin(angle), 1)
    turned = tf.stack([x * cos - y * sin, x * sin + y * cos], -1)
    return tf.concat([turned, points[..., 2:]], -1)


def flipped(points, index, *, seed):
    """Each set as it is or turned by half a turn about x, y or z, at random: FLIPS."""
    which = ops.example_uniform(index, 1, seed=seed, purpose=FLIP) * len(FLIPS)
    return points * tf.gather(tf.constant(FLIPS, tf.float32), tf.cast(which, tf.int32))


def scaled(points, index, *, most, seed):
    """Each axis of each set scaled by its own factor, 1 / (1 + most) to 1 + most."""
    u = ops.example_uniform(index, points.shape[-1], seed=seed, purpose=SCALE)
    return points * tf.expand_dims(tf.exp((2 * u - 1) * math.log1p(most)), 1)


def warped(points, index, *, angle, seed):
    """Each set bent smoothly, as a body that moves its limbs (cf. Kim et al., PointWOLF, 2021).

    Around each of four of its points the space is turned by a small rotation of its own; in
    between, a point moves as the nearer ones say, by weights of a Gaussian of deviation REACH.

    points  float32 [b, n, 2] or [b, n, 3], about as large as the unit sphere
    angle   deviation of the rotations' angles (about each axis), rad
    """
    n, d = points.shape[1:]
    if d not in (2, 3):
        raise ValueError(f"Expected points of 2 or 3 coordinates to warp. Received: {d=}")
    u = ops.example_uniform(index, ANCHORS, seed=seed, purpose=WARP)
    anchors = tf.gather(points, tf.cast(u * n, tf.int32), batch_dims=1)  # [b, a, d]
    away = tf.expand_dims(points, 1) - tf.expand_dims(anchors, 2)  # [b, a, n, d]
    moved = tf.matmul(away, small_rotations(index, d, angle=angle, seed=seed)) - away
    weight = tf.nn.softmax(-tf.reduce_sum(away**2, -1) / (2 * REACH**2), 1)  # [b, a, n]
    return points + tf.reduce_sum(tf.expand_dims(weight, -1) * moved, 1)


def small_rotations(index, d, *, angle, seed):
    """Those of `warped`, one for each anchor: float32 [b, ANCHORS, d, d], d 2 or 3."""
    numbers = ops.example_normal(index, ANCHORS * (2 * d - 3), seed=seed, purpose=WARP) * angle
    axis = tf.reshape(numbers, [-1, ANCHORS, 2 * d - 3])
    if d == 3:
        four = tf.concat([tf.ones_like(axis[..., :1]), axis / 2], -1)
        return ops.rotation_from_quaternion(four)
    cos, sin = tf.cos(axis[..., 0]), tf.sin(axis[..., 0])
    return tf.stack([tf.stack([cos, sin], -1), tf.stack([-sin, cos], -1)], -2)


def jittered(points, index, *, sigma, seed, clip=0.05):
    """Every coordinate moved by normal noise that is no larger than `clip`."""
    n, d = points.shape[1:]
    noise = ops.example_normal(index, n * d, seed=seed, purpose=JITTER) * sigma
    return points + tf.reshape(tf.clip_by_value(noise, -clip, clip), [-1, n, d])


def dropped(points, index, *, most, seed):
    """Up to a share `most` of each set, a random one, put onto its first point.

    So the set has fewer points, and the array its shape (cf. the authors' random dropout).
    """
    n = points.shape[1]
    u = ops.example_uniform(index, n + 1, seed=seed, purpose=DROP)
    gone = u[:, 1:] < u[:, :1] * most
    return tf.where(tf.expand_dims(gone, -1), points[:, :1], points)


def with_outliers(points, index, *, least, most, seed):
    """A share of each set, `least` to `most`, replaced by points anywhere in the unit sphere."""
    n, d = points.shape[1:]
    u = ops.example_uniform(index, 2 * n + 1, seed=seed, purpose=OUTLIER)
    ray = ops.example_normal(index, n * d, seed=seed, purpose=OUTLIER)
    ray = tf.math.l2_normalize(tf.reshape(ray, [-1, n, d]), -1)
    anywhere = ray * tf.expand_dims(u[:, 1 : n + 1], -1) ** np.float32(1 / d)
    out = u[:, n + 1 :] < least + (most - least) * u[:, :1]
    return tf.where(tf.expand_dims(out, -1), anywhere, points)
