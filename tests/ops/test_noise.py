"""ops.example_normal and example_uniform: noise belongs to the example, not to the batch."""

import numpy as np
import pytest
import tensorflow as tf

from tfvision import ops


@pytest.mark.parametrize("draw", [ops.example_normal, ops.example_uniform])
@pytest.mark.parametrize("size", [1, 4, 7, 50])
@pytest.mark.parametrize("first", [0, 12_345, 2**40])
def test_parts_of_a_batch_have_the_rows_of_the_whole(draw, size, first):
    index = tf.range(first, first + 64, dtype=tf.int64)
    whole = draw(index, size, seed=3)
    parts = tf.concat([draw(part, size, seed=3) for part in tf.split(index, [8, 56])], 0)
    np.testing.assert_array_equal(whole, parts)
    graph = tf.function(lambda i: draw(i, size, seed=3))
    np.testing.assert_array_equal(whole, graph(index))


def test_seeds_purposes_and_examples_differ():
    index = tf.range(1000, dtype=tf.int64)
    draws = [ops.example_normal(index, 8, seed=s, purpose=p) for s, p in [(0, 0), (1, 0), (0, 1)]]
    for a in range(3):
        for b in range(a):
            assert abs(np.corrcoef(np.ravel(draws[a]), np.ravel(draws[b]))[0, 1]) < 0.04
    assert len(np.unique(draws[0].numpy(), axis=0)) == 1000


def test_the_numbers_have_the_right_distribution():
    index = tf.range(20_000, dtype=tf.int64)
    normal = ops.example_normal(index, 6, seed=0).numpy()
    uniform = ops.example_uniform(index, 6, seed=0).numpy()
    assert abs(normal.mean()) < 0.01 and abs(normal.std() - 1) < 0.01
    assert abs((normal**4).mean() - 3) < 0.1
    assert uniform.min() >= 0 and uniform.max() < 1 and abs(uniform.std() - 12**-0.5) < 0.003


def test_an_empty_batch_has_no_noise():
    assert ops.example_normal(tf.zeros([0], tf.int64), 5, seed=0).shape == (0, 5)
