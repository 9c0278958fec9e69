"""Pen strokes: smooth curves through control points, drawn with a round pen."""

import functools

import cv2
import numpy as np

PER_SPAN = 8  # Points of a curve between two control points.
FINE = 4  # Fractional bits of a position that OpenCV draws at.


@functools.cache
def curve_matrix(count, corners=()):
    """float32 [points, count]: control points to points of the curve through them.

    A Catmull-Rom spline; at `corners`, the numbers of control points, the direction breaks.
    """
    if count == 1:
        return np.ones([1, 1], np.float32)
    breaks = sorted({0, *corners, count - 1})
    rows = [np.zeros([1, count])]
    rows[0][0, 0] = 1
    for first, last in zip(breaks, breaks[1:], strict=False):
        for knot in range(first, last):
            rows.append(_span(knot, first, last, count))
    return np.concatenate(rows).astype(np.float32)


def _span(knot, first, last, count):
    """The points behind one knot up to the next: [PER_SPAN, count]."""
    t = np.arange(1, PER_SPAN + 1) / PER_SPAN
    weights = (
        (-t + 2 * t**2 - t**3) / 2,
        (2 - 5 * t**2 + 3 * t**3) / 2,
        (t + 4 * t**2 - 3 * t**3) / 2,
        (t**3 - t**2) / 2,
    )
    rows = np.zeros([PER_SPAN, count])
    for tap, weight in enumerate(weights):
        rows[:, np.clip(knot - 1 + tap, first, last)] += weight
    return rows


def draw(lines, side, pen):
    """Lines drawn bright on black: uint8 [side, side].

    lines   list of float [points, 2], (x, y) px; a line of one point is a dot
    pen     width of the pen, px, kept to within about one
    """
    canvas = np.zeros([side, side], np.uint8)
    scaled = [(line * 2**FINE).round().astype(np.int32)[:, np.newaxis] for line in lines]
    width = max(2 * round((pen - 1.4) / 2), 1)  # OpenCV's lines come out 1.4 px wider.
    curves = [line for line in scaled if len(line) > 1]
    cv2.polylines(canvas, curves, False, 255, width, cv2.LINE_AA, FINE)
    for dot in (line[0, 0].tolist() for line in scaled if len(line) == 1):
        cv2.circle(canvas, dot, round(0.6 * pen * 2**FINE), 255, -1, cv2.LINE_AA, FINE)
    return canvas


def affine(turn, slant, stretch):
    """float [..., 2, 2] from rotation (rad), shear (x per y) and log of width by height."""
    cos, sin = np.cos(turn), np.sin(turn)
    wide, high = np.exp(stretch / 2), np.exp(-stretch / 2)
    top = np.stack([cos * wide, (cos * slant - sin) * high], -1)
    bottom = np.stack([sin * wide, (sin * slant + cos) * high], -1)
    return np.stack([top, bottom], -2)
