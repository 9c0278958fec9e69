"""Handwritten digits in the manner of MNIST: 28 x 28 px, grey, bright ink on black."""

import cv2
import numpy as np

from tfvision.data.files import choose_split
from tfvision.data.synthetic import strokes

CLASSES = tuple("0123456789")
SPLITS = {  # Random stream, number of images drawn, and which of them.
    "train": (0, 6000, slice(0, 6000)),
    "test": (1, 1000, slice(0, 1000)),
    "fit": (0, 6000, slice(0, 5500)),
    "validation": (0, 6000, slice(5500, 6000)),
}
SIDE, FINE = 28, 4  # Drawn FINE times as large, then averaged.

# Ways to write each digit: strokes, through points (x, y) in a box of 1 x 1 with y down. A third
# number marks a corner.
FORMS = {
    0: (
        [[(0.55, 0.0), (0.2, 0.15), (0.06, 0.55), (0.25, 0.93), (0.6, 0.98), (0.92, 0.65),
          (0.88, 0.22), (0.62, 0.02), (0.42, 0.05)]],
        [[(0.7, 0.06), (0.4, 0.02), (0.12, 0.35), (0.1, 0.75), (0.4, 1.0), (0.75, 0.8),
          (0.86, 0.35), (0.66, 0.04)]],
    ),
    1: (
        [[(0.52, 0.0), (0.5, 0.5), (0.48, 1.0)]],
        [[(0.3, 0.22), (0.55, 0.0, 1), (0.52, 0.5), (0.5, 1.0)]],
        [[(0.3, 0.2), (0.5, 0.0, 1), (0.5, 0.5), (0.5, 1.0)], [(0.22, 1.0), (0.8, 0.98)]],
    ),
    2: (
        [[(0.12, 0.25), (0.35, 0.02), (0.7, 0.05), (0.82, 0.3), (0.55, 0.65), (0.1, 0.97, 1),
          (0.5, 0.93), (0.95, 0.97)]],
        [[(0.15, 0.2), (0.42, 0.0), (0.76, 0.15), (0.7, 0.5), (0.4, 0.85), (0.16, 0.95),
          (0.12, 0.78), (0.35, 0.76), (0.65, 0.95), (0.95, 0.9)]],
    ),
    3: (
        [[(0.12, 0.12), (0.45, 0.0), (0.78, 0.18), (0.62, 0.42), (0.36, 0.48, 1), (0.72, 0.58),
          (0.85, 0.8), (0.52, 1.0), (0.08, 0.9)]],
        [[(0.12, 0.04), (0.5, 0.04), (0.85, 0.03, 1), (0.42, 0.4, 1), (0.78, 0.52), (0.84, 0.78),
          (0.5, 1.0), (0.1, 0.94)]],
    ),
    4: (
        [[(0.25, 0.0), (0.15, 0.3), (0.1, 0.56, 1), (0.5, 0.55), (0.92, 0.52)],
         [(0.76, 0.08), (0.72, 0.5), (0.68, 1.0)]],
        [[(0.68, 0.0), (0.35, 0.35), (0.06, 0.66, 1), (0.5, 0.64), (0.95, 0.63)],
         [(0.68, 0.0), (0.68, 0.5), (0.66, 1.0)]],
    ),
    5: (
        [[(0.86, 0.02), (0.55, 0.03), (0.26, 0.03, 1), (0.2, 0.25), (0.17, 0.46, 1), (0.55, 0.37),
          (0.85, 0.6), (0.72, 0.92), (0.38, 1.0), (0.08, 0.88)]],
        [[(0.3, 0.02), (0.27, 0.25), (0.24, 0.45), (0.6, 0.46), (0.82, 0.7), (0.6, 0.96),
          (0.12, 0.96)], [(0.3, 0.03), (0.6, 0.04), (0.92, 0.0)]],
    ),
    6: (
        [[(0.72, 0.0), (0.36, 0.28), (0.12, 0.7), (0.36, 1.0), (0.76, 0.88), (0.74, 0.6),
          (0.46, 0.54), (0.15, 0.74)]],
        [[(0.5, 0.0), (0.22, 0.4), (0.16, 0.8), (0.45, 1.0), (0.74, 0.8), (0.6, 0.58),
          (0.34, 0.66), (0.22, 0.86)]],
    ),
    7: (
        [[(0.08, 0.06), (0.5, 0.06), (0.9, 0.03, 1), (0.62, 0.5), (0.42, 1.0)]],
        [[(0.08, 0.06), (0.5, 0.06), (0.9, 0.03, 1), (0.62, 0.5), (0.42, 1.0)],
         [(0.3, 0.53), (0.84, 0.48)]],
        [[(0.1, 0.22), (0.14, 0.05, 1), (0.5, 0.07), (0.86, 0.05, 1), (0.55, 0.45), (0.48, 1.0)]],
    ),
    8: (
        [[(0.76, 0.13), (0.45, 0.0), (0.2, 0.2), (0.5, 0.46), (0.82, 0.74), (0.5, 1.0),
          (0.18, 0.78), (0.46, 0.5), (0.8, 0.24), (0.7, 0.06)]],
        [[(0.5, 0.46), (0.24, 0.24), (0.5, 0.0), (0.76, 0.22), (0.5, 0.46), (0.2, 0.74),
          (0.5, 1.0), (0.8, 0.76), (0.5, 0.46)]],
    ),
    9: (
        [[(0.8, 0.2), (0.48, 0.01), (0.14, 0.24), (0.38, 0.5), (0.74, 0.32), (0.81, 0.12, 1),
          (0.76, 0.5), (0.7, 1.0)]],
        [[(0.78, 0.16), (0.45, 0.02), (0.16, 0.26), (0.4, 0.5), (0.76, 0.3), (0.82, 0.4),
          (0.66, 0.85), (0.24, 0.96)]],
    ),
}


def load(split="train", *, seed=0):
    """Digits in random order; the same arguments make the same digits.

    split    as in data.mnist: "train" (6000), "test" (1000); "fit" and "validation" are the first
             5500 and the last 500 of "train"
    return   image uint8 [n, 28, 28, 1], label int32 [n]
    """
    choose_split(split, SPLITS)
    stream, count, rows = SPLITS[split]
    random = np.random.default_rng([seed, stream])
    label = random.permutation(np.arange(count, dtype=np.int32) % 10)
    image = np.empty([count, SIDE, SIDE, 1], np.uint8)
    for digit in range(10):
        _write(random, digit, np.flatnonzero(label == digit), image)
    return {"image": image[rows], "label": label[rows]}


def _write(random, digit, places, image):
    """Writes the digit into the images at `places`, each in one of its forms."""
    form = random.integers(0, len(FORMS[digit]), len(places))
    for number, paths in enumerate(FORMS[digit]):
        chosen = places[form == number]
        for place, lines in zip(chosen, _hands(random, paths, len(chosen)), strict=True):
            image[place, ..., 0] = _picture(random, lines)


def _hands(random, paths, count):
    """A form in `count` hands: lists of lines, float [points, 2], in px around (0, 0)."""
    turn, slant = random.normal(0, 0.08, count), random.normal(-0.12, 0.2, count)
    maps = strokes.affine(turn, slant, random.normal(-0.2, 0.25, count))
    drawn = []
    for path in paths:
        corners = tuple(i for i, point in enumerate(path) if len(point) == 3)
        knots = np.array([point[:2] for point in path]) - 0.5
        knots = knots + random.normal(0, 0.042, [count, *knots.shape])
        curve = strokes.curve_matrix(len(path), corners) @ knots
        drawn.append(curve @ np.swapaxes(maps, 1, 2))
    return [_fit([line[i] for line in drawn]) for i in range(count)]


def _fit(lines):
    """Scaled to a box of 17 px, its ink (not its box) centred, as MNIST was made."""
    points = np.concatenate(lines)
    scale = 17 / np.ptp(points, axis=0).max()
    steps = [np.linalg.norm(np.diff(line, axis=0), axis=1) for line in lines]
    middles = np.concatenate([(line[1:] + line[:-1]) / 2 for line in lines])
    centre = np.average(middles, axis=0, weights=np.concatenate(steps))
    return [(line - centre) * scale for line in lines]


def _picture(random, lines):
    """The lines drawn by a pen of random width: uint8 [28, 28]."""
    pen, press = np.clip(random.normal(2.6, 0.55), 1.5, 4.3), random.uniform(0.95, 1.35)
    placed = [(line + (SIDE - 1) / 2 + 0.5) * FINE - 0.5 for line in lines]
    large = strokes.draw(placed, SIDE * FINE, pen * FINE)
    large = cv2.GaussianBlur(large, (0, 0), 0.3 * FINE)
    return cv2.convertScaleAbs(
        cv2.resize(large, (SIDE, SIDE), interpolation=cv2.INTER_AREA), alpha=press
    )
