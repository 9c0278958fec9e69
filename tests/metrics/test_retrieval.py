"""metrics.retrieval: known answers, and ties that count against us."""

import numpy as np
import pytest

from tfvision.metrics import retrieval


def test_recall_is_counted_by_hand():
    line = np.array([[0.0], [1.0], [1.5], [4.0], [9.0]])
    labels = [0, 1, 0, 1, 2]  # Nearest others: 1, 2, 1, 2, 3; the last one is alone in its class.
    found = retrieval.recall_at_k(line, labels, ks=(1, 2, 3))
    assert found == {1: 0.0, 2: 0.75, 3: 1.0}


def test_an_embedding_that_collapsed_finds_nothing():
    labels = np.arange(40) % 4
    assert retrieval.recall_at_k(np.ones([40, 3]), labels) == {1: 0.0}
    assert retrieval.verification(np.ones([40, 3]), labels) == {"auc": 0.0, "eer": 1.0}


def test_perfect_clusters_score_1_and_order_does_not_matter():
    random = np.random.default_rng(0)
    labels = random.permutation(np.arange(60) % 6)
    vectors = np.eye(6)[labels] + random.normal(0, 0.01, [60, 6])
    assert retrieval.recall_at_k(vectors, labels) == {1: 1.0}
    assert retrieval.verification(vectors, labels) == {"auc": 1.0, "eer": 0.0}


def test_labels_that_mean_nothing_score_chance():
    random = np.random.default_rng(1)
    vectors, labels = random.normal(size=[600, 3]), random.integers(0, 10, 600)
    assert abs(retrieval.recall_at_k(vectors, labels)[1] - 0.1) < 0.05
    found = retrieval.verification(vectors, labels)
    assert abs(found["auc"] - 0.5) < 0.03 and abs(found["eer"] - 0.5) < 0.03


def test_blocks_change_nothing():
    random = np.random.default_rng(2)
    vectors, labels = random.normal(size=[50, 3]), random.integers(0, 5, 50)
    whole = retrieval.recall_at_k(vectors, labels, ks=(1, 3))
    assert retrieval.recall_at_k(vectors, labels, ks=(1, 3), block=7) == whole


def test_verification_is_counted_over_all_pairs():
    line, labels = np.array([[0.0], [1.0], [3.0]]), [0, 0, 1]
    assert retrieval.verification(line, labels) == {"auc": 1.0, "eer": 0.0}
    line = np.array([[0.0], [2.0], [3.0]])  # Equal: 2. Unequal: 3 and 1.
    assert retrieval.verification(line, labels) == {"auc": 0.5, "eer": 0.5}


@pytest.mark.parametrize("labels", [[0, 1, 2], [5]])
def test_classes_of_one_example_are_refused(labels):
    with pytest.raises(ValueError, match="Expected"):
        retrieval.recall_at_k(np.zeros([len(labels), 2]), labels)
    with pytest.raises(ValueError, match="Expected"):
        retrieval.verification(np.zeros([len(labels), 2]), labels)
    with pytest.raises(ValueError, match="ks="):
        retrieval.recall_at_k(np.zeros([2, 2]), [0, 0], ks=(0,))
