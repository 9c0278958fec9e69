"""Characters of invented alphabets in the manner of Omniglot: 105 x 105 px, ink = 0 on 255.

An alphabet has a stock of strokes and a taste (how round, how many, how slanted); its characters
combine them. Every character is drawn by the same twenty drawers, who all write it differently.
"""

import numpy as np

from tfvision.data.files import choose_split
from tfvision.data.synthetic import strokes

SPLITS = {  # Numbers of the alphabets.
    "background": tuple(range(0, 24)),
    "evaluation": tuple(range(24, 34)),
    "train": tuple(i for i in range(24) if i % 6 != 2),
    "validation": tuple(range(2, 24, 6)),
}
SIDE, CHARACTERS, DRAWERS = 105, 20, 20
PENS = (3, 5, 5, 5, 5)  # px


def load(split="background", *, seed=0):
    """The images of a split, by alphabet, character and drawer; as data.omniglot.load.

    split    "background" (24 alphabets of 20 characters) and "evaluation" (10); "validation" is
             every sixth alphabet of "background", and "train" the others
    return   image uint8 [n, 105, 105, 1]; label int32 [n], the character, 0.. within the split;
             alphabet int32 [n]; drawer int32 [n], 0..19
    """
    choose_split(split, SPLITS)
    numbers = SPLITS[split]
    shape = [len(numbers), CHARACTERS, DRAWERS]
    at, character, drawer = (part.ravel().astype(np.int32) for part in np.indices(shape))
    images = [image for number in numbers for image in _alphabet(seed, number)]
    return {
        "image": np.stack(images).reshape(-1, SIDE, SIDE, 1),
        "label": at * CHARACTERS + character,
        "alphabet": np.array(numbers, np.int32)[at],
        "drawer": drawer,
    }


def one_shot_runs(*, seed=0, count=20):
    """Twenty-way one-shot trials within the evaluation alphabets, as data.omniglot.one_shot_runs.

    Two trials for each alphabet: one drawer's characters to learn from, another's to name.

    return   list of dicts: training uint8 [20, 105, 105, 1], test uint8 [20, 105, 105, 1],
             answer int32 [20], the row of `training` that shows the same character
    """
    alphabets = SPLITS["evaluation"]
    random = np.random.default_rng([seed, 2])
    images = {}
    runs = []
    for i in range(count):
        number = alphabets[i // 2 % len(alphabets)]
        if number not in images:
            images[number] = _alphabet(seed, number).reshape(CHARACTERS, DRAWERS, SIDE, SIDE, 1)
        first, second = random.choice(DRAWERS, 2, replace=False)
        answer = random.permutation(CHARACTERS).astype(np.int32)
        training, test = images[number][:, first], images[number][answer, second]
        runs.append({"training": training, "test": test, "answer": answer})
    return runs


def _alphabet(seed, number):
    """All images of an alphabet: uint8 [characters * drawers, 105, 105]."""
    random = np.random.default_rng([seed, 0, number])
    style = _style(random)
    stock = [_stroke(random, style) for _ in range(random.integers(6, 10))]
    characters = _characters(random, style, stock)
    hands = _hands(random)
    return np.concatenate([_pictures(random, lines, hands) for lines in characters])


def _style(random):
    """The taste of an alphabet."""
    return {
        "round": random.uniform(0.1, 1.0),  # Share of the strokes that are curved.
        "strokes": random.uniform(1.6, 3.4),  # Per character, mean.
        "touch": random.uniform(0.5, 0.95),  # Share of the strokes that begin on another one.
        "upright": random.uniform(0, 0.9),  # Share of the straight strokes along an axis.
        "dots": random.choice([0, 0, 0.15]),
        "stretch": random.normal(-0.1, 0.2),
    }


def _stroke(random, style):
    """A stroke that begins at (0, 0): control points float [k, 2]; k = 1 is a dot."""
    if random.random() < style["dots"]:
        return np.zeros([1, 2])
    length = random.uniform(0.45, 1.0)
    angle = random.choice([0, 0.5, 0.5, 0.25, 0.75, 1]) * np.pi
    if random.random() > style["upright"]:
        angle += random.normal(0, 0.3)
    turn = random.choice([-1, 1]) * random.uniform(1.2, 5.5)  # rad, over the whole stroke
    if random.random() > style["round"]:
        turn = 0.0
    steps = np.linspace(0, 1, 3 + round(abs(turn) / 1.2))
    wave = random.random() < 0.25
    heading = angle + turn * (np.abs(steps - 0.5) * 2 - 0.5 if wave else steps - 0.5)
    moves = np.stack([np.cos(heading), np.sin(heading)], -1)[:-1] * length / (len(steps) - 1)
    points = np.concatenate([np.zeros([1, 2]), np.cumsum(moves, 0)])
    return points * (1 + 0.25 * abs(turn) / 2)  # A bent stroke is as large as a straight one.


def _characters(random, style, stock):
    """CHARACTERS characters, all different: lists of strokes in a box of 1 x 1 around (0, 0)."""
    found, shapes = [], []
    while len(found) < CHARACTERS:
        character = _character(random, style, stock)
        shape = np.concatenate([_curve(line) for line in character])
        if _rich(character) and all(_distance(shape, other) > 0.06 for other in shapes):
            found.append(character)
            shapes.append(shape)
    return found


def _rich(lines):
    """Whether there is more to see than a dot or one straight line: it is long, or it turns."""
    moves = [np.diff(line, axis=0) for line in lines if len(line) > 1]
    length = sum(np.linalg.norm(move, axis=-1).sum() for move in moves)
    turns = sum(np.ptp(np.unwrap(np.arctan2(move[:, 1], move[:, 0]))) for move in moves)
    return length > 0.8 and (turns > 1.5 or len(moves) > 1)


def _character(random, style, stock):
    count = int(np.clip(random.poisson(style["strokes"] - 1) + 1, 1, 5))
    lines = []
    for which in random.permutation(len(stock))[:count] if count <= len(stock) else range(count):
        line = stock[which] * random.choice([[1, 1], [1, 1], [-1, 1], [1, -1]])
        line = line * random.uniform(0.7, 1.1)
        lines.append(line + _beginning(random, style, lines, line))
    points = np.concatenate(lines)
    low, high = points.min(0), points.max(0)
    scale = np.exp([style["stretch"] / 2, -style["stretch"] / 2]) / max(*(high - low), 0.35)
    return [(line - (low + high) / 2) * scale for line in lines]


def _beginning(random, style, lines, line):
    """Where a stroke is put: a point of it on one of those before, or anywhere."""
    if lines and random.random() < style["touch"] and len(line) > 1:
        other = lines[random.integers(len(lines))]
        own = line[random.choice([0, 0, len(line) // 2])]
        return other[random.choice([0, len(other) // 2, len(other) - 1])] - own
    return random.uniform(-0.45, 0.45, 2) - line.mean(0)


def _distance(a, b):
    """How different two shapes [n, 2] are: mean distance to the nearest point, both ways."""
    (ax, ay), (bx, by) = a.T[..., np.newaxis], b.T
    gaps = (ax - bx) ** 2 + (ay - by) ** 2
    return max(np.sqrt(gaps.min(0)).mean(), np.sqrt(gaps.min(1)).mean())


def _curve(line):
    """The points of a stroke, float [..., points, 2], from its control points [..., k, 2]."""
    return strokes.curve_matrix(line.shape[-2]) @ line


def _hands(random):
    """The hands of an alphabet's drawers: dict of float [20]."""
    return {
        "turn": random.normal(0, 0.07, DRAWERS),
        "slant": random.normal(0, 0.13, DRAWERS),
        "stretch": random.normal(0, 0.12, DRAWERS),
        "size": np.clip(random.normal(62, 8, DRAWERS), 42, 78),  # px
        "shake": random.uniform(0.012, 0.035, DRAWERS),  # Of control points, share of the size.
        "loose": random.uniform(0.01, 0.04, DRAWERS),  # Of whole strokes.
    }


def _pictures(random, lines, hands):
    """A character in all hands: uint8 [20, 105, 105], ink = 0."""
    turn, slant, stretch = random.normal(0, 0.05, [3, DRAWERS])
    turn, slant = hands["turn"] + turn, hands["slant"] + slant
    warp = strokes.affine(turn, slant, hands["stretch"] + stretch)
    warp = warp.swapaxes(1, 2) * (hands["size"] * random.normal(1, 0.04, DRAWERS))[:, None, None]
    place = (SIDE - 1) / 2 + random.normal(0, 4, [DRAWERS, 1, 2])
    drawn = []
    for line in lines:
        knots = line + random.normal(0, 1, [DRAWERS, 1, 2]) * hands["loose"][:, None, None]
        knots += random.normal(0, 1, [DRAWERS, *line.shape]) * hands["shake"][:, None, None]
        drawn.append(np.clip(_curve(knots) @ warp + place, 4, SIDE - 5))
    pens = random.choice(PENS, DRAWERS)
    images = [strokes.draw(one, SIDE, pen) for *one, pen in zip(*drawn, pens, strict=True)]
    return (np.stack(images) < 128).astype(np.uint8) * 255
