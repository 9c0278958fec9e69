"""Curves over a common axis, drawn without a plotting library."""

import numpy as np

from tfvision.viz import panels
from tfvision.viz.canvas import FAINT, INK, Canvas, text_size, write
from tfvision.viz.labels import palette


def curves(series, title, *, width=300, height=220, low=0.0, high=1.0):
    """Lines through points, each with its name at its end: uint8 [h, width, 3].

    series   name -> [(x, y), ...], x increasing; all on the same axes
    low      y of the lower edge
    high     y of the upper edge
    """
    canvas = Canvas(np.full([height, width, 3], 255, np.uint8), at_least=1)
    left, top, right, bottom = 34, 8, width - 12, height - 22
    xs = [x for points in series.values() for x, _ in points]
    start, end = min(xs), max(max(xs), min(xs) + 1e-9)

    def place(x, y):
        share = np.clip((y - low) / (high - low), 0, 1)
        return left + (x - start) / (end - start) * (right - left), bottom - share * (bottom - top)

    for tick in np.linspace(low, high, 5):
        canvas.line(place(start, tick), place(end, tick), FAINT, width=1)
        write(canvas.picture, f"{tick:.2g}", (4, place(start, tick)[1] + 3), 7)
    for x in sorted(set(xs)):
        text = f"{x:.3g}"
        at = place(x, low)[0] - text_size(text, 7)[0] / 2
        write(canvas.picture, text, (min(at, width - text_size(text, 7)[0] - 2), height - 8), 7)
    _lines(canvas, series, place, left)
    return panels.above(panels.caption(title, width=width, height=9), canvas.picture)


def _lines(canvas, series, place, left):
    """The curves, and a legend in the lower left corner."""
    colours, base = palette(len(series) + 1)[1:], place(0, 0)[1] - 10 * len(series)
    for i, (name, points) in enumerate(series.items()):
        canvas.path([place(*point) for point in points], colours[i], width=2)
        for point in points:
            canvas.dot(place(*point), colours[i], radius=2)
        write(canvas.picture, name, (left + 16, base + 11 * i), 7, INK)
        canvas.line((left + 2, base + 11 * i - 3), (left + 12, base + 11 * i - 3), colours[i])
