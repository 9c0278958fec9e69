"""What goes wrong in a detector, after TIDE (Bolya et al., 2020), and which classes it confuses.

A wrong detection is, with its largest overlaps (IoU) with objects,

    localisation    of its class 0.1 or more, but less than 0.5
    classification  of another class 0.5 or more
    duplicate       of its class 0.5 or more, but a better detection has that object
    background      of any object less than 0.1
    both            else: of another class, at the wrong place

tried in this order; and an object is `missed` that no detection has, nor one with a localisation or
classification error nearly has.
"""

from typing import NamedTuple

import numpy as np

from tfvision.metrics.box_overlaps import ious
from tfvision.metrics.coco_ap import check_lengths
from tfvision.metrics.voc_ap import RIGHT, WRONG, Matches, _area, curve_of, matches

KINDS = ("classification", "localisation", "both", "duplicate", "background", "missed")
NEAR, FAR = 0.5, 0.1


class Errors(NamedTuple):
    """How often an error occurs, and how much AP at IoU 0.5 it costs.

    count   wrong detections, or missed objects
    lost    what the mean AP over classes (VOC's, area under the curve) would gain, 0..1, were the
            error mended: the class or box made right where nobody else has the object, other wrong
            detections taken away, missed objects not asked for
    """

    count: int
    lost: float


def errors(truth, results):
    """{kind: Errors} of all KINDS.

    truth    an ObjectSet (data.objects)
    results  a list of Found (detection.py), one for each record
    raises   ValueError where there is nothing to find
    """
    found = [matches(truth, results, label) for label in range(len(truth.classes))]
    if not any(matched.wanted for matched in found):
        raise ValueError(f"Expected something to find. Received: {len(truth)} images without any")
    base = _mean_ap(found)
    kinds = [[_kind(truth, results, label, matched, i) if matched.kind[i] == WRONG else (None, None)
              for i in range(len(matched.kind))] for label, matched in enumerate(found)]
    report = {}
    for kind in KINDS[:-1]:
        count = sum(one[0] == kind for row in kinds for one in row)
        report[kind] = Errors(count, _mean_ap(_mended(truth, found, kinds, kind)) - base)
    missed = _missed(truth, found, kinds)
    fewer = [m._replace(wanted=m.wanted - n) for m, n in zip(found, missed, strict=True)]
    return report | {"missed": Errors(sum(missed), _mean_ap(fewer) - base)}


def costs(truth, results):
    """What each kind of error costs, as metrics: {"lost_by_missed": 0.03, ...}, as `errors`."""
    return {f"lost_by_{kind}": one.lost for kind, one in errors(truth, results).items()}


def confusion(truth, results, *, iou=0.5, threshold=0.5):
    """int64 [k + 1, k + 1]: rows true classes and "nothing", columns found classes and "nothing".

    Detections with a score of `threshold` or more and objects are paired whatever their class, the
    largest overlap first, `iou` at least. An unpaired detection counts as nothing that was taken
    for something, unless it lies on a crowd or a difficult object, an unpaired object as missed.
    """
    check_lengths(truth, results)
    nothing = len(truth.classes)
    table = np.zeros([nothing + 1, nothing + 1], np.int64)
    for record, one in zip(truth, results, strict=True):
        chosen = one.scores >= threshold
        boxes, classes = one.boxes[chosen], one.classes[chosen]
        overlaps = ious(boxes, record.boxes)
        free = np.where(record.ignore, 0.0, overlaps)
        paired, objects = _pairs(free, iou)
        np.add.at(table, (record.classes[objects], classes[paired]), 1)
        missed = np.setdiff1d(np.flatnonzero(~record.ignore), objects)
        np.add.at(table, (record.classes[missed], nothing), 1)
        excused = (np.where(record.ignore, overlaps, 0.0) >= iou).any(1)
        extra = np.setdiff1d(np.flatnonzero(~excused), paired)
        np.add.at(table, (nothing, classes[extra]), 1)
    return table


def _pairs(overlaps, least):
    """Rows and columns of the pairs, greedily by overlap."""
    overlaps, rows, columns = overlaps.copy(), [], []
    while overlaps.size and overlaps.max() >= least:
        row, column = np.unravel_index(overlaps.argmax(), overlaps.shape)
        rows.append(row)
        columns.append(column)
        overlaps[row], overlaps[:, column] = -1, -1
    return np.array(rows, int), np.array(columns, int)


def _kind(truth, results, label, matched, i):
    """(kind of the wrong detection i of a class, object of the record that it is near to)."""
    record, row = truth[matched.image[i]], matched.row[i]
    overlaps = ious(results[matched.image[i]].boxes[row : row + 1], record.boxes)[0]
    overlaps = np.where(record.ignore, 0, overlaps)
    own = np.where(record.classes == label, overlaps, 0)
    other = np.where(record.classes != label, overlaps, 0)
    if FAR <= own.max(initial=0) < NEAR:
        return "localisation", int(own.argmax())
    if other.max(initial=0) >= NEAR:
        return "classification", int(other.argmax())
    if own.max(initial=0) >= NEAR:
        return "duplicate", int(own.argmax())
    return ("background" if overlaps.max(initial=0) < FAR else "both"), None


def _taken(found):
    """The objects that are found: a set of (image, object)."""
    return {(m.image[i], m.object[i]) for m in found for i in np.flatnonzero(m.kind == RIGHT)}


def _mended(truth, found, kinds, kind):
    """The Matches as they would be without errors of a kind."""
    kept = [[(m.score[i], m.kind[i]) for i in range(len(m.kind)) if kinds[label][i][0] != kind]
            for label, m in enumerate(found)]
    if kind in ("classification", "localisation"):
        taken = _taken(found)
        wrong = [(m.score[i], m.image[i], kinds[label][i][1]) for label, m in enumerate(found)
                 for i in range(len(m.kind)) if kinds[label][i][0] == kind]
        for score, image, there in sorted(wrong, key=lambda one: -one[0]):
            if (image, there) not in taken:
                taken.add((image, there))
                kept[truth[image].classes[there]].append((score, RIGHT))
    return [_matches(sorted(rows, key=lambda row: -row[0]), m.wanted)
            for rows, m in zip(kept, found, strict=True)]


def _missed(truth, found, kinds):
    """How many objects of each class nobody has, nor nearly has."""
    near = {(m.image[i], one[1]) for label, m in enumerate(found)
            for i, one in enumerate(kinds[label]) if one[0] in ("classification", "localisation")}
    had = _taken(found) | near
    missed = np.zeros(len(truth.classes), int)
    for image, record in enumerate(truth):
        for i in np.flatnonzero(~record.ignore):
            missed[record.classes[i]] += (image, i) not in had
    return missed.tolist()


def _matches(rows, wanted):
    """Matches from (score, kind), the best first."""
    score, kind = (np.array([row[i] for row in rows]) for i in (0, 1))
    none = np.zeros(len(rows), int)
    return Matches(score, kind.astype(int), none, none, none, wanted)


def _mean_ap(found):
    """The mean AP over the classes that have objects; 1 where all others were taken away."""
    areas = [_area(curve_of(matched)) for matched in found if matched.wanted]
    return float(np.mean(areas)) if areas else 1.0
