"""Corners of furnished rooms as coloured points, in blocks of 1 m, as scans of buildings are cut.

A point has 9 numbers: x, y from the block's middle and z from the floor, m; red, green, blue, 0..1;
and its place in the room, 0..1 along each side (Qi et al., CVPR 2017, section 5.1).
"""

import numpy as np

from tfvision.data.files import choose_split
from tfvision.data.synthetic.primitives import box, ellipsoid, frustum

CLASSES = ("ceiling", "floor", "wall", "table", "chair", "lamp", "ball")
COLOURS = np.array([
    (0.9, 0.9, 0.88), (0.5, 0.38, 0.25), (0.8, 0.8, 0.72), (0.55, 0.4, 0.25), (0.35, 0.35, 0.5),
    (0.85, 0.8, 0.6), (0.6, 0.4, 0.3),
])
SPLITS = {"train": (0, 128), "fit": (0, 96), "validation": (0, 128), "test": (1, 48)}
ROWS = {"validation": slice(96, 128)}


def load(split="train", *, seed=0, count=1024):
    """Blocks of random rooms.

    split    "train" (128), of which "fit" (96) and "validation" (32) are parts, "test" (48)
    return   points float32 [n, count, 9]; part int32 [n, count], places in CLASSES
    """
    choose_split(split, SPLITS)
    stream, number = SPLITS[split]
    rows = range(number)[ROWS.get(split, slice(None))]
    blocks = [_block(np.random.default_rng([seed, stream, i]), count) for i in rows]
    points, parts = (np.stack(arrays) for arrays in zip(*blocks, strict=True))
    return {"points": points.astype(np.float32), "part": parts}


def _block(random, count):
    """Floor, ceiling, perhaps a wall or two, and a thing on the floor."""
    room = random.uniform([3, 3, 2.4], [6, 6, 3.2])
    corner = np.floor(random.uniform([0, 0], room[:2] - 1) * 2) / 2
    flat = [(1, 0.0, 1.0), (0, room[2], 1.0)]  # class, height, area
    walls = [(2, side, 0.6) for side in range(2) if corner[side] < 0.6]
    thing = int(random.integers(3, 7))
    areas = np.array([*(row[2] for row in (*flat, *walls)), 0.9])
    piece = random.choice(len(areas), count, p=areas / areas.sum())
    points, parts = np.empty([count, 3]), np.empty(count, np.int32)
    for i in range(len(areas)):
        own = piece == i
        points[own], parts[own] = _piece(random, i, flat, walls, room, thing, int(own.sum()))
    return _nine(random, points, parts, corner, room), parts


def _piece(random, i, flat, walls, room, thing, n):
    """Points of a piece, x and y from the block's middle, and its class."""
    points = (random.random([n, 3]) - 0.5) * [1, 1, 0]
    if i < len(flat):
        points[:, 2] = flat[i][1]
        return points, flat[i][0]
    if i < len(flat) + len(walls):
        side = walls[i - len(flat)][1]
        points[:, side], points[:, 2] = -0.49, random.uniform(0, room[2], n)
        return points, 2
    return THINGS[thing](random, n), thing


def _nine(random, points, parts, corner, room):
    """Noise on places and colours; places in the room behind them."""
    points = points + random.normal(0, 0.004, points.shape)
    shade = random.normal(0, 0.08, [len(CLASSES), 3])
    colour = COLOURS[parts] + shade[parts] + random.normal(0, 0.04, points.shape)
    inside = (points + [*(corner + 0.5), 0]) / room
    return np.concatenate([points, np.clip(colour, 0, 1), np.clip(inside, 0, 1)], 1)


def _table(random, n):
    wide, high = random.uniform([0.5, 0.6], [0.9, 0.8])
    top = box(random, n, (wide, wide, 0.05)) + [0, 0, high]
    side = (wide / 2 - 0.04) * (2 * random.integers(0, 2, [n, 2]) - 1)
    leg = box(random, n, (0.05, 0.05, high))
    leg = leg + np.concatenate([side, np.full([n, 1], high / 2)], 1)
    return np.where(random.random([n, 1]) < 0.7, top, leg)


def _chair(random, n):
    wide, high = random.uniform([0.35, 0.4], [0.5, 0.5])
    seat = box(random, n, (wide, wide, high)) + [0, 0, high / 2]
    back = box(random, n, (wide, 0.05, 0.5)) + [0, wide / 2, high + 0.25]
    return np.where(random.random([n, 1]) < 0.6, seat, back)


def _lamp(random, n):
    high, shade = random.uniform([1.2, 0.15], [1.7, 0.28])
    pole = frustum(random, n, 0.03, 0.03, high) + [0, 0, high / 2]
    hood = frustum(random, n, shade, shade * 0.6, 0.3, caps=False) + [0, 0, high]
    return np.where(random.random([n, 1]) < 0.35, pole, hood)


def _ball(random, n):
    radius = random.uniform(0.15, 0.35)
    return ellipsoid(random, n, (radius,) * 3) + [0, 0, radius]


THINGS = {3: _table, 4: _chair, 5: _lamp, 6: _ball}
