"""metrics.segmentation on cells drawn by hand."""

import numpy as np
import pytest

from tfvision.metrics import segmentation


def two_cells():
    """Two cells of 20 x 9 px with a membrane of 2 px between them."""
    label = np.ones([20, 20], np.int32)
    label[:, 9:11] = 0
    return label


def test_a_perfect_prediction_scores_one():
    label = two_cells()
    assert segmentation.rand_score(label.astype(float), label, threshold=0.5) == 1.0
    assert segmentation.pixel_accuracy(label, label) == 1.0


def test_one_hole_in_the_membrane_merges_the_cells():
    label = two_cells()
    probability = label.astype(float)
    probability[5:7, 9:11] = 1.0
    merged = segmentation.rand_score(probability, label, threshold=0.5)
    # Both cells in one region: precision 1/2, recall 1, so F = 2/3.
    assert merged == pytest.approx(2 / 3, abs=0.01)
    assert segmentation.pixel_accuracy(probability > 0.5, label) == 1 - 4 / 400


def test_diagonal_contact_does_not_merge():
    probability = np.zeros([20, 20])
    probability[:10, :10] = probability[10:, 10:] = 1.0
    assert segmentation.cells_of(probability, threshold=0.5).max() == 2


def test_specks_are_removed_and_cells_grow_into_the_membrane():
    probability = two_cells() * 0.9
    probability[10, 9] = 0.8  # a speck in the membrane, joined to no cell but the left one
    probability[10, 8] = 0.0
    cells = segmentation.cells_of(probability, threshold=0.5, smallest=30)
    assert set(np.unique(cells)) == {1, 2}
    assert segmentation.cells_of(probability, threshold=0.5, smallest=1000).max() == 0


def test_the_best_threshold_is_the_one_that_separates():
    label = two_cells()
    probability = np.where(label == 1, 0.9, 0.6)
    best = segmentation.best_threshold([probability], [label], candidates=np.array([0.3, 0.5, 0.7]))
    assert best == 0.7
