"""metrics.parts: known answers."""

import numpy as np
import pytest

from tfvision.metrics import parts


def test_a_part_that_is_neither_there_nor_found_counts_as_1():
    assert parts.shape_iou([0, 0, 0], [0, 0, 0], [0, 1]) == 1.0
    assert parts.shape_iou([0, 0, 1], [0, 0, 0], [0, 1]) == pytest.approx((2 / 3 + 0) / 2)
    assert parts.shape_iou([1, 1], [0, 0], [0, 1, 2]) == pytest.approx(1 / 3)


def test_means_are_over_shapes_and_over_categories():
    known = np.array([[1, 1, 0], [0, 0, 1]], bool)
    truth = np.array([[0, 1], [0, 1], [2, 2]])
    labels = np.array([[0, 1], [1, 1], [2, 2]])
    found = parts.part_scores(labels, truth, [0, 0, 1], known)
    second = (0 + 1 / 2) / 2
    assert found["instance_miou"] == pytest.approx((1 + second + 1) / 3)
    assert found["category_miou"] == pytest.approx(((1 + second) / 2 + 1) / 2)
    assert found["point_accuracy"] == pytest.approx(5 / 6)


def test_of_scenes_a_class_that_does_not_occur_is_left_out():
    found = parts.scene_scores([[0, 0, 1]], [[0, 1, 1]], classes=5)
    assert found["miou"] == pytest.approx(1 / 2) and found["point_accuracy"] == pytest.approx(2 / 3)


def test_class_scores_count_classes_equally():
    found = parts.class_scores(np.array([0, 0, 0, 0]), np.array([0, 0, 0, 1]))
    assert found == {"accuracy": 0.75, "error_percent": 25.0, "class_accuracy": 0.5}
