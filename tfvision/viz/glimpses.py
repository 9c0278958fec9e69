"""What a network looks at: the image with an outline, what it hands on, what it makes of it."""

import numpy as np

from tfvision.viz import panels
from tfvision.viz.canvas import Canvas

GOOD, BAD, OUTSIDE = (30, 130, 70), (200, 45, 40), 70
TONES = ((255, 120, 40), (60, 170, 255), (90, 220, 120), (240, 90, 220))


def glimpse(image, outlines, parts, text, right, *, side=112, margin=0.2):
    """An image with outlines, the parts behind it, and a line of text: uint8 [h, w, 3].

    image     uint8 [h, w, c]
    outlines  list of float [points, 2], (x, y) px; a dot marks where each begins
    parts     list of uint8 [h', w', c], what lies inside the outlines
    text      under the picture, green where `right`, else red
    side      of image and parts, px, as near as whole enlargements come to it
    margin    what is shown around an image with outlines, in grey, share of its height
    """
    wide = round(margin * len(image)) if len(outlines) else 0
    sides = [(wide, wide), (wide, wide), (0, 0)]
    canvas = Canvas(np.pad(image, sides, constant_values=OUTSIDE), at_least=side)
    for i, outline in enumerate(outlines):
        tone, outline = TONES[i % len(TONES)], np.asarray(outline) + wide
        canvas.path(outline, tone, width=2.0, closed=True, halo=True)
        canvas.dot(outline[0], tone)
    shown = [Canvas(part, at_least=side).picture for part in parts]
    row = panels.beside(canvas.picture, *shown, gap=4)
    below = panels.caption(text, width=row.shape[1], height=9, colour=GOOD if right else BAD)
    return np.concatenate([row, below])
