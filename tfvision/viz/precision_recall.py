"""Precision over recall, drawn without a plotting library."""

import numpy as np

from tfvision.viz import panels
from tfvision.viz.canvas import FAINT, INK, Canvas, text_size, write
from tfvision.viz.labels import palette

TEXT, PAD = 10, 44  # px


def precision_recall(curves, *, side=420):
    """Precision over recall, a line per class, and a legend with their areas: uint8 [h, w, 3].

    curves  {name: (recall float [n], precision float [n], ...)}, 0..1, recall rising; of more than
            20 the first 20 are shown
    """
    curves = dict(list(curves.items())[:20])
    colours = [tuple(int(v) for v in tone) for tone in palette(len(curves) + 1)[1:]]
    canvas, corner, inner = _axes(side)
    rows = []
    for colour, (name, curve) in zip(colours, curves.items(), strict=True):
        recall, precision = (np.asarray(values, float) for values in curve[:2])
        points = _steps(recall, precision)
        canvas.path(corner + points * [inner, -inner], colour, width=2.0)
        falling = np.maximum.accumulate(precision[::-1])[::-1]
        area = np.sum(np.diff(recall, prepend=0.0) * falling)
        rows.append((colour, name, f"{area:.3f}"))
    if not rows:
        return canvas.picture
    legend = panels.legend(rows, height=canvas.picture.shape[0], text=TEXT)
    return panels.beside(canvas.picture, legend)


def _steps(recall, precision):
    """The points of a curve: from recall 0 at the first precision, down to 0 behind the last."""
    if not len(recall):
        return np.zeros([2, 2])
    x = np.concatenate([[0.0], recall, recall[-1:]])
    y = np.concatenate([precision[:1], precision, [0.0]])
    return np.stack([x, y], 1)


def _axes(side):
    """A canvas with a grid of tenths; (canvas, its origin (x, y) px, px from 0 to 1)."""
    canvas = Canvas(np.full([side, side, 3], 255, np.uint8), at_least=side)
    corner, inner = np.array([PAD, side - PAD], float), side - 1.5 * PAD
    for i in range(11):
        at, tone = i / 10 * inner, INK if i == 0 else FAINT
        canvas.line(corner + [at, 0], corner + [at, -inner], tone, width=1.0)
        canvas.line(corner + [0, -at], corner + [inner, -at], tone, width=1.0)
        if i % 2 == 0:
            label = f"{i / 10:g}"
            wide = text_size(label, TEXT)[0]
            write(canvas.picture, label, corner + [at - wide / 2, 1.8 * TEXT], TEXT)
            write(canvas.picture, label, corner + [-wide - 6, TEXT / 2 - at], TEXT)
    wide = text_size("recall", TEXT)[0]
    write(canvas.picture, "recall", corner + [inner - wide, 3.6 * TEXT], TEXT)
    write(canvas.picture, "precision", (6, TEXT + 6), TEXT)
    return canvas, corner, inner
