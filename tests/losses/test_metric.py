"""losses.metric: the lecture's contrastive loss."""

import numpy as np
import pytest
import tensorflow as tf

from tfvision.losses import metric


def test_it_is_the_lecture_s_formula_with_one_half():
    same, distance = [True, True, False, False, False], [0.0, 3.0, 0.0, 0.4, 1.5]
    found = metric.contrastive(same, tf.constant(distance), margin=1.0)
    np.testing.assert_allclose(found, [0, 4.5, 0.5, 0.5 * 0.36, 0], rtol=1e-6)


def test_the_margin_is_in_units_of_the_distance():
    one = metric.contrastive([False, True], tf.constant([0.3, 0.3]), margin=1.0)
    ten = metric.contrastive([False, True], tf.constant([3.0, 3.0]), margin=10.0)
    np.testing.assert_allclose(ten, 100 * one.numpy(), rtol=1e-6)


def test_numbers_0_and_1_do_for_the_pairs():
    same = np.array([0, 1, 1, 0])
    distance = tf.constant([0.1, 0.2, 0.3, 0.4])
    np.testing.assert_array_equal(
        metric.contrastive(same, distance), metric.contrastive(same == 1, distance)
    )


@pytest.mark.parametrize("same, distance, slope", [
    (True, 0.5, 0.5), (False, 0.25, -0.75), (False, 2.0, 0.0), (True, 0.0, 0.0),
])
def test_equal_pairs_are_drawn_and_others_pushed_up_to_the_margin(same, distance, slope):
    at = tf.constant([distance])
    with tf.GradientTape() as tape:
        tape.watch(at)
        loss = metric.contrastive([same], at)
    np.testing.assert_allclose(tape.gradient(loss, at), [slope], atol=1e-6)


def test_half_precision_gives_float32():
    found = metric.contrastive([True], tf.constant([300.0], tf.float16))
    assert found.dtype == tf.float32 and float(found[0]) == 45000
