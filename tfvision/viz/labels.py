"""Label maps in colour."""

import colorsys

import cv2
import numpy as np


def palette(count):
    """Distinct colours: uint8 [count, 3]; the first is the calm one for what lies behind."""
    hues = [(0.58 + 0.381966 * i) % 1 for i in range(max(count - 1, 0))]
    bright = [colorsys.hsv_to_rgb(hue, 0.65, 0.95) for hue in hues]
    return (np.array([(0.13, 0.15, 0.20), *bright])[:count] * 255).astype(np.uint8)


def colour(labels, count):
    """uint8 [h, w, 3] from class numbers int [h, w]."""
    return palette(count)[np.asarray(labels)]


def overlay(image, labels, count, strength=0.45):
    """Class colours over the image: uint8 [h, w, 3]."""
    return cv2.addWeighted(rgb(image), 1 - strength, colour(labels, count), strength, 0)


def heat(values):
    """0..1 as dark to bright: uint8 [h, w, 3]."""
    grey = (np.clip(values, 0, 1) * 255).astype(np.uint8)
    return cv2.cvtColor(cv2.applyColorMap(grey, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)


def regions(numbers, seed=0):
    """A colour for every region number: uint8 [h, w, 3]; 0 is black."""
    random = np.random.default_rng(seed)
    colours = random.integers(60, 256, [int(numbers.max()) + 1, 3], dtype=np.uint8)
    colours[0] = 0
    return colours[numbers]


def rgb(image):
    """uint8 [h, w, 3] from [h, w], [h, w, 1] or [h, w, 3]."""
    image = np.asarray(image)
    if image.ndim == 2:
        image = image[..., None]
    return np.repeat(image, 3, -1) if image.shape[-1] == 1 else image
