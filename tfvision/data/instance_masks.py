"""Masks of objects in the forms that data sets have, drawn only when they are asked for.

    Patch         uint8 0/1 [h', w'] with its first pixel at (x, y) of the image
    tuple         outlines, each float64 [k, 2] of points (x, y) px, continuous: their union
    dict          COCO's run lengths {"size": [h, w], "counts": list, text or bytes}
    None          no mask
"""

from typing import NamedTuple

import numpy as np

from tfvision.data.files import DataError


class Patch(NamedTuple):
    """Part of a mask: what lies outside it is 0."""

    pixels: np.ndarray
    x: int
    y: int


def bitmap(mask, size, window=None):
    """The mask as an image: uint8 [h, w], 0 or 1; all 0 for None.

    size    (h, w) of the image, px
    window  (x1, y1, x2, y2) whole px, inside the image: the part to draw; default: all
    raises  DataError for run lengths that are not of this size
    """
    h, w = size
    x1, y1, x2, y2 = window or (0, 0, w, h)
    if isinstance(mask, Patch):
        return _patch(mask, (x1, y1, x2, y2))
    if isinstance(mask, dict):
        return unrolled(mask, size)[y1:y2, x1:x2]
    drawn = np.zeros([y2 - y1, x2 - x1], np.uint8)
    for outline in mask or ():
        drawn |= filled(outline - np.array([x1, y1], np.float64), drawn.shape)
    return drawn


def square(mask, size, box, side):
    """The mask inside its box, which it fills: uint8 [side, side], 1 where half a cell or more is.

    box    (x1, y1, x2, y2) px
    """
    x1, y1, x2, y2 = map(float, box)
    window = (int(x1), int(y1), int(np.ceil(x2)), int(np.ceil(y2)))
    part = _means(bitmap(mask, size, window), y1 - window[1], y2 - window[1], side)
    cells = _means(part.T, x1 - window[0], x2 - window[0], side).T
    return (cells >= 0.5 - 1e-9).astype(np.uint8)


def rle(mask, size):
    """The mask as COCO's compressed run lengths; None for None. Outlines are drawn COCO's way.

    raises  DataError where the package pycocotools is missing
    """
    if mask is None:
        return None
    try:
        from pycocotools import mask as coco
    except ImportError:
        raise DataError("run lengths of masks need the package pycocotools: "
                        "pip install 'tfvision[detection]'") from None
    if isinstance(mask, tuple) and not isinstance(mask, Patch):
        outlines = [outline.ravel().tolist() for outline in mask]
        return coco.merge(coco.frPyObjects(outlines, *size))
    return coco.encode(np.asfortranarray(bitmap(mask, size)))


def filled(outline, size):
    """The pixels whose centres lie inside an outline: uint8 [h, w].

    outline  float [k, 2], (x, y) px, continuous; closed by itself; where it crosses itself, what
             is inside twice is outside
    """
    h, w = size
    x1, y1 = np.asarray(outline, np.float64).T
    x2, y2 = np.roll(x1, -1), np.roll(y1, -1)
    centre = np.arange(h)[:, None] + 0.5
    row, edge = np.nonzero((y1 <= centre) != (y2 <= centre))
    along = (row + 0.5 - y1[edge]) / (y2 - y1)[edge]
    x = x1[edge] + along * (x2 - x1)[edge]
    column = np.clip(np.ceil(x - 0.5), 0, w).astype(np.int64)
    crossings = np.zeros([h, w + 1], np.int32)
    np.add.at(crossings, (row, column), 1)
    return (np.cumsum(crossings, 1)[:, :w] % 2).astype(np.uint8)


def unrolled(run_lengths, size):
    """The mask that COCO's run lengths stand for: uint8 [h, w]; columns first, beginning with 0.

    raises  DataError where they are not of this size
    """
    h, w = size
    counts, told = run_lengths.get("counts"), run_lengths.get("size")
    counts = _counts(counts) if isinstance(counts, str | bytes) else counts
    whole = isinstance(counts, list) and all(type(n) is int and n >= 0 for n in counts)
    if told not in ([h, w], (h, w)) or not whole or sum(counts) != h * w:
        raise DataError(f"a run-length mask that is not of {h} x {w} (h x w) pixels")
    return np.repeat(np.arange(len(counts)) % 2, counts).astype(np.uint8).reshape(w, h).T


def _counts(packed):
    """The run lengths in COCO's text: 5 bits a character, from the third on as differences."""
    packed = packed.encode("latin-1", "replace") if isinstance(packed, str) else packed
    counts, value, shift = [], 0, 0
    for code in packed:
        bits = code - 48
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        value -= (bits & 16) << shift - 4  # The sign: -2^shift where the top bit is set.
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value, shift = 0, 0
    return counts


def _patch(patch, window):
    """What of the patch lies in a window."""
    x1, y1, x2, y2 = window
    h, w = patch.pixels.shape
    drawn = np.zeros([y2 - y1, x2 - x1], np.uint8)
    left, right = np.clip([patch.x, patch.x + w], x1, x2)
    top, bottom = np.clip([patch.y, patch.y + h], y1, y2)
    part = patch.pixels[top - patch.y : bottom - patch.y, left - patch.x : right - patch.x]
    drawn[top - y1 : bottom - y1, left - x1 : right - x1] = part
    return drawn


def _means(rows, start, end, cells):
    """The means of rows [n, m] in equal cells between two places: float64 [cells, m]."""
    sums = np.zeros([len(rows) + 1, rows.shape[1]])
    np.cumsum(rows, 0, out=sums[1:])
    edges = np.linspace(start, end, cells + 1)
    below = np.clip(edges.astype(np.int64), 0, len(rows) - 1)
    part = (edges - below)[:, None]
    reached = sums[below] * (1 - part) + sums[below + 1] * part
    return np.diff(reached, axis=0) * cells / (end - start)
