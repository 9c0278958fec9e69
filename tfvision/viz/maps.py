"""Pictures of maps and images that a network made: depth, translations, samples."""

import cv2
import numpy as np

from tfvision.viz import panels
from tfvision.viz.canvas import Canvas, unit_of
from tfvision.viz.grid import grid
from tfvision.viz.labels import rgb


def depth(image, disparity, *, unit="px"):
    """The image, its disparity in colour (near is bright) and the scale: uint8 [h, w, 3].

    image      uint8 [h, w, c]
    disparity  float [h, w]; colours span its 1st to 99th percentile, so single pixels do not rule
    """
    canvas = Canvas(image)
    known = disparity[np.isfinite(disparity)]
    low, high = np.percentile(known, [1, 99]) if known.size else (0.0, 1.0)
    spread = max(high - low, 1e-12)
    levels = (np.nan_to_num((disparity - low) / spread).clip(0, 1) * 255).round().astype(np.uint8)
    colours = ramp()
    drawn = Canvas(colours[levels]).picture
    scale = panels.scale(
        colours, low, high, unit, width=drawn.shape[1], text=canvas.text_height
    )
    under = np.full([scale.shape[0], canvas.picture.shape[1], 3], 255, np.uint8)
    pictures = panels.above(canvas.picture, under), panels.above(drawn, scale)
    return panels.beside(*pictures, gap=gap_of(canvas.picture))


def ramp():
    """The colours of a map from low to high: uint8 [256, 3]."""
    levels = np.arange(256, dtype=np.uint8)[:, None]
    return cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)[:, 0, ::-1]


def translation(before, after):
    """Two images side by side: uint8 [h, w, 3]."""
    before, after = Canvas(before).picture, Canvas(after).picture
    return panels.beside(before, after, gap=gap_of(before))


def samples(images, *, columns=None):
    """Images in a grid, as square as they allow: uint8 [h, w, 3].

    images   uint8 [n, h, w, c]
    """
    columns = columns or int(np.ceil(np.sqrt(len(images))))
    side = max(images.shape[1:3])
    scale = max(1, round(640 / (side * columns)))
    large = [np.repeat(np.repeat(rgb(image), scale, 0), scale, 1) for image in images]
    return grid(large, columns, gap=max(2, round(side * scale * columns / 240)))


def gap_of(picture):
    """The width of the white between two pictures, px."""
    return round(8 * unit_of(picture))
