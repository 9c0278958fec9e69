"""Cells and the membranes between them, as an electron microscope might show a slice."""

import functools

import cv2
import numpy as np

CLASSES = ("membrane", "cell")
SPLITS = {"train": (0, 24), "validation": (1000, 6)}  # first random seed, slices


def load(split="train", *, size=256, seed=0):
    """Slices with labels; the same arguments make the same slices.

    return   image uint8 [n, size, size, 1], label int32 [n, size, size]; 1 = cell, 0 = membrane
    """
    if split not in SPLITS:
        raise ValueError(f"Expected split in {tuple(SPLITS)}. Received: split={split!r}")
    image, label = _slices(*SPLITS[split], size, seed)
    return {"image": image.copy(), "label": label.copy()}


@functools.cache
def _slices(first, count, size, seed):
    """Images and labels of consecutive slices, drawn once per process."""
    pairs = [slice_of_tissue(seed + first + i, size) for i in range(count)]
    images, labels = zip(*pairs, strict=True)
    return np.stack(images), np.stack(labels)


def slice_of_tissue(seed, size):
    """One slice: uint8 [size, size, 1], int32 [size, size]."""
    random = np.random.default_rng(seed)
    cells, wall = _cells(random, size)
    label = (wall > 1.6).astype(np.int32)
    tone = random.uniform(0.55, 0.85, cells.max() + 1)[cells]
    tone = tone + 0.10 * _noise(random, size, 12) + 0.16 * _noise(random, size, 1.2)
    tone -= 0.25 * _organelles(random, size) * label
    dark = np.exp(-((wall / 1.8) ** 2)) * (0.75 + 0.25 * _noise(random, size, 20))
    image = cv2.GaussianBlur((tone * (1 - dark) + 0.22 * dark).astype(np.float32), (0, 0), 0.7)
    image += random.normal(0, 0.05, image.shape)
    return (np.clip(image, 0, 1) * 255).astype(np.uint8)[..., None], label


def _cells(random, size):
    """Number of the nearest centre, and distance to the border between the nearest two, px."""
    at = np.stack(np.meshgrid(np.arange(size), np.arange(size)), -1).astype(np.float32)
    at += 7 * np.stack([_noise(random, size, 14), _noise(random, size, 14)], -1)
    centres = random.uniform(-20, size + 20, [max(size * size // 1100, 2), 2]).astype(np.float32)
    squared = sum(np.subtract.outer(at[..., i], centres[:, i]) ** 2 for i in (0, 1))
    two = np.sort(np.partition(squared, 1, axis=-1)[..., :2], axis=-1)
    return squared.argmin(-1), (np.sqrt(two[..., 1]) - np.sqrt(two[..., 0])) / 2


def _organelles(random, size):
    """Soft dark ellipses, 0..1."""
    canvas = np.zeros([size, size], np.float32)
    for _ in range(size * size // 2600):
        centre, axes = random.integers(0, size, 2), random.integers(2, 7, 2)
        angle, depth = random.uniform(0, 180), random.uniform(0.4, 1)
        cv2.ellipse(canvas, (centre.tolist(), (2.0 * axes).tolist(), angle), depth, -1)
    return cv2.GaussianBlur(canvas, (0, 0), 1.0)


def _noise(random, size, sigma):
    """Smooth noise of unit variance: float32 [size, size]."""
    noise = random.normal(0, 1, [size, size]).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    return (noise - noise.mean()) / noise.std()
