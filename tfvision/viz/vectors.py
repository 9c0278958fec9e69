"""Pictures of embeddings: the vector as bars, and what lies nearest to it."""

import numpy as np

from tfvision.viz import panels
from tfvision.viz.canvas import Canvas, text_size
from tfvision.viz.classes import name_of


def embedding(image, vector, *, neighbours=(), distances=(), names=()):
    """The image over the bars of its vector; beside it what is nearest: uint8 [h, w, 3].

    image       uint8 [h, w, c]
    vector      float [d]
    neighbours  int [k], numbers of the examples that are nearest, the nearest first
    distances   float [k]
    names       of all examples, by number; none: their numbers are shown
    """
    canvas = Canvas(image, at_least=400)
    h = canvas.picture.shape[0]
    text = canvas.text_height
    picture = canvas.picture
    if len(neighbours):
        picture = panels.beside(picture, nearest(neighbours, distances, names, h, text))
    width = max(picture.shape[1], text * 32)
    title = f"{np.size(vector)} numbers, length {panels.number(np.linalg.norm(vector))}"
    strip = panels.strip(vector, width=width - 2 * text, height=max(h // 4, 6 * text))
    return panels.above(picture, panels.caption(title, width=width, height=text), strip, gap=text)


def nearest(neighbours, distances, names, height, text):
    """A panel of the nearest examples and how far they are, the nearest in bold."""
    distances = np.asarray(distances, float)
    rows = [name_of(n, names) if len(names) else f"example {n}" for n in neighbours]
    title = max(len(row) for row in rows)
    lines = [f"{row:{title}}   {panels.number(d)}" for row, d in zip(rows, distances, strict=True)]
    widest = max(text_size(line, text, bold=True)[0] for line in lines)
    width = min(max(text * 18, widest + 2 * text), text * 40)
    captions = [
        panels.caption(line, width=width, height=text, bold=not i) for i, line in enumerate(lines)
    ]
    panel = panels.above(panels.caption("nearest", width=width, height=text), *captions)
    return panel[:height] if panel.shape[0] > height else panel
