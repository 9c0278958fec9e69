"""Things made of boxes, spheres, cones and rings, as points with their parts; z is up."""

import numpy as np

from tfvision.data.files import choose_split
from tfvision.data.synthetic.primitives import box, ellipsoid, frustum, lying, torus

CLASSES = ("table", "chair", "lamp", "mug", "rocket", "dumbbell", "mushroom", "ring")
PARTS_OF = {
    "table": ("top", "legs"), "chair": ("seat", "back", "legs"), "lamp": ("foot", "pole", "shade"),
    "mug": ("body", "handle"), "rocket": ("body", "nose", "fins"), "dumbbell": ("bar", "weights"),
    "mushroom": ("stem", "cap"), "ring": ("band", "stone"),
}
NAMES = tuple(f"{thing} {part}" for thing in CLASSES for part in PARTS_OF[thing])
SPLITS = {"train": (0, 400), "fit": (0, 320), "validation": (0, 400), "test": (1, 160)}
ROWS = {"validation": slice(320, 400)}


def load(split="train", *, seed=0, count=1024):
    """Things in random order; the same arguments make the same points.

    split    "train" (400), of which "fit" (320) and "validation" (80) are parts, "test" (160)
    return   points float32 [n, count, 3], evenly from the parts' surfaces and in random order, in
             the unit sphere; label int32 [n]; part int32 [n, count], places in NAMES
    """
    choose_split(split, SPLITS)
    stream, number = SPLITS[split]
    label = np.arange(number, dtype=np.int32) * 5 % len(CLASSES)
    rows = range(number)[ROWS.get(split, slice(None))]
    pairs = [_thing([seed, stream, i], CLASSES[label[i]], count) for i in rows]
    points, parts = (np.stack(arrays) for arrays in zip(*pairs, strict=True))
    return {"points": points, "label": label[rows.start : rows.stop], "part": parts}


def parts():
    """Which parts each class has: bool [classes, parts]."""
    owner = [CLASSES.index(name.split()[0]) for name in NAMES]
    return np.array(owner) == np.arange(len(CLASSES))[:, None]


def _thing(seed, name, count):
    """Points and parts of one thing of random proportions."""
    random = np.random.default_rng(seed)
    pieces = MAKERS[name](random)
    fine = [(part, draw(random, 160)) for part, draw in pieces]
    areas = np.array([_area(points) for _, points in fine])
    piece = random.choice(len(pieces), count, p=areas / areas.sum())
    points, parts = np.empty([count, 3]), np.empty(count, np.int32)
    for i, (part, draw) in enumerate(pieces):
        own = piece == i
        points[own] = draw(random, int(own.sum()))
        parts[own] = NAMES.index(f"{name} {part}")
    centred = points - (points.min(0) + points.max(0)) / 2
    far = np.linalg.norm(centred, axis=1).max()
    return (centred / far).astype(np.float32), parts


def _area(points):
    """About the area that random points cover, from how near their neighbours are."""
    square = ((points[:40, None] - points[None]) ** 2).sum(-1)
    return np.mean(np.partition(square, 1, axis=1)[:, 1])


def at(draw, *place, turn=0.0):
    """The same surface elsewhere, turned about z first."""
    cos, sin = np.cos(turn), np.sin(turn)
    matrix = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
    return lambda random, n: draw(random, n) @ matrix + np.array(place, float)


def of(shape, *sizes, **options):
    """A surface of given sizes, to be drawn from later."""
    return lambda random, n: shape(random, n, *sizes, **options)


def _legs(random, x, y, height):
    wide = random.uniform(0.06, 0.12)
    x, y = x / 2 - wide, y / 2 - wide
    return [("legs", at(of(box, (wide, wide, height)), sx * x, sy * y, -height / 2))
            for sx in (-1, 1) for sy in (-1, 1)]


def _table(random):
    x, y, height = random.uniform([0.9, 0.6, 0.5], [1.6, 1.0, 0.9])
    if random.random() < 0.4:
        top = of(frustum, x / 2, x / 2, 0.07)
        return [("top", top), *_legs(random, x * 0.75, x * 0.75, height)]
    return [("top", of(box, (x, y, 0.07))), *_legs(random, x, y, height)]


def _chair(random):
    x, height, back = random.uniform([0.4, 0.35, 0.4], [0.6, 0.55, 0.8])
    seat, thick = of(box, (x, x, 0.07)), random.uniform(0.04, 0.08)
    return [("seat", seat), ("back", at(of(box, (x, thick, back)), 0, x / 2, back / 2)),
            *_legs(random, x, x, height)]


def _lamp(random):
    height, wide, shade = random.uniform([0.8, 0.15, 0.2], [1.5, 0.3, 0.4])
    slope = random.uniform(0.3, 0.8)
    return [("foot", of(frustum, wide, wide, 0.06)),
            ("pole", at(of(frustum, 0.03, 0.03, height, caps=False), 0, 0, height / 2)),
            ("shade", at(of(frustum, shade, shade * slope, shade, caps=False), 0, 0, height))]


def _mug(random):
    radius, height = random.uniform([0.3, 0.6], [0.45, 1.0])
    ring, tube = height * random.uniform(0.28, 0.38), random.uniform(0.04, 0.08)
    turn = random.uniform(0, 2 * np.pi)

    def handle(random, n):
        half = torus(random, n, ring, tube, share=0.5)  # y >= 0
        return np.stack([half[:, 1] + radius, half[:, 2], half[:, 0]], 1)

    body = of(frustum, radius * random.uniform(0.75, 1), radius, height, caps=False)
    return [("body", body), ("handle", at(handle, 0, 0, 0, turn=turn))]


def _rocket(random):
    radius, height, nose = random.uniform([0.12, 0.8, 0.25], [0.25, 1.4, 0.5])
    fin, count = random.uniform(0.25, 0.45), random.integers(3, 5)

    def fins(random, n):
        turn = random.integers(0, count, n) * (2 * np.pi / count)
        u, v = np.sort(random.random([2, n]), 0)
        x, z = radius + fin * u, -height / 2 + 1.3 * fin * (1 - v)
        return np.stack([x * np.cos(turn), x * np.sin(turn), z], 1)

    tip = at(of(frustum, radius, 0.0, nose, caps=False), 0, 0, (height + nose) / 2)
    return [("body", of(frustum, radius, radius, height)), ("nose", tip), ("fins", fins)]


def _dumbbell(random):
    length, radius, bar = random.uniform([0.8, 0.18, 0.04], [1.4, 0.32, 0.08])
    weight = of(ellipsoid, (radius, radius, radius))
    if random.random() < 0.5:
        disc = of(frustum, radius, radius, radius)
        weight = lambda random, n: lying(disc(random, n))  # noqa: E731
    rod = of(frustum, bar, bar, length - 2 * radius, caps=False)
    turn = random.uniform(0, 2 * np.pi)
    ends = [at(at(weight, side * length / 2, 0, 0), 0, 0, 0, turn=turn) for side in (-1, 1)]
    return [("bar", at(lambda random, n: lying(rod(random, n)), 0, 0, 0, turn=turn)),
            *(("weights", end) for end in ends)]


def _mushroom(random):
    stem, height, cap = random.uniform([0.08, 0.4, 0.3], [0.16, 0.8, 0.6])
    round_ = of(ellipsoid, (cap, cap, cap * random.uniform(0.6, 1)), lowest=0.0)
    trunk = of(frustum, stem * random.uniform(1, 1.5), stem, height)
    return [("stem", trunk), ("cap", at(round_, 0, 0, height / 2))]


def _ring(random):
    radius, tube, stone = random.uniform([0.4, 0.05, 0.12], [0.6, 0.12, 0.25])
    turn = random.uniform(0, 2 * np.pi)

    def band(random, n):
        flat = torus(random, n, radius, tube)
        return np.stack([flat[:, 0], flat[:, 2], flat[:, 1]], 1)

    gem = at(of(ellipsoid, (stone, stone, stone)), 0, 0, radius + tube + stone * 0.7)
    return [("band", at(band, 0, 0, 0, turn=turn)), ("stone", at(gem, 0, 0, 0, turn=turn))]


MAKERS = {
    "table": _table, "chair": _chair, "lamp": _lamp, "mug": _mug, "rocket": _rocket,
    "dumbbell": _dumbbell, "mushroom": _mushroom, "ring": _ring,
}
