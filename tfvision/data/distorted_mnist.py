"""Distorted digits: rotated, moved, seen askew, bent, among clutter (Jaderberg et al., 2015).

    R    28 x 28 px, turned by up to 90 degrees either way
    RTS  42 x 42 px, turned by up to 45 degrees, scaled by 0.7 to 1.2, anywhere in the frame
    P    28 x 28 px, scaled by 0.75 to 1, each corner stretched by N(0, 5 px), along its diagonal
    E    28 x 28 px, scaled by 0.75 to 1, bent by a spline, 16 points moved by N(0, 1.5 px)
    TC   60 x 60 px, anywhere in the frame, with six 6 x 6 px pieces of other digits

Each distortion follows from a seed and the example's number: a test set is a seed, no file.
"""

from functools import cache, partial

import numpy as np
import tensorflow as tf

from tfvision import ops
from tfvision.data.stream import stream

SIDES = {"R": 28, "RTS": 42, "P": 28, "E": 28, "TC": 60}  # px
DIGIT = 28  # Side of a digit's own image, px.
PIECES, PIECE = 6, 6  # Of TC: how many pieces of other digits, and their side, px.
UNIFORM, NORMAL, CLUTTER = 10, 11, 12  # Purposes of random numbers, see ops.noise.
LEAST = 40.0  # px^2: twice the area of a corner's triangle that P keeps.


def batches(examples, *, kind, batch_size, seed, start_step=0):
    """Endless batches of distorted digits, a function of the step; see data.stream.

    examples  image uint8 [n, 28, 28, 1], and more arrays [n, ...]
    return    tf.data.Dataset of the dicts of stream, image uint8 [b, side, side, 1]
    """
    change = partial(_distorted, kind=kind, seed=seed, others=_others(examples["image"], kind))
    change = tf.autograph.experimental.do_not_convert(change)
    dataset = stream(examples, batch_size=batch_size, seed=seed, start_step=start_step)
    dataset = dataset.map(change, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return dataset.prefetch(2)


def fixed(image, *, kind, seed, part=1000):
    """All digits distorted once, digit i as number i of the seed: uint8 [n, side, side, 1]."""
    others, parts = _others(image, kind), []
    for first in range(0, len(image), part):
        batch = tf.constant(image[first : first + part])
        index = tf.range(first, first + len(batch), dtype=tf.int64)
        parts.append(distort(batch, index, kind=kind, seed=seed, others=others).numpy())
    return np.concatenate(parts)


def distort(image, index, *, kind, seed, others=None):
    """Digits distorted by the random numbers of their examples.

    image    uint8 [b, 28, 28, 1], bright on black
    index    int64 [b], consecutive numbers of the examples
    kind     "R", "RTS", "P", "E" or "TC"
    others   uint8 [n, 28, 28, 1], of which TC takes its pieces
    return   uint8 [b, side, side, 1]
    raises   ValueError for another kind or size
    """
    if kind not in SIDES or image.shape[1:] != (DIGIT, DIGIT, 1):
        raise ValueError(
            f"Expected kind in {tuple(SIDES)} and images [b, 28, 28, 1]. "
            f"Received: {kind=}, image={image.shape}"
        )
    uniform = ops.example_uniform(index, 4, seed=seed, purpose=UNIFORM)
    normal = ops.example_normal(index, 32, seed=seed, purpose=NORMAL)
    moved = _compiled(kind)(image, uniform, normal)
    if kind != "TC":
        return moved
    numbers = ops.example_uniform(index, 5 * PIECES, seed=seed, purpose=CLUTTER)
    return tf.maximum(moved, _pieces()(others, numbers))


def _distorted(batch, *, kind, seed, others):
    image = distort(batch["image"], batch["index"], kind=kind, seed=seed, others=others)
    return batch | {"image": image}


def _others(image, kind):
    """All digits, once, where pieces of them are needed."""
    with tf.device("CPU:0"):
        return tf.constant(image) if kind == "TC" else None


@cache
def _compiled(kind):
    return ops.compiled(partial(_moved, kind=kind))


@cache
def _pieces():
    return ops.compiled(_clutter)


def _moved(image, uniform, normal, *, kind):
    """The digit in its new place: uint8 [b, side, side, 1]."""
    ink = tf.cast(image, tf.float32)
    if kind == "P":
        points = _projective(uniform, normal)
    elif kind == "E":
        points = _elastic(uniform, normal)
    else:
        points = _similar(ink, uniform, kind)
    read = ops.grid_sample(ink, points)
    return tf.cast(tf.round(read), tf.uint8)


def _similar(ink, uniform, kind):
    """Points of R, RTS and TC: turned, scaled, and moved so that all ink stays in the frame."""
    turn = {"R": np.pi / 2, "RTS": np.pi / 4, "TC": 0.0}[kind] * (2 * uniform[:, 0] - 1)
    low, high = (0.7, 1.2) if kind == "RTS" else (1.0, 1.0)
    scale = low + (high - low) * uniform[:, 1]
    cos, sin = tf.cos(turn), tf.sin(turn)
    side = SIDES[kind]
    place = (side - 1) / 2 * tf.ones([1, 2])
    if kind != "R":
        place = _place(ink, cos * scale, sin * scale, uniform[:, 2:4], side)
    if kind == "TC":  # Whole pixels, so that the digit stays sharp.
        place = tf.round(place - (DIGIT - 1) / 2) + (DIGIT - 1) / 2
    x, y = (axis - tf.reshape(place[:, i], [-1, 1]) for i, axis in enumerate(_axes(side)))
    x, y = tf.expand_dims(x, 1), tf.expand_dims(y, 2)  # [b, 1, side], [b, side, 1]
    cos, sin, scale = (tf.reshape(v, [-1, 1, 1]) for v in (cos, sin, scale))
    points = tf.stack([(cos * x + sin * y) / scale, (cos * y - sin * x) / scale], -1)
    return points + (DIGIT - 1) / 2


def _place(ink, cos, sin, share, side):
    """Where the middle of the digit's image comes to lie: [b, 2] px."""
    middle = (DIGIT - 1) / 2
    x, y = tf.meshgrid(*(axis - middle for axis in _axes(DIGIT)))
    there = ink[..., 0] > 0
    cos, sin = (tf.reshape(v, [-1, 1, 1]) for v in (cos, sin))
    places = []
    for i, at in enumerate((cos * x - sin * y, sin * x + cos * y)):
        low = tf.reduce_min(tf.where(there, at, middle), [1, 2])
        high = tf.reduce_max(tf.where(there, at, -middle), [1, 2])
        room = side - 1 - (high - low)
        places.append(-low + tf.where(room > 0, share[:, i], 0.5) * room)
    return tf.stack(places, 1)


def _projective(uniform, normal):
    """Points of P: the homography that takes moved corners back to those of the digit's image."""
    scale = tf.reshape(0.75 + 0.25 * uniform[:, 1], [-1, 1, 1])
    middle = (DIGIT - 1) / 2
    ways = tf.constant([[-1, -1], [1, -1], [1, 1], [-1, 1]], tf.float32)
    corners = ways * middle * scale
    moves = ways * 5 / np.sqrt(2) * tf.reshape(normal[:, :4], [-1, 4, 1])
    quad = middle + corners + moves * _unfolded(corners, moves)
    matrix = tf.reshape(_square_from(quad), [-1, 9, 1, 1])
    x, y = tf.meshgrid(*_axes(DIGIT))
    rows = [matrix[:, i] * x + matrix[:, i + 1] * y + matrix[:, i + 2] for i in (0, 3, 6)]
    w = tf.where(tf.abs(rows[2]) < 1e-6, 1e-6, rows[2])
    return (DIGIT - 1) * tf.stack([rows[0] / w, rows[1] / w], -1)


def _unfolded(corners, moves):
    """1, 1/2, 1/4 or 0 [b, 1, 1]: the largest share of the moves that leaves the image convex."""
    share = tf.zeros_like(moves[:, :1, :1])
    for one in (0.25, 0.5, 1.0):
        quad = corners + one * moves
        ahead, behind = (tf.roll(quad, shift, 1) - quad for shift in (-1, 1))
        area = ahead[..., 0] * behind[..., 1] - ahead[..., 1] * behind[..., 0]
        convex = tf.reduce_min(area, 1) > LEAST
        share = tf.where(tf.reshape(convex, [-1, 1, 1]), one, share)
    return share


def _square_from(quad):
    """The homography from a quadrilateral [b, 4, 2] to the unit square: [b, 9], of any scale.

    The adjugate of the one from the square (Heckbert, 1989, section 2.2.3).
    """
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = (
        tf.unstack(corner, axis=1) for corner in tf.unstack(quad, axis=1)
    )
    ax, ay, bx, by = x1 - x2, y1 - y2, x3 - x2, y3 - y2
    sx, sy = x0 - x1 + x2 - x3, y0 - y1 + y2 - y3
    area = ax * by - bx * ay
    g, h = (sx * by - bx * sy) / area, (ax * sy - sx * ay) / area
    a, b, c = x1 - x0 + g * x1, x3 - x0 + h * x3, x0
    d, e, f = y1 - y0 + g * y1, y3 - y0 + h * y3, y0
    rows = [e - f * h, c * h - b, b * f - c * e, f * g - d, a - c * g, c * d - a * f,
            d * h - e * g, b * g - a * h, a * e - b * d]
    return tf.stack(rows, 1)


def _elastic(uniform, normal):
    """Points of E: a thin plate spline through 4 x 4 moved points, then the scale."""
    middle = (DIGIT - 1) / 2
    offsets = tf.reshape(normal, [-1, 4, 4, 2]) * (1.5 / middle)
    points = ops.thin_plate_spline_grid(offsets, (DIGIT, DIGIT), align_corners=True)
    scale = tf.reshape(0.75 + 0.25 * uniform[:, 1], [-1, 1, 1, 1])
    return (points - middle) / scale + middle


def _clutter(others, numbers):
    """Pieces of digits, each somewhere in the frame: uint8 [b, side, side, 1]."""
    side, numbers = SIDES["TC"], tf.reshape(numbers, [-1, PIECES, 5])
    ends = [tf.shape(others)[0], *[DIGIT - PIECE + 1] * 2, *[side - PIECE + 1] * 2]
    which, top, left, y, x = (
        tf.cast(numbers[..., i] * tf.cast(end, tf.float32), tf.int32) for i, end in enumerate(ends)
    )
    cells = tf.range(PIECE)
    rows, columns = (tf.expand_dims(first, -1) + cells for first in (top, left))  # [b, 6, 6]
    flat = tf.expand_dims(rows * DIGIT, -1) + tf.expand_dims(columns, -2)
    flat = tf.reshape(which * DIGIT**2, [-1, PIECES, 1, 1]) + flat
    pieces = tf.cast(tf.gather(tf.reshape(others, [-1]), flat), tf.float32)  # [b, 6, 6, 6]
    down, across = (tf.one_hot(tf.expand_dims(v, -1) + cells, side) for v in (y, x))
    placed = tf.matmul(tf.matmul(down, pieces, transpose_a=True), across)  # [b, 6, side, side]
    return tf.cast(tf.expand_dims(tf.reduce_max(placed, 1), -1), tf.uint8)


def _axes(side):
    """x [side] and y [side], px."""
    axis = tf.range(side, dtype=tf.float32)
    return axis, axis
