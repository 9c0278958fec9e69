"""Birds of eight species that differ in small parts only: RGB, 64 x 64 px or as you want.

All are alike in size, colours, pose and surroundings. What tells a species: whether its beak is
long, its crown red, and whether its belly has a dark patch.
"""

import cv2
import numpy as np

from tfvision.data.files import choose_split

PARTS = (("short beak", "long beak"), ("plain crown", "red crown"), ("plain belly", "dark patch"))
CLASSES = tuple(f"{a}, {b}, {c}" for a in PARTS[0] for b in PARTS[1] for c in PARTS[2])
SPLITS = {"train": (0, 3200), "validation": (1, 400), "test": (2, 800)}  # Random stream, images.
SIDE, FINE = 64, 4  # Drawn FINE times as large, then averaged.


def load(split="train", *, seed=0, size=SIDE):
    """Birds in random order; the same split and seed make the same birds, of any size.

    size     side of the result, px; above 256 there is no more to see
    return   image uint8 [n, size, size, 3]; label int32 [n]; box float32 [n, 4], (x1, y1, x2, y2)
             px, around the bird
    """
    choose_split(split, SPLITS)
    if size < 1:
        raise ValueError(f"Expected size >= 1. Received: {size=}")
    stream, count = SPLITS[split]
    random = np.random.default_rng([seed, stream])
    label = random.permutation(np.arange(count, dtype=np.int32) % len(CLASSES))
    drawn = [_picture(random, int(one), size) for one in label]
    image, box = (np.stack(part) for part in zip(*drawn, strict=True))
    return {"image": image, "label": label, "box": box}


def _picture(random, species, size):
    """One bird: uint8 [size, size, 3], float32 [4]."""
    shapes = _bird(random, species)
    shapes = _placed(random, shapes)
    canvas = _surroundings(random)
    for points, colour in shapes:
        fine = np.round(((points + 0.5) * FINE - 0.5) * 16).astype(np.int32)
        cv2.fillPoly(canvas, [fine], colour, cv2.LINE_AA, 4)
    image = cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32)
    image += cv2.resize(random.normal(0, 5, [SIDE, SIDE, 3]), (size, size))
    points = np.concatenate([points for points, _ in shapes])
    box = np.float32([*(points.min(0) - 0.5), *(points.max(0) + 0.5)])
    return np.clip(image, 0, 255).astype(np.uint8), box * (size / SIDE)


def _bird(random, species):
    """Shapes (float [n, 2], colour) of a bird around (0, 0) that looks right, px."""
    long, red, patch = species // 4, species // 2 % 2, species % 2
    tone = random.uniform(90, 200)
    body = tuple(float(np.clip(tone + v, 0, 255)) for v in random.normal(0, 18, 3))
    dark = tuple(0.6 * v for v in body)
    fat, head = random.uniform(0.85, 1.15), np.array([8.5, -7.5]) + random.normal(0, 0.5, 2)
    reach = (7.5 if long else 4.0) + random.normal(0, 0.3)
    shapes = [
        (np.array([[-8, -1], [-19, -4], [-18, 2], [-8, 4]]) + random.normal(0, 0.7, [4, 2]), dark),
        (_ellipse((0, 0), 11, 6.5 * fat), body),
        (_ellipse((-1.5, -0.5), 6.5, 3.5, random.normal(0.2, 0.15)), dark),
        (_ellipse(head, 4.6, 4.6), body),
        (head + [[3.6, -1.3], [3.6 + reach, 0.3], [3.6, 1.6]], (225.0, 170.0, 40.0)),
        (_ellipse(head + [1.7, -0.8], 0.9, 0.9), (15.0, 15.0, 15.0)),
    ]
    if red:
        shapes.append((_ellipse(head + [-0.6, -3.6], 2.6, 1.5, -0.15), (200.0, 40.0, 35.0)))
    if patch:
        shapes.append((_ellipse((4.5, 3.6 * fat), 2.4, 1.7, -0.3), (40.0, 35.0, 40.0)))
    return shapes


def _ellipse(centre, a, b, turn=0.0):
    """Points of an ellipse with these half axes, turned by rad: float [24, 2]."""
    at = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    points = np.stack([a * np.cos(at), b * np.sin(at)], -1)
    cos, sin = np.cos(turn), np.sin(turn)
    return points @ [[cos, sin], [-sin, cos]] + centre


def _placed(random, shapes):
    """The shapes turned a little, mirrored half of the time, scaled, somewhere in the frame."""
    turn, scale = random.normal(0, 0.2), random.uniform(0.8, 1.15)
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    matrix = np.array([[cos, sin], [-sin, cos]]) * [random.choice([-1, 1]), 1]
    shapes = [(points @ matrix, colour) for points, colour in shapes]
    points = np.concatenate([points for points, _ in shapes])
    low, high = 1 - points.min(0), SIDE - 2 - points.max(0)
    place = low + random.random(2) * (high - low)
    return [(points + place, colour) for points, colour in shapes]


def _surroundings(random):
    """Sky, leaves and twigs of all colours that birds have: uint8 [256, 256, 3]."""
    side = SIDE * FINE
    coarse = random.uniform(120, 230, [5, 5, 3]).astype(np.float32)
    canvas = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC).clip(0, 255)
    canvas = np.ascontiguousarray(canvas.astype(np.uint8))
    for _ in range(random.integers(5, 10)):
        colour = tuple(random.uniform(20, 230, 3))
        centre, axes = random.integers(0, side, 2).tolist(), random.integers(4, 18, 2).tolist()
        cv2.ellipse(canvas, centre, axes, random.uniform(0, 180), 0, 360, colour, -1, cv2.LINE_AA)
    for _ in range(random.integers(1, 4)):
        ends = random.integers(0, side, [2, 2]).tolist()
        cv2.line(canvas, *ends, tuple(random.uniform(40, 110, 3)), int(random.integers(4, 9)))
    return canvas
