"""What stands beside a picture: bars, legends, colour scales, strips of numbers."""

import cv2
import numpy as np

from tfvision.viz.canvas import FAINT, INK, PAPER, fitting, text_size, write
from tfvision.viz.labels import rgb

BLUE, GREY = (58, 110, 196), (150, 156, 168)


def beside(*pictures, gap=0):
    """Pictures in a row, centred on white: uint8 [h, w, 3]."""
    pictures = [rgb(picture) for picture in pictures]
    height = max(picture.shape[0] for picture in pictures)
    gaps = [np.full([height, gap, 3], 255, np.uint8)] * (gap > 0)
    parts = [part for picture in pictures for part in (*gaps, _padded(picture, height))]
    return np.concatenate(parts[len(gaps) :], 1)


def above(*pictures, gap=0):
    """Pictures in a column, centred on white: uint8 [h, w, 3]."""
    turned = [np.swapaxes(rgb(picture), 0, 1) for picture in pictures]
    return np.ascontiguousarray(np.swapaxes(beside(*turned, gap=gap), 0, 1))


def bars(values, names, *, height, top=0, text=12):
    """Horizontal bars with names and values: uint8 [h, w, 3].

    values   0..1, as they are to be shown from top to bottom
    height   of the panel, px; it grows where the bars need more
    top      number of the bar to highlight; -1 for none
    text     height of a capital, px
    """
    row, pad = round(text * 3.4), round(text * 1.6)
    width = round(text * 24)
    panel = np.full([max(height, row * len(values) + 2 * pad), width, 3], 255, np.uint8)
    y = (panel.shape[0] - row * len(values)) // 2
    for i, (value, name) in enumerate(zip(values, names, strict=True)):
        _bar(panel, (pad, y + i * row), width - 2 * pad, value, name, i == top, text)
    return panel


def _bar(panel, corner, width, value, name, strong, text):
    x, y = corner
    number = f"{100 * value:.1f}%"
    wide = text_size(number, text, bold=strong)[0]
    base = y + round(1.2 * text)
    name = fitting(name, width - wide - text, text, bold=strong)
    write(panel, name, (x, base), text, INK, bold=strong)
    write(panel, number, (x + width - wide, base), text, INK, bold=strong)
    thick, base = max(3, round(text * 0.5)), base + round(text * 0.8)
    panel[base : base + thick, x : x + width] = FAINT
    filled = round(width * float(np.clip(np.nan_to_num(value), 0, 1)))
    panel[base : base + thick, x : x + filled] = BLUE if strong else GREY


def legend(rows, *, height, text=12):
    """Colour, name and value of each row: uint8 [h, w, 3].

    rows   (colour, name, value as text); what does not fit below another starts a new column
    """
    row, pad = round(text * 2.4), round(text * 1.6)
    fit = max(1, (max(height, 8 * row + 2 * pad) - 2 * pad) // row)
    most = min(fit, len(rows))
    height = max(height, row * most + 2 * pad)
    columns = [rows[i : i + fit] for i in range(0, len(rows), fit)]
    return beside(*(_column(part, height, most, row, text) for part in columns))


def _column(rows, height, most, row, text):
    names = min(max(text_size(name, text)[0] for _, name, _ in rows), 16 * text)
    numbers = max(text_size(value, text)[0] for _, _, value in rows)
    gap, pad = round(0.8 * text), round(1.6 * text)
    width = pad + text + gap + names + 2 * gap + numbers + pad
    panel = np.full([height, width, 3], 255, np.uint8)
    y = (height - row * most) // 2
    for i, (colour, name, value) in enumerate(rows):
        base = y + i * row + (row + text) // 2
        panel[base - text - 1 : base + 1, pad : pad + text + 2] = colour
        write(panel, fitting(name, names, text), (pad + text + 2 + gap, base), text)
        place = width - pad - text_size(value, text)[0]
        write(panel, value, (place, base), text, (110, 116, 128))
    return panel


def scale(colours, low, high, unit, *, width, text=12):
    """A colour scale with its ends named: uint8 [h, width, 3].

    colours   uint8 [n, 3] from low to high
    """
    pad, thick = round(text * 0.8), max(6, text)
    panel = np.full([thick + text + 4 * pad, width, 3], 255, np.uint8)
    inner = max(width - 2 * pad, 1)
    ramp = colours[np.arange(inner) * len(colours) // inner]
    panel[pad : pad + thick, pad : pad + inner] = ramp
    base = pad + thick + pad + text
    right = f"{number(high)} {unit}".strip()
    write(panel, f"{number(low)}", (pad, base), text)
    write(panel, right, (width - pad - text_size(right, text)[0], base), text)
    return panel


def strip(vector, *, width, height, colour=BLUE):
    """Bars up and down from zero, one per number of a vector: uint8 [height, width, 3]."""
    vector = np.nan_to_num(np.asarray(vector, float).ravel())
    size = max(np.abs(vector).max(initial=0), 1e-12)
    fine = np.full([height * 4, width, 3], 255, np.uint8)
    number_of = np.arange(width) * len(vector) // max(width, 1)
    middle = fine.shape[0] // 2
    ends = middle - np.round(vector / size * (middle - 4)).astype(int)
    for x, i in enumerate(number_of):
        if 4 * len(vector) <= width and (x + 1 == width or number_of[x + 1] != i):
            continue  # A gap between bars that are wide enough.
        y1, y2 = sorted((middle, ends[i]))
        fine[y1 : y2 + 1, x] = colour if vector[i] >= 0 else (214, 96, 77)
    fine[middle - 2 : middle + 2] = (fine[middle - 2 : middle + 2] * 0.6).astype(np.uint8)
    return cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)


def caption(text, *, width, height=12, colour=INK, bold=False):
    """A line of text: uint8 [h, width, 3]."""
    panel = np.full([round(height * 2.4), width, 3], 255, np.uint8)
    place = (round(height * 0.8), round(height * 1.7))
    text = fitting(text, width - 2 * place[0], height, bold=bold)
    write(panel, text, place, height, colour, bold=bold)
    return panel


def number(value):
    """A number in few characters."""
    return f"{value:.3g}" if np.isfinite(value) and abs(value) < 1e5 else f"{value:.1e}"


def _padded(picture, height):
    before = (height - picture.shape[0]) // 2
    sides = [(before, height - picture.shape[0] - before), (0, 0), (0, 0)]
    return np.pad(picture, sides, constant_values=PAPER[0])
