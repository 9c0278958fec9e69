"""models.ema: the closed form, what is copied, and every strategy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfvision.models import ema


def net():
    keras.utils.set_random_seed(0)
    return keras.Sequential([
        keras.Input([3]),
        keras.layers.Dense(2),
        keras.layers.BatchNormalization(),
        keras.layers.Dropout(0.5),
    ])


def test_a_clone_has_equal_weights_of_its_own_and_nothing_to_train():
    source = net()
    clone = ema.frozen_clone(source)
    x = np.random.default_rng(0).normal(size=[4, 3]).astype(np.float32)
    np.testing.assert_array_equal(source(x), clone(x))
    assert clone.trainable_variables == [] and source.trainable_variables
    source.layers[0].kernel.assign_add(tf.ones([3, 2]))
    assert np.all(source.layers[0].kernel.numpy() != clone.layers[0].kernel.numpy())


def test_after_n_steps_it_is_the_closed_form():
    source, decay, steps = net(), 0.7, 5
    average = ema.frozen_clone(source)
    start = source.layers[0].kernel.numpy()
    values = np.random.default_rng(1).normal(size=[steps, 3, 2]).astype(np.float32)
    move = tf.function(lambda: ema.follow(average, source, decay=decay))
    for value in values:
        source.layers[0].kernel.assign(value)
        move()
    weights = (1 - decay) * decay ** np.arange(steps)[::-1]
    expected = decay**steps * start + np.tensordot(weights, values, 1)
    np.testing.assert_allclose(average.layers[0].kernel.numpy(), expected, atol=1e-6)


def test_what_is_not_trained_is_copied():
    source = net()
    average = ema.frozen_clone(source)
    source(np.ones([4, 3], np.float32) * 9, training=True)  # Moves moments and the seed.
    ema.follow(average, source, decay=0.9)
    for ours, theirs in zip(average.non_trainable_variables[-3:], source.non_trainable_variables,
                            strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


@pytest.mark.parametrize("decay, expected", [(0.0, 5.0), (1.0, 1.0), (0.25, 4.0)])
def test_the_ends_of_the_decay_are_the_source_and_the_past(decay, expected):
    source = keras.Sequential([keras.Input([1]), keras.layers.Dense(1, use_bias=False)])
    source.layers[0].kernel.assign([[1.0]])
    average = ema.frozen_clone(source)
    source.layers[0].kernel.assign([[5.0]])
    ema.follow(average, source, decay=tf.constant(decay))
    np.testing.assert_allclose(average.layers[0].kernel.numpy(), [[expected]])


def test_the_half_life_counts_images():
    decay = ema.decay_for(1000, 50)
    np.testing.assert_allclose(decay**20, 0.5, rtol=1e-5)
    np.testing.assert_allclose(ema.decay_for(1000, 100), decay**2, rtol=1e-6)
    np.testing.assert_array_equal(ema.decay_for(0.0, 50), 0.0)


def test_it_follows_under_a_strategy():
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope():
        source = net()
        average = ema.frozen_clone(source)
    source.layers[0].kernel.assign(tf.zeros([3, 2]))
    start = average.layers[0].kernel.numpy()
    step = tf.function(lambda: ema.follow(average, source, decay=tf.constant(0.5)))
    tf.function(lambda: strategy.run(step))()
    np.testing.assert_allclose(average.layers[0].kernel.numpy(), start / 2, rtol=1e-6)
