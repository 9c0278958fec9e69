"""Tables of counts, such as which class was taken for which."""

import numpy as np

from tfvision.viz.canvas import INK, PAPER, fitting, text_size, write

LOW, HIGH = np.array([232, 240, 250]), np.array([24, 62, 130])


def matrix(counts, rows, columns, *, text=9):
    """A table of counts, darker where a larger share of its row is: uint8 [h, w, 3].

    counts   int [n, m]
    rows     n names, on the left
    columns  m names, on top
    text     height of a capital, px
    """
    counts = np.asarray(counts)
    cell, pad = round(4.8 * text), round(1.3 * text)
    wide = max([cell, *(min(text_size(name, text)[0], 2 * cell) + pad for name in columns)])
    left = max([0, *(text_size(name, text)[0] for name in rows)]) + 2 * pad
    top, (n, m) = round(0.8 * cell), counts.shape
    sheet = np.full([top + n * cell + pad, left + m * wide + pad, 3], 255, np.uint8)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    for i in range(n):
        y = top + i * cell
        write(sheet, rows[i], (pad, y + (cell + text) // 2), text)
        for j in range(m):
            x = left + j * wide
            tone = np.round(LOW * (1 - shares[i, j]) + HIGH * shares[i, j])
            sheet[y : y + cell - 1, x : x + wide - 1] = tone.astype(np.uint8)
            ink = PAPER if shares[i, j] > 0.5 else INK
            _centred(sheet, str(int(counts[i, j])), (x, y + (cell + text) // 2), wide, text, ink)
    for j, name in enumerate(columns):
        _centred(sheet, name, (left + j * wide, top - text + 1), wide, text, INK)
    return sheet


def _centred(sheet, label, place, wide, text, ink):
    label = fitting(label, wide - 4, text)
    x = place[0] + (wide - text_size(label, text)[0]) // 2
    write(sheet, label, (x, place[1]), text, ink)
