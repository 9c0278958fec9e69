"""Scenes of overlapping shapes, all sizes and colours, on textured ground: boxes and masks."""

import functools

import cv2
import numpy as np

from tfvision.data.files import choose_split
from tfvision.data.instance_masks import Patch
from tfvision.data.objects import ObjectSet, record

CLASSES = ("disc", "box", "triangle", "star", "cross", "ring")
SPLITS = {"train": (0, 20_000), "validation": (1, 200), "test": (2, 200)}  # Random stream, most.
COUNT = 2000  # Of a split, unless asked for more.
FINE = 4  # Shapes are drawn so many times as large, then averaged.
VISIBLE, SMALLEST = 0.3, 40  # Share and number of pixels of a shape that others must leave.
MOST = 7  # Shapes in a scene; some have none.


def load(split="train", *, seed=0, size=128, count=None):
    """Scenes as an ObjectSet with masks; a scene is a function of seed, split, size and its number.

    size     side of the scenes, px; shapes are 0.12 to 0.5 of it
    count    the first so many scenes, at most 20,000 for "train", else 200; default:
             2,000 and 200. A scene is drawn in about 5 ms
    return   boxes lie tight around what is visible of each shape
    raises   ValueError for a split or numbers that make no sense
    """
    choose_split(split, SPLITS)
    stream, most = SPLITS[split]
    count = count or min(COUNT, most)
    if size < 32 or not 1 <= count <= most:
        raise ValueError(
            f"Expected size >= 32 and 1 <= count <= {most}. Received: {size=}, {count=}"
        )
    records = [scene(seed, stream, number, size) for number in range(count)]
    return ObjectSet(CLASSES, records)


@functools.lru_cache(4096)
def scene(seed, stream, number, size):
    """The Record of one scene, drawn once per process."""
    random = np.random.default_rng([seed, stream, number, size])
    image = _ground(random, size)
    labels, masks, whole = [], [], []
    for _ in range(random.integers(0, MOST + 1)):
        label = int(random.integers(len(CLASSES)))
        place, cover = _cover(random, label, size)
        mask = np.zeros([size, size], np.uint8)
        mask[place] = cover >= 0.5
        left = [other & (1 - mask) for other in masks]
        needed = [max(SMALLEST, VISIBLE * area) for area in whole]
        hidden = any(part.sum() < least for part, least in zip(left, needed, strict=True))
        if hidden or mask.sum() < SMALLEST:
            continue  # It would hide another one, or be hardly there.
        image[place] = _painted(random, image[place], cover)
        masks, labels, whole = [*left, mask], [*labels, label], [*whole, mask.sum()]
    noise = random.standard_normal(image.shape, np.float32)
    image += np.float32(random.uniform(1, 6)) * noise
    pixels = cv2.convertScaleAbs(np.maximum(image, 0))
    pixels.setflags(write=False)  # It is handed to everyone who asks.
    return _record(f"{number:05}", pixels, labels, masks, number + 1)


def _record(name, pixels, labels, masks, number):
    boxes, patches = [], []
    for mask in masks:
        x, y, w, h = cv2.boundingRect(mask)
        boxes.append((x, y, x + w, y + h))
        patches.append(Patch(mask[y : y + h, x : x + w], x, y))
    return record(name, pixels, pixels.shape[:2], boxes, labels, masks=patches,
                  areas=[mask.sum() for mask in masks], number=number)


def _ground(random, size):
    """A ground with a slope, soft clouds and stripes: float32 [size, size, 3], 0..255."""
    base, slope = random.uniform(40, 215, 3), random.normal(0, 30, [2, 3])
    at = np.linspace(-0.5, 0.5, size)
    image = base + at[:, None, None] * slope[0] + at[None, :, None] * slope[1]
    for cells, strength in ((4, 22), (16, 12)):
        coarse = random.normal(0, strength, [cells, cells, 3]).astype(np.float32)
        image += cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    return (image + _stripes(random, size, size)).astype(np.float32)


def _stripes(random, h, w):
    """Light and dark stripes of random direction, width and strength: float [h, w, 1]."""
    angle, width = random.uniform(0, np.pi), random.uniform(4, 20)
    along = np.arange(h)[:, None] * np.sin(angle) + np.arange(w) * np.cos(angle)
    return random.uniform(0, 14) * np.sin(2 * np.pi * along / width)[..., None]


def _cover(random, label, size):
    """A random shape of a class: its place (two slices), its cover there float32 [h, w], 0..1."""
    radius = size * random.uniform(0.06, 0.25)
    centre = random.uniform(-0.02, 1.02, 2) * size
    low = np.floor(np.clip(centre - 1.6 * radius, 0, size - 1)).astype(int)
    high = np.ceil(np.clip(centre + 1.6 * radius, low + 1, size)).astype(int)
    w, h = (int(side) for side in high - low)
    fine = np.zeros([h * FINE, w * FINE], np.uint8)
    for i, outline in enumerate(_turned(random, label)):  # The second is a hole.
        points = np.round(((outline * radius + centre - low) * FINE - 0.5) * 16).astype(np.int32)
        cv2.fillPoly(fine, [points], 0 if i else 255, cv2.LINE_8, 4)
    cover = cv2.resize(fine, (w, h), interpolation=cv2.INTER_AREA) / np.float32(255)
    return (slice(low[1], high[1]), slice(low[0], high[0])), cover


def _turned(random, label):
    """The outlines of a class, turned, stretched: list of float [k, 2], about 1 in radius."""
    angle, stretch = random.uniform(0, 2 * np.pi), np.exp(random.uniform(-0.35, 0.35))
    cos, sin = np.cos(angle), np.sin(angle)
    wide = np.sqrt(stretch)
    matrix = np.array([[cos * wide, sin * wide], [-sin / wide, cos / wide]])
    return [outline @ matrix for outline in OUTLINES[label]]


def _painted(random, image, cover):
    """A part of the image with a shape of random colour, shade and texture on it: float32."""
    (h, w), cover = cover.shape, cover[..., None]
    colour = random.uniform(0, 255, 3)
    if np.abs(colour - image.mean((0, 1))).max() < 60:  # It must be possible to see it.
        colour = (colour + 128) % 256
    shade = random.uniform(-0.25, 0.25, 2)
    slope = shade[0] * np.linspace(-1, 1, h)[:, None] + shade[1] * np.linspace(-1, 1, w)
    paint = colour * (1 + slope[..., None])
    if random.random() < 0.4:
        paint = paint + 2.5 * _stripes(random, h, w)
    return image * (1 - cover) + paint.astype(np.float32) * cover


def _regular(corners, inner=1.0):
    """A polygon around (0, 0); every second corner is at radius `inner`: float [corners, 2]."""
    angles = np.arange(corners) * 2 * np.pi / corners
    radii = np.where(np.arange(corners) % 2, inner, 1.0)
    return np.stack([np.sin(angles), -np.cos(angles)], 1) * radii[:, None]


def _cross(arm=0.34):
    a, b = arm, 1.05
    return np.array([(-a, -b), (a, -b), (a, -a), (b, -a), (b, a), (a, a), (a, b), (-a, b), (-a, a),
                     (-b, a), (-b, -a), (-a, -a)])


OUTLINES = (  # By class; a second outline is a hole.
    [_regular(48)],
    [np.array([(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)])],
    [_regular(3) * 1.15],
    [_regular(10, 0.42) * 1.1],
    [_cross()],
    [_regular(48), _regular(48) * 0.55],
)
