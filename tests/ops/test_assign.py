"""Which object a box stands for, and random subsets of boxes."""

import numpy as np
import pytest
import tensorflow as tf

from tfvision import ops

BOXES = tf.constant([[[0, 0, 10, 10], [0, 0, 10, 20], [50, 50, 60, 60]]], tf.float32)
OBJECTS = tf.constant([[[0, 0, 10, 10], [0, 10, 10, 20], [0, 0, 0, 0]]], tf.float32)
REAL = tf.constant([[True, True, False]])


def test_padding_overlaps_less_than_nothing_does():
    iou = ops.overlaps(BOXES, OBJECTS, REAL)
    np.testing.assert_allclose(iou, [[[1, 0, -1], [0.5, 0.5, -1], [0, 0, -1]]])


def test_a_box_stands_for_the_object_it_overlaps_most_and_for_the_first_of_several():
    most, best = ops.best_object(ops.overlaps(BOXES, OBJECTS, REAL))
    assert most.numpy().tolist() == [[1, 0.5, 0]] and best.numpy()[0, :2].tolist() == [0, 0]


def test_each_object_has_its_best_boxes_however_little_they_overlap_it():
    best = ops.is_best_box(ops.overlaps(BOXES, OBJECTS, REAL))
    assert best.numpy().tolist() == [[True, True, False]]
    nothing = ops.overlaps(BOXES, OBJECTS, tf.zeros_like(REAL))
    assert not ops.is_best_box(nothing).numpy().any()


def test_a_share_of_a_box_lies_in_a_region():
    share = ops.covered(BOXES, OBJECTS, REAL)
    np.testing.assert_allclose(share, [[1, 0.5, 0]])
    assert not ops.covered(BOXES, OBJECTS, tf.zeros_like(REAL)).numpy().any()


@pytest.mark.parametrize("count", [0, 3, 100])
def test_a_subset_has_as_many_as_asked_for_if_there_are_so_many(count):
    random = np.random.default_rng(0)
    candidates = random.random([50, 30]) < np.linspace(0, 1, 50)[:, None]
    subset = ops.random_subset(tf.constant(candidates), count, random.random([50, 30], np.float32))
    assert not (subset.numpy() & ~candidates).any()
    np.testing.assert_array_equal(subset.numpy().sum(1), np.minimum(candidates.sum(1), count))


def test_a_row_may_ask_for_a_number_of_its_own():
    numbers = tf.constant([[0.3, 0.1, 0.2]] * 2)
    subset = ops.random_subset(tf.ones([2, 3], tf.bool), tf.constant([1, 2]), numbers)
    assert subset.numpy().tolist() == [[False, True, False], [False, True, True]]


def test_every_candidate_is_drawn_equally_often():
    numbers = np.random.default_rng(0).random([3000, 10], np.float32)
    subset = ops.random_subset(tf.ones([3000, 10], tf.bool), 3, numbers)
    np.testing.assert_allclose(subset.numpy().mean(0), 0.3, atol=0.03)


def test_rows_are_taken_and_negative_indices_give_zeros():
    rows = tf.reshape(tf.range(1, 13), [2, 3, 2])
    taken = ops.take(rows, tf.constant([[2, -1], [0, 0]]))
    assert taken.numpy().tolist() == [[[5, 6], [0, 0]], [[7, 8], [7, 8]]]
    assert ops.take(tf.zeros([2, 0, 4]), tf.constant([[-1], [-1]])).shape == [2, 1, 4]
