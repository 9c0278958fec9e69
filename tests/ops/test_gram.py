"""ops.gram: which channels occur together, whatever the size of the map."""

import numpy as np
import pytest
import tensorflow as tf

from tfvision import ops


def features(*shape, seed=0, kind=np.float64):
    return np.random.default_rng(seed).normal(size=shape).astype(kind)


@pytest.mark.parametrize("compiled", [False, True])
def test_200_matrices_equal_the_sum_over_places(compiled):
    x = features(200, 4, 5, 3, kind=np.float32)
    expected = np.einsum("bhwi,bhwj->bij", x, x) / (4 * 5 * 3)
    found = tf.function(ops.gram, jit_compile=compiled)(x)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(found, tf.transpose(found, [0, 2, 1]), atol=1e-7)


def test_a_known_answer():
    x = np.float64([[[[1, 2], [3, 4]]]])  # Two places of two channels: 4 values.
    np.testing.assert_allclose(ops.gram(x), [[[10 / 4, 14 / 4], [14 / 4, 20 / 4]]])


def test_the_loss_of_gatys_is_a_quarter_of_the_squared_differences():
    """Their eq. 4 with sums that are not divided: 1 / (4 n^2 m^2) sum (G - A)^2."""
    x, y = features(1, 4, 5, 3), features(1, 4, 5, 3, seed=1)
    sums = [np.einsum("bhwi,bhwj->bij", f, f) for f in (x, y)]
    theirs = ((sums[0] - sums[1]) ** 2).sum() / (4 * 3**2 * 20**2)
    ours = tf.reduce_sum((ops.gram(x) - ops.gram(y)) ** 2) / 4
    np.testing.assert_allclose(ours, theirs)


def test_places_and_the_size_of_the_map_do_not_matter():
    x = features(1, 4, 6, 3)
    shuffled = np.random.default_rng(0).permutation(x.reshape(24, 3)).reshape(1, 3, 8, 3)
    np.testing.assert_allclose(ops.gram(x), ops.gram(shuffled))
    np.testing.assert_allclose(ops.gram(x), ops.gram(np.tile(x, [1, 2, 3, 1])))


def test_the_gradient_equals_differences():
    theory, numeric = tf.test.compute_gradient(ops.gram, [features(2, 2, 3, 2)], 1e-6)
    np.testing.assert_allclose(theory[0], numeric[0], atol=1e-8)


def test_half_precision_does_not_overflow():
    found = ops.gram(tf.fill([1, 64, 64, 2], tf.constant(200, tf.float16)))
    assert found.dtype == tf.float32
    np.testing.assert_allclose(found, np.full([1, 2, 2], 20000), rtol=1e-5)


def test_maps_without_places_and_no_maps_are_fine():
    np.testing.assert_array_equal(ops.gram(np.zeros([2, 0, 4, 3])), np.zeros([2, 3, 3]))
    assert ops.gram(np.zeros([0, 4, 4, 3])).shape == (0, 3, 3)


def test_features_without_a_batch_are_refused():
    with pytest.raises(ValueError, match=r"features=\(4, 4, 3\)"):
        ops.gram(np.zeros([4, 4, 3]))
