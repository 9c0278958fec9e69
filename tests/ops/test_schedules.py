"""ops.linear_ramp: its corners, in and outside of a graph."""

import numpy as np
import pytest
import tensorflow as tf

from tfvision import ops


@pytest.mark.parametrize("step, expected", [(0, 2.0), (10, 2.0), (15, 3.0), (20, 4.0), (99, 4.0)])
def test_it_is_a_line_between_two_constants(step, expected):
    value = ops.linear_ramp(step, 10, 20, first=2.0, last=4.0)
    assert value.dtype == tf.float32 and value.shape == ()
    np.testing.assert_allclose(value, expected)


def test_it_takes_the_step_of_an_optimiser_in_a_graph():
    step = tf.Variable(5, dtype=tf.int64)
    ramp = tf.function(lambda: ops.linear_ramp(step, 0, 10))
    np.testing.assert_allclose(ramp(), 0.5)
    step.assign(10)
    np.testing.assert_allclose(ramp(), 1.0)


def test_a_ramp_without_length_is_a_jump():
    assert [float(ops.linear_ramp(step, 3, 3)) for step in (2, 3, 4)] == [0.0, 1.0, 1.0]


def test_it_may_fall():
    np.testing.assert_allclose(ops.linear_ramp(3, 0, 4, first=1.0, last=0.0), 0.25)


def test_an_end_before_the_beginning_is_refused():
    with pytest.raises(ValueError, match="begin=5, end=4"):
        ops.linear_ramp(0, 5, 4)
