"""Pictures of what a point network makes of its sets: classes, parts, the points it hangs on."""

import numpy as np

from tfvision.viz import panels
from tfvision.viz.canvas import INK
from tfvision.viz.curves import curves
from tfvision.viz.grid import grid
from tfvision.viz.labels import palette
from tfvision.viz.points import cloud, part_legend

WRONG = (190, 40, 40)
TITLES = {"missing_random": "at random", "missing_furthest": "farthest kept"}
COLUMNS, SIDE = 6, 200


def lattice(d):
    """Places in the unit sphere, 64 in a row in the plane and 26 in space: float32 [m, d]."""
    line = np.linspace(-1, 1, 64 if d == 2 else 26, dtype=np.float32)
    places = np.stack(np.meshgrid(*[line] * d, indexing="ij"), -1).reshape(-1, d)
    return places[np.sum(places**2, -1) <= 1]


def page(points, captions, right, sets, series):
    """Predictions, critical and upper-bound sets, and curves: uint8 [h, w, 3].

    points    float [n, p, d]
    captions  n texts, red where `right` bool [n] is not
    sets      list of (points [p, d], critical bool [p], upper [m, d])
    series    kind -> [(amount, accuracy), ...], as metrics.point_robustness has them
    """
    clouds = [
        captioned(cloud(own, side=SIDE), text, INK if good else WRONG)
        for own, text, good in zip(points, captions, right, strict=True)
    ]
    rows = [grid(clouds, COLUMNS)]
    if sets:
        rows.append(grid([one for each in sets for one in trio(*each)], COLUMNS))
    if series:
        rows.append(robustness(series))
    return panels.above(*rows, gap=6)


def captioned(picture, text, colour=INK):
    """A text above a picture of points."""
    strip = panels.caption(text, width=picture.shape[1], height=8, colour=colour)
    return np.concatenate([strip, picture])


def trio(points, critical, upper):
    """A set, with its critical points alone, and its upper bound.

    Three pictures of one size; all points lie at the same places in each.
    """
    few, room = points[critical], np.concatenate([points, upper])
    texts = (f"{len(points)} points", f"{len(few)} are critical", "could be added")
    return [captioned(cloud(own, side=SIDE, frame=room), text)
            for text, own in zip(texts, (points, few, upper), strict=True)]


def robustness(series):
    """Accuracy against missing points, outliers and jitter, side by side."""
    missing = {TITLES[kind]: series[kind] for kind in TITLES if kind in series}
    groups = [("missing points", missing)] + [
        (kind, {kind: series[kind]}) for kind in ("outliers", "jitter") if kind in series
    ]
    return panels.beside(
        *(curves(one, f"accuracy: {title}", width=390) for title, one in groups if one), gap=12
    )


def parts(points, truth, labels, names, *, side=260):
    """Sets with their true parts and with those found: uint8 [h, w, 3].

    points         float [n, p, d]; of more than three numbers, the first three
    truth, labels  int [n, p]
    """
    rows = []
    for own, right, said in zip(points, truth, labels, strict=True):
        own, share = own[:, :3], 100 * np.mean(right == said)
        legend = part_legend(right, names, side)
        wide = np.full([side, max(2 * side - legend.shape[1], 0), 3], 255, np.uint8)
        rows.append(panels.beside(
            captioned(coloured(own, right, names, side), "truth"),
            captioned(coloured(own, said, names, side), f"found: {share:.0f}% right"),
            np.concatenate([legend, wide[: legend.shape[0]]], 1)[:, : 2 * side], gap=6,
        ))
    return panels.above(*rows, gap=6)


def coloured(points, labels, names, side):
    """A cloud whose colours are parts, without its legend."""
    count = max(len(names), int(np.max(labels)) + 1)
    return cloud(points, side=side, tones=palette(count + 1)[1:][labels])
