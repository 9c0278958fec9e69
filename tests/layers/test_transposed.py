"""layers.transposed: one matrix, two ways."""

import keras
import numpy as np
import tensorflow as tf

from tfvision.layers.transposed import TransposedDense


def pair():
    dense = keras.layers.Dense(3, activation="sigmoid")
    dense.build([None, 5])
    return dense, TransposedDense(dense, activation="relu")


def test_it_is_the_transpose_of_the_other_layer():
    dense, back = pair()
    back.bias.assign(np.linspace(-1, 1, 5))
    y = np.random.default_rng(0).normal(size=[4, 3]).astype(np.float32)
    expected = np.maximum(y @ dense.kernel.numpy().T + back.bias.numpy(), 0)
    np.testing.assert_allclose(back(y), expected, rtol=1e-5, atol=1e-6)


def test_it_follows_the_other_layer_and_adds_a_bias_only():
    dense, back = pair()
    y = tf.ones([1, 3])
    before = back(y).numpy()
    dense.kernel.assign(dense.kernel * -2)
    assert np.any(back(y).numpy() != before)
    both = {id(w) for layer in (dense, back) for w in layer.trainable_weights}
    assert len(both) == 3
