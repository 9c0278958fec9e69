"""Pictures of points: features with scale and angle, matches by weight, clouds in space."""

import numpy as np

from tfvision.viz import panels
from tfvision.viz.canvas import FAINT, INK, PAPER, Canvas
from tfvision.viz.classes import name_of
from tfvision.viz.labels import palette
from tfvision.viz.maps import ramp


def features(image, keypoints, *, most=500):
    """Circles of each keypoint's scale with a hand in its direction: uint8 [h, w, 3].

    image      uint8 [h, w, c]
    keypoints  float [k, 5], (x, y, scale, angle, score): px, px, rad clockwise on screen
    most       how many of the best are drawn
    """
    canvas = Canvas(image)
    keypoints = np.asarray(keypoints, float)
    best = keypoints[np.argsort(-keypoints[:, 4], kind="stable")[:most]]
    for rank, (x, y, scale, angle, _) in reversed(list(enumerate(best))):
        colour = ramp()[240 - 120 * rank // max(len(best), 1)]
        end = (x + scale * np.cos(angle), y + scale * np.sin(angle))
        canvas.ring((x, y), scale, INK, width=2.4)
        canvas.ring((x, y), scale, colour, width=1.2)
        canvas.line((x, y), end, colour, width=1.2)
    return canvas.picture


def matches(points1, points2, weights, *, side=720):
    """Where each point moves, brighter the more it counts: uint8 [side, side, 3].

    points1  float [n, 2], in calibrated coordinates (x right, y down)
    points2  float [n, 2]
    weights  float [n], 0 or more
    """
    both = np.concatenate([points1, points2])
    canvas, place = sheet(both, side)
    strength = weights / max(np.max(weights, initial=0), 1e-12)
    for i in np.argsort(strength, kind="stable"):
        colour = blend(FAINT, (31, 119, 90), strength[i])
        canvas.line(place(points1[i]), place(points2[i]), colour, width=1 + strength[i])
        canvas.dot(place(points2[i]), colour, radius=1 + 1.2 * strength[i], rim=(255, 255, 255))
    counted = f"{int(np.sum(strength > 0.5))} of {len(weights)} matches weigh over half the largest"
    text = canvas.text_height
    return panels.above(canvas.picture, panels.caption(counted, width=side, height=text))


def cloud(points, probabilities=None, names=(), *, side=560, critical=None, labels=None,
          tones=None, frame=None):
    """Points in space seen from the front, above and to the right, and bars of the classes.

    points         float [n, d]; z points up; of two coordinates, or where all z are equal, y points
                   down the page
    probabilities  float [k] or None
    critical       bool [n] or None: points drawn larger, the others pale
    labels         int [n] or None: the part of each point, which has a colour and a name
    tones          uint8 [n, 3] or None: the points' colours
    frame          float [m, d] or None: points that are not drawn, but for which there is room
    return         uint8 [h, w, 3]
    """
    points = np.asarray(points, float)
    flat, near = project(points if frame is None else np.concatenate([points, frame]))
    canvas, place = sheet(flat, side)
    near = near[: len(points)]
    radius = float(np.clip(side / 9.3 / np.sqrt(max(len(points), 1)), 1.2, 4))
    colours = ramp()[(40 + 150 * near).astype(int)] if tones is None else tones
    if labels is not None:
        colours = palette(max(len(names), int(np.max(labels, initial=0)) + 1) + 1)[1:][labels]
    order = np.argsort(near, kind="stable")
    sizes = np.full(len(points), radius if critical is None else 0.7 * radius)
    if critical is not None:
        colours = np.where(critical[:, None], colours, FAINT)
        order, sizes = order[np.argsort(critical[order], kind="stable")], sizes * (1 + critical)
    for i in order:
        rim = PAPER if side > 400 else colours[i]  # On small sheets it would leave little of a dot.
        canvas.dot(place(flat[i]), colours[i], radius=sizes[i], rim=rim)
    if labels is not None:
        return panels.beside(canvas.picture, part_legend(labels, names, side))
    if probabilities is None:
        return canvas.picture
    best = np.argsort(-np.asarray(probabilities), kind="stable")[:5]
    texts = [name_of(i, names) for i in best]
    panel = panels.bars(np.asarray(probabilities)[best], texts, height=side, text=11)
    return panels.beside(canvas.picture, panel)


def part_legend(labels, names, side):
    """The parts that occur, with their share of the points."""
    found, counts = np.unique(labels, return_counts=True)
    colours = palette(max(len(names), int(found.max(initial=0)) + 1) + 1)[1:]
    rows = [(colours[i], name_of(i, names), f"{100 * n / len(labels):.0f}%")
            for i, n in zip(found, counts, strict=True)]
    return panels.legend(rows, height=side, text=11)


def project(points):
    """Positions on the page [n, 2] (y down) and nearness 0..1 [n] of points [n, 3]."""
    centred = points - points.mean(0)
    if centred.shape[1] < 3 or np.ptp(centred[:, 2]) < 1e-9:
        return centred[:, :2], np.full(len(points), 0.5)
    turn, tilt = np.radians(35), np.radians(20)
    x = centred[:, 0] * np.cos(turn) - centred[:, 1] * np.sin(turn)
    deep = centred[:, 0] * np.sin(turn) + centred[:, 1] * np.cos(turn)
    y = centred[:, 2] * np.cos(tilt) + deep * np.sin(tilt)
    deep = deep * np.cos(tilt) - centred[:, 2] * np.sin(tilt)
    near = (deep.max() - deep) / max(np.ptp(deep), 1e-9)
    return np.stack([x, -y], 1), near


def sheet(points, side):
    """White paper, and the function that places points [n, 2] on it, aspect kept."""
    low, high = points.min(0), points.max(0)
    scale = 0.88 * side / max(np.max(high - low), 1e-9)
    middle = (low + high) / 2
    canvas = Canvas(np.full([side, side, 3], 255, np.uint8), at_least=side)
    return canvas, lambda point: (np.asarray(point) - middle) * scale + (side - 1) / 2


def blend(first, second, share):
    """A colour between two."""
    return tuple(np.asarray(first) * (1 - share) + np.asarray(second) * share)
