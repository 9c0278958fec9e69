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


def slow_at_r(vectors, labels):
    """MAP@R and R-precision by a loop over ranks; those of other classes first among ties."""
    averages, precisions = [], []
    for i, own in enumerate(labels):
        others = [j for j in range(len(labels)) if j != i]
        apart = {j: float(((vectors[i] - vectors[j]) ** 2).sum()) for j in others}
        others.sort(key=lambda j: (apart[j], labels[j] == own))
        hits = [labels[j] == own for j in others]
        count = sum(hits)
        if count:
            ranks = range(count)
            averages.append(sum(sum(hits[: r + 1]) / (r + 1) * hits[r] for r in ranks) / count)
            precisions.append(sum(hits[:count]) / count)
    return {"map_at_r": np.mean(averages), "r_precision": np.mean(precisions)}


def test_precision_at_r_is_what_a_loop_over_ranks_finds_ties_and_all():
    random = np.random.default_rng(3)
    for size in (1, 2, 5, 5000):  # Few values: many ties.
        vectors, labels = random.integers(0, size + 1, [40, 2]), random.integers(0, 7, 40)
        found = retrieval.ranking_at_r(vectors, labels, block=9)
        expected = slow_at_r(vectors, labels)
        for name in expected:
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-12)


def test_musgrave_s_example_is_as_in_the_paper():
    # Ten of the class; right at ranks 1 and 10, at rank 1 to 2, and at all (table 1 of the paper).
    for hits, r_precision, map_at_r in (
        ([1, 0, 0, 0, 0, 0, 0, 0, 0, 1], 0.2, 0.12), ([1, 1] + 8 * [0], 0.2, 0.2),
        (10 * [1], 1.0, 1.0),
    ):
        own, others = [], []
        for rank in range(10):
            (own if hits[rank] else others).append(1.0 + rank)
        own += [100.0 + i for i in range(10 - len(own))]
        found = retrieval._precisions(np.array(own), np.array(others + 30 * [50.0]))
        np.testing.assert_allclose(found, (map_at_r, r_precision), rtol=1e-12)


@pytest.mark.parametrize("dimensions", [3, 32])
def test_any_constant_scores_nothing_however_it_is_rounded(dimensions):
    labels = np.arange(300) % 10
    one = np.random.default_rng(dimensions).normal(size=[1, dimensions]).astype(np.float32)
    found = retrieval.scores(np.repeat(one, 300, 0), labels)
    eer = found.pop("verification_eer")
    assert eer == 1.0 and set(found.values()) == {0.0}


def test_the_scores_are_those_of_each_and_pairs_may_be_of_fewer():
    random = np.random.default_rng(4)
    labels = np.arange(90) % 3
    vectors = np.eye(3)[labels] + random.normal(0, 0.5, [90, 3])
    found = retrieval.scores(vectors, labels)
    assert found["recall_at_1"] == retrieval.recall_at_k(vectors, labels)[1]
    assert found["verification_auc"] == retrieval.verification(vectors, labels)["auc"]
    few = retrieval.scores(vectors, labels, verified=30)
    assert few["verification_auc"] != found["verification_auc"]
    assert few["map_at_r"] == found["map_at_r"]


@pytest.mark.parametrize("labels", [[0, 1, 2], [5]])
def test_classes_of_one_example_are_refused(labels):
    with pytest.raises(ValueError, match="Expected"):
        retrieval.recall_at_k(np.zeros([len(labels), 2]), labels)
    with pytest.raises(ValueError, match="Expected"):
        retrieval.verification(np.zeros([len(labels), 2]), labels)
    with pytest.raises(ValueError, match="Expected"):
        retrieval.ranking_at_r(np.zeros([len(labels), 2]), labels)
    with pytest.raises(ValueError, match="ks="):
        retrieval.recall_at_k(np.zeros([2, 2]), [0, 0], ks=(0,))


def test_verification_within_groups_is_their_mean():
    line = np.array([[0.0], [1.0], [3.0], [0.0], [2.0], [3.0]])
    labels = np.array([0, 0, 1, 2, 2, 3])
    groups = np.array([0, 0, 0, 1, 1, 1])
    found = retrieval.verification_within(line, labels, groups)
    assert found == {"auc": 0.75, "eer": 0.25}
