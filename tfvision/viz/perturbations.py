"""Images, what was added to them, and the sum."""

import numpy as np

from tfvision.viz import panels
from tfvision.viz.canvas import Canvas
from tfvision.viz.grid import grid
from tfvision.viz.labels import rgb

COLUMNS = 4
MORE, LESS = (178, 24, 43), (33, 102, 172)


def sheet(title, images, changes, texts, rows):
    """A title that tells how the changes are amplified, and a card for each of some rows.

    images   uint8 [n, h, w, c]
    changes  float [n, h, w, c], shares of the range of values
    texts    a line for each of `rows`
    return   two pictures uint8 [h, w, 3], to be put one above the other
    """
    factor = amplification(changes[rows])
    cards = [card(images[row], changes[row], text, factor=factor)
             for row, text in zip(rows, texts, strict=True)]
    picture = grid(cards, min(COLUMNS, len(cards)), gap=6)
    title = f"{title} (change drawn {factor} x)"
    width = max(picture.shape[1], 480)
    return panels.caption(title, width=width, height=11), picture


def card(image, change, text, *, factor, side=84):
    """An image, the change of it, `factor` times as large, and the sum, over a line of text.

    image   uint8 [h, w, c]
    change  float [h, w, c], share of the range of values
    side    of each picture, px, as near as whole enlargements come to it
    """
    after = np.round(np.clip(image + 255 * np.nan_to_num(change), 0, 255)).astype(np.uint8)
    shown = [Canvas(one, at_least=side).picture for one in (image, signed(change, factor), after)]
    row = panels.beside(*shown, gap=3)
    return np.concatenate([row, panels.caption(text, width=row.shape[1], height=8)])


def signed(change, factor):
    """Changes in colour: of grey images red for brighter and blue for darker on white, of RGB
    images around grey: uint8 [h, w, 3]."""
    change = np.clip(np.nan_to_num(np.asarray(change, np.float32)) * factor, -1, 1)
    if change.shape[-1] != 1:
        return rgb(np.round(127.5 + 127.5 * change).astype(np.uint8))
    ends = np.where(change >= 0, np.float32(MORE), np.float32(LESS))
    return np.round(255 + np.abs(change) * (ends - 255)).astype(np.uint8)


def amplification(changes):
    """The factor, a round number, that shows the largest of many changes almost in full."""
    largest = float(np.abs(np.nan_to_num(changes)).max(initial=0))
    if largest == 0:
        return 1
    steps = [base * 10**power for power in range(7) for base in (1, 2, 5)]
    return max((step for step in steps if step * largest <= 1.2), default=1)
