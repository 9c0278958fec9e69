"""What a detector found, as a picture: the worst and the best images, and where precision goes."""

import cv2
import numpy as np

from tfvision.metrics import detection_errors, voc_ap
from tfvision.viz import boxes, panels
from tfvision.viz.grid import grid, titled
from tfvision.viz.matrix import matrix
from tfvision.viz.precision_recall import precision_recall

SURE = 0.5  # Score from which on a box is drawn and counted in the table.
SHOWN, SIDE = 8, 240  # Images on a page, and their longer side there.


def found_page(truth, results):
    """Images beside what is true and what was found, curves and a table: uint8 [h, w, 3].

    truth, results  as in metrics.detection; the worst and the best of all these are shown
    """
    order = np.argsort([agreement(truth, results, i) for i in range(len(truth))], kind="stable")
    half = min(SHOWN, len(order)) // 2
    rows = [*order[:half], *order[len(order) - half :]]
    pairs = [beside_truth(truth[i], results[i], truth.classes) for i in rows]
    sheet = np.max([picture.shape[:2] for pair in pairs for picture in pair], 0)
    pictures = [np.concatenate([centred(picture, sheet) for picture in pair], 1) for pair in pairs]
    shown = titled(grid(pictures, 2), "true | found: the worst and the best of the first images")
    return panels.above(shown, panels.beside(*tables(truth, results), gap=12), gap=8)


def agreement(truth, results, row):
    """Share of right ones among all objects and sure boxes of an image."""
    table = detection_errors.confusion(truth[row : row + 1], results[row : row + 1], threshold=SURE)
    return np.trace(table) / max(table.sum(), 1) if table.sum() else 1.0


def beside_truth(record, one, names):
    """An image with what is true, and with the sure ones of those found: two uint8 [h, w, 3]."""
    sure = np.flatnonzero(one.scores >= SURE)
    masked = one.rles is not None
    true = boxes.detection(
        record.pixels(), record.boxes, np.ones(len(record.boxes)), record.classes, names,
        masks=record.bitmaps() if masked else None,
    )
    ours = boxes.detection(
        record.pixels(), one.boxes[sure], one.scores[sure], one.classes[sure], names,
        masks=one.bitmaps(sure) if masked else None,
    )
    return fitted(true), fitted(ours)


def fitted(picture):
    """A picture whose longer side has SIDE pixels: uint8 [h, w, 3]."""
    height, width = picture.shape[:2]
    ratio = SIDE / max(height, width)
    size = max(round(width * ratio), 1), max(round(height * ratio), 1)
    how = cv2.INTER_AREA if ratio < 1 else cv2.INTER_LINEAR
    return cv2.resize(picture, size, interpolation=how)


def centred(picture, size):
    """A picture in the middle of a white one: uint8 [*size, 3]."""
    sheet = np.full([*size, 3], 255, np.uint8)
    y, x = (np.array(size) - picture.shape[:2]) // 2
    sheet[y : y + picture.shape[0], x : x + picture.shape[1]] = picture
    return sheet


def tables(truth, results):
    """Precision over recall of every class, and which class was taken for which."""
    names = [*truth.classes, "nothing"]
    counts = detection_errors.confusion(truth, results, threshold=SURE)
    return precision_recall(voc_ap.curves(truth, results)), matrix(counts, names, names)
