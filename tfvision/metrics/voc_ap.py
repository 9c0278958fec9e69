"""Pascal VOC's average precision (Everingham et al., 2010), and the curves behind it."""

from typing import NamedTuple

import numpy as np

from tfvision.metrics.box_overlaps import ious
from tfvision.metrics.coco_ap import check_lengths

WRONG, RIGHT, IGNORED = 0, 1, -1


class Matches(NamedTuple):
    """The detections of one class in all images, the best first.

    score   float64 [n]
    kind    int [n]: WRONG, RIGHT, or IGNORED (on a difficult object or a crowd)
    image   int [n], number of the record
    row     int [n], place among that image's detections
    object  int [n], number of the object in the record that is overlapped most; -1 without any
    wanted  number of objects that should be found
    """

    score: np.ndarray
    kind: np.ndarray
    image: np.ndarray
    row: np.ndarray
    object: np.ndarray
    wanted: int


class Curve(NamedTuple):
    """Precision over recall of one class, each float64 [n], as the score goes down."""

    recall: np.ndarray
    precision: np.ndarray
    score: np.ndarray


def average_precision(truth, results, *, iou=0.5, points=None):
    """The mean over the classes, and of each class that has objects: (0..1, {class: 0..1}).

    truth    an ObjectSet (data.objects)
    results  a list of Found (detection.py), one for each record
    iou      from which overlap on an object is found
    points   11: the mean of the precision at recalls 0, 0.1, ... 1 (VOC 2007); None: the area
             under the curve (from VOC 2010 on)
    raises   ValueError where there is nothing to find
    """
    found = {name: _area(curve, points) for name, curve in curves(truth, results, iou=iou).items()}
    if not found:
        raise ValueError(f"Expected something to find. Received: {len(truth)} images without any")
    return float(np.mean(list(found.values()))), found


def curves(truth, results, *, iou=0.5):
    """{class: Curve} of the classes that have objects."""
    matched = {name: matches(truth, results, number, iou=iou)
               for number, name in enumerate(truth.classes)}
    return {name: curve_of(m) for name, m in matched.items() if m.wanted}


def curve_of(matched):
    """The Curve of Matches; ignored detections are not on it."""
    counted = matched.kind != IGNORED
    right = np.cumsum(matched.kind[counted] == RIGHT)
    number = np.arange(1, len(right) + 1)
    return Curve(right / max(matched.wanted, 1), right / number, matched.score[counted])


def matches(truth, results, label, *, iou=0.5):
    """Which detections of a class are right: Matches.

    A detection belongs to the object that it overlaps most; it is right where the overlap is `iou`
    or more and no better detection was there before, as in the VOC development kit.
    """
    check_lengths(truth, results)
    rows, wanted = [], 0
    for image, (record, one) in enumerate(zip(truth, results, strict=True)):
        objects = np.flatnonzero(record.classes == label)
        wanted += int(np.sum(~record.ignore[objects]))
        mine = np.flatnonzero(one.classes == label)
        overlaps = ious(one.boxes[mine], record.boxes[objects])
        best = overlaps.argmax(1) if len(objects) else np.full(len(mine), -1)
        for i, row in enumerate(mine):
            over = overlaps[i, best[i]] if len(objects) else 0.0
            there = int(objects[best[i]]) if over > 0 else -1
            rows.append((float(one.scores[row]), image, int(row), there, over >= iou > 0))
    rows.sort(key=lambda row: -row[0])
    kinds, taken = [], set()
    for _, image, _, there, enough in rows:
        ignored = enough and truth[image].ignore[there]
        right = enough and not ignored and (image, there) not in taken
        taken |= {(image, there)} if right else set()
        kinds.append(IGNORED if ignored else RIGHT if right else WRONG)
    score, image, row, there = (np.array([r[i] for r in rows], kind) for i, kind in
                                enumerate((float, int, int, int)))
    return Matches(score, np.array(kinds, int), image, row, there, wanted)


def _area(curve, points=None):
    """The average precision of a Curve, after it was made to fall."""
    if points == 11:
        levels = np.arange(0, 1.1, 0.1)
        return float(np.mean([curve.precision[curve.recall >= level - 1e-12].max(initial=0)
                              for level in levels]))
    if points is not None:
        raise ValueError(f"Expected points 11 or None. Received: {points=}")
    recall = np.concatenate([[0.0], curve.recall])
    falling = np.maximum.accumulate(curve.precision[::-1])[::-1]
    return float(np.sum(np.diff(recall) * falling))
