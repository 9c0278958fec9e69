"""Each kind of error, made one at a time; and what mending it would give."""

import types

import numpy as np
import pytest

from tfvision.metrics import detection_errors, voc_ap
from tfvision.metrics.detection import found_in

A, B = (10, 10, 50, 50), (60, 60, 90, 90)


class Truth(list):
    classes = ("a", "b")


def record(boxes, classes, ignore=None):
    boxes = np.float32(boxes).reshape(-1, 4)
    ignore = np.zeros(len(boxes), bool) if ignore is None else np.array(ignore)
    return types.SimpleNamespace(boxes=boxes, classes=np.array(classes, int), ignore=ignore)


TRUTH = Truth([record([A, B], [0, 1])])


def report(boxes, classes, scores=None, truth=TRUTH):
    scores = np.linspace(0.9, 0.5, len(boxes)) if scores is None else scores
    results = [found_in(boxes, scores, classes)]
    found = detection_errors.errors(truth, results)
    assert tuple(found) == detection_errors.KINDS
    base = voc_ap.average_precision(truth, results)[0]
    assert all(-1e-12 <= one.lost <= 1 - base + 1e-12 for one in found.values())
    return {name: (one.count, pytest.approx(one.lost)) for name, one in found.items() if one.count}


@pytest.mark.parametrize("boxes, classes, expected", [
    ([A, B], [0, 1], {}),
    ([A, B], [0, 0], {"classification": (1, 0.5)}),
    ([A, (60, 60, 74, 90)], [0, 1], {"localisation": (1, 0.5)}),
    ([A, (60, 60, 72, 90)], [0, 0], {"both": (1, 0), "missed": (1, 0.5)}),
    ([A, B, B], [0, 1, 1], {"duplicate": (1, 0)}),
    ([(0, 60, 30, 99), A, B], [0, 0, 1], {"background": (1, 0.25)}),
    ([A], [0], {"missed": (1, 0.5)}),
    ([], [], {"missed": (2, 1.0)}),
])
def test_a_single_error_is_named_counted_and_weighed(boxes, classes, expected):
    assert report(boxes, classes) == expected


def test_a_duplicate_before_another_object_costs_precision():
    truth = Truth([record([A, B], [0, 0])])
    found = report([A, A, B], [0, 0, 0], truth=truth)
    assert found == {"duplicate": (1, 1 - (0.5 + 0.5 * 2 / 3))}


def test_an_object_that_is_mended_twice_counts_once():
    found = report([A, (60, 60, 74, 90), (60, 60, 90, 74)], [0, 1, 1])
    assert found["localisation"] == (2, 0.5) and "missed" not in found


def test_detections_on_crowds_are_no_errors():
    truth = Truth([record([A, B], [0, 0], [False, True])])
    assert report([B, A], [0, 0], truth=truth) == {}


def test_nothing_to_find_is_refused():
    with pytest.raises(ValueError, match="Expected something to find"):
        detection_errors.errors(Truth([record([], [])]), [found_in([A], [1.0], [0])])


def test_confusions_are_counted_in_rows_of_truth():
    truth = Truth([record([A, B, (0, 60, 30, 90)], [0, 1, 0], [False, False, True])])
    boxes = [A, (12, 10, 50, 50), B, (0, 60, 30, 88), (60, 0, 90, 20), A]
    results = [found_in(boxes, [0.9, 0.8, 0.7, 0.6, 0.6, 0.4], [1, 0, 1, 0, 1, 0])]
    table = detection_errors.confusion(truth, results)
    assert table.tolist() == [[0, 1, 0], [0, 1, 0], [1, 1, 0]]
    low = detection_errors.confusion(truth, results, threshold=0.95)
    assert low.tolist() == [[0, 0, 1], [0, 0, 1], [0, 0, 0]]
    assert low[:2].sum() == 2, "a row of the truth adds up to its objects"


def test_a_confusion_of_nothing_with_nothing_is_empty():
    table = detection_errors.confusion(Truth([record([], [])]), [found_in([], [], [])])
    assert table.shape == (3, 3) and not table.any()
