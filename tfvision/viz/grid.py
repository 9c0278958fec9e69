"""Pictures side by side."""

import cv2
import numpy as np

from tfvision.viz.labels import rgb


def grid(pictures, columns, *, gap=4, paper=255):
    """Pictures of one size in rows: uint8 [h, w, 3].

    pictures  uint8 [n, h, w, c] or a list of [h, w, c], c = 1 or 3
    """
    pictures = [rgb(picture) for picture in pictures]
    h, w = pictures[0].shape[:2]
    rows = -(-len(pictures) // columns)
    sheet = np.full([rows * (h + gap) + gap, columns * (w + gap) + gap, 3], paper, np.uint8)
    for i, picture in enumerate(pictures):
        y, x = gap + i // columns * (h + gap), gap + i % columns * (w + gap)
        sheet[y : y + h, x : x + w] = picture
    return sheet


def titled(picture, title, *, height=22):
    """The picture under a line of text: uint8 [h + height, w, 3]."""
    strip = np.full([height, picture.shape[1], 3], 255, np.uint8)
    place = (4, height - 7)
    cv2.putText(strip, title, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (40, 40, 40), 1, cv2.LINE_AA)
    return np.concatenate([strip, rgb(picture)])
