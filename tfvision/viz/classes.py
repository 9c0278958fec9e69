"""Pictures of class decisions: one for the whole image, or one per pixel."""

import numpy as np

from tfvision.viz import panels
from tfvision.viz.canvas import Canvas
from tfvision.viz.labels import colour, palette


def classification(image, probabilities, names, *, top=5):
    """The image and the bars of its most probable classes: uint8 [h, w, 3].

    image          uint8 [h, w, c]
    probabilities  float [k], 0..1
    names          k names; numbers stand in where there are fewer
    """
    probabilities = np.asarray(probabilities, float)
    best = np.argsort(-probabilities, kind="stable")[:top]
    canvas = Canvas(image, at_least=400)
    texts = [name_of(i, names) for i in best]
    panel = panels.bars(
        probabilities[best], texts, height=canvas.picture.shape[0], text=canvas.text_height
    )
    return panels.beside(canvas.picture, panel)


def segmentation(image, labels, names, *, count=None, strength=0.5):
    """Class colours over the image, and what share of it each class has: uint8 [h, w, 3].

    image    uint8 [h, w, c]
    labels   int [h, w]
    names    the classes' names; numbers stand in where there are fewer
    count    of classes, for the colours [default: from the names and labels]
    """
    labels = np.asarray(labels)
    count = max(count or 0, len(names), int(labels.max(initial=0)) + 1)
    canvas = Canvas(image)
    tone = np.repeat(np.repeat(colour(labels, count), canvas.scale, 0), canvas.scale, 1)
    blended = canvas.picture * np.float32(1 - strength) + tone * np.float32(strength)
    rows = legend_rows(labels, names, count)
    panel = panels.legend(rows, height=blended.shape[0], text=canvas.text_height)
    return panels.beside(blended.round().astype(np.uint8), panel)


def legend_rows(labels, names, count):
    """(colour, name, share) of each class that occurs, the largest first."""
    shares = np.bincount(labels.ravel().clip(0), minlength=count) / max(labels.size, 1)
    colours = palette(count)
    there = [i for i in np.argsort(-shares, kind="stable") if shares[i] > 0]
    return [(colours[i], name_of(i, names), f"{100 * shares[i]:.1f}%") for i in there]


def name_of(number, names):
    """The class's name, or its number where it has none."""
    number = int(number)
    return str(names[number]) if 0 <= number < len(names) else f"class {number}"
