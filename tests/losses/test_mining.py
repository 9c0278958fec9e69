"""losses.mining against a search by loops."""

import numpy as np
import pytest
import tensorflow as tf

from tfvision.losses import mining


def brute_force(distance, labels, count):
    """The pairs of each anchor: its `count` farthest equals and nearest others."""
    n = len(labels)
    chosen = np.zeros([n, n], bool)
    for i in range(n):
        equals = [j for j in range(n) if j != i and labels[j] == labels[i]]
        others = [j for j in range(n) if labels[j] != labels[i]]
        chosen[i, sorted(equals, key=lambda j, i=i: -distance[i, j])[:count]] = True
        chosen[i, sorted(others, key=lambda j, i=i: distance[i, j])[:count]] = True
    return chosen


@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_hardest_pairs_are_those_that_a_search_finds(count):
    random = np.random.default_rng(count)
    for _ in range(200):
        n = int(random.integers(1, 13))
        labels = random.integers(0, random.integers(1, 6), n)
        distance = random.random([n, n])  # Need not be symmetric.
        same = mining.equal_pairs(labels)
        found = mining.hard_pairs(tf.constant(distance), same, count=count)
        np.testing.assert_array_equal(found, brute_force(distance, labels, count))


def test_groups_are_mined_each_by_itself():
    random = np.random.default_rng(0)
    labels, distance = random.integers(0, 3, [4, 7]), random.random([4, 7, 7])
    found = mining.hard_pairs(tf.constant(distance), mining.equal_pairs(labels)).numpy()
    for one, matrix, label in zip(found, distance, labels, strict=True):
        np.testing.assert_array_equal(one, brute_force(matrix, label, 1))


def test_all_pairs_leave_out_an_example_and_itself():
    same = mining.equal_pairs(np.zeros([2, 5], int))
    found = mining.all_pairs(same).numpy()
    assert found.shape == (2, 5, 5) and found.sum() == 2 * 20
    assert not found[:, range(5), range(5)].any()


def test_more_neighbours_than_there_are_take_all():
    labels = [0, 0, 1]
    same = mining.equal_pairs(labels)
    found = mining.hard_pairs(tf.random.stateless_uniform([3, 3], [1, 2]), same, count=50)
    np.testing.assert_array_equal(found, mining.all_pairs(same))


def test_negative_distances_are_mined_too():
    labels, distance = [0, 0, 1, 1], -np.arange(16.0).reshape(4, 4)
    found = mining.hard_pairs(tf.constant(distance), mining.equal_pairs(labels))
    np.testing.assert_array_equal(found, brute_force(distance, labels, 1))


def test_the_mean_is_of_the_mask_and_0_where_it_is_empty():
    values = tf.constant([[1.0, 2.0], [3.0, 100.0]])
    assert float(mining.mean_of(values, tf.constant([[True, True], [True, False]]))) == 2
    assert float(mining.mean_of(values, tf.zeros([2, 2], tf.bool))) == 0


def slow_active(distance, labels, margin):
    """The share of triplets whose other is no farther than the equal and the margin, by loops."""
    active = count = 0
    n = len(labels)
    for a in range(n):
        for p in range(n):
            for o in range(n):
                if a != p and labels[a] == labels[p] and labels[a] != labels[o]:
                    count += 1
                    active += distance[a, o] <= distance[a, p] + margin
    return active / max(count, 1)


@pytest.mark.parametrize("margin", [0.0, 0.3])
def test_the_active_share_is_what_loops_over_triplets_count(margin):
    random = np.random.default_rng(7)
    for _ in range(200):
        n = int(random.integers(1, 9))
        labels = random.integers(0, random.integers(1, 5), n)
        distance = random.random([n, n])
        found = mining.active_triplets(
            tf.constant(distance), mining.equal_pairs(labels), margin=margin
        )
        np.testing.assert_allclose(found, slow_active(distance, labels, margin), atol=1e-12)


def test_where_all_are_equally_far_every_triplet_is_active():
    same = mining.equal_pairs([0, 0, 1, 1])
    assert float(mining.active_triplets(tf.zeros([4, 4]), same)) == 1
