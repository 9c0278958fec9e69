"""Detections in another order are the same."""

import numpy as np
import pytest

from tfvision.engine.same_boxes import reordered

TRUTH = {
    "boxes": np.float32([[[0, 0, 5, 5], [9, 9, 20, 30], [1, 2, 3, 4]]]),
    "scores": np.float32([[0.9, 0.9, 0.2]]),
    "class_ids": np.int32([[1, 2, 0]]),
    "class_names": np.array([[b"b", b"c", b"a"]]),
    "count": np.int32([3]),
    "masks": np.arange(12, dtype=np.uint8).reshape(1, 3, 2, 2),
}


def turned(order):
    return {name: value[:, order] if value.ndim > 1 else value for name, value in TRUTH.items()}


@pytest.mark.parametrize("order", [[0, 1, 2], [1, 0, 2], [2, 1, 0]])
def test_the_order_of_the_truth_is_restored(order):
    found = reordered(TRUTH, turned(order))
    for name, value in TRUTH.items():
        np.testing.assert_array_equal(found[name], value)


@pytest.mark.parametrize("name, change", [("boxes", 0.02), ("scores", 2e-4), ("class_ids", 1)])
def test_what_is_not_the_same_stays_wrong(name, change):
    answer = turned([1, 0, 2])
    answer[name] = answer[name] + np.array(change, answer[name].dtype)
    assert (reordered(TRUTH, answer)[name] != TRUTH[name]).any()


def test_a_detection_is_matched_once():
    twice = turned([0, 0, 2])
    assert (reordered(TRUTH, twice)["boxes"] != TRUTH["boxes"]).any()


def test_other_answers_are_left_alone():
    answer = {"embedding": np.ones([2, 3])}
    assert reordered(answer, answer) is answer
