"""models.reverse: the way back by hand is the gradient that TensorFlow finds."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfvision import layers as ours
from tfvision.models.logits import logits_model
from tfvision.models.reverse import Reversible
from tfvision.ops.deepfool import linearise

L = keras.layers


def network(*layers, shape=(8, 8, 2)):
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input(shape), *layers, L.Flatten(), L.Dense(3)])


def randomised(net):
    """Statistics and biases of normalisation that do something."""
    random = np.random.default_rng(1)
    net.set_weights([random.uniform(0.3, 1.5, w.shape) * np.where(w == 0, 1, np.sign(w) + (w == 0))
                     for w in net.get_weights()])
    return net


@pytest.mark.parametrize("net", [
    lambda: network(L.Conv2D(4, 3, activation="relu"), L.MaxPooling2D()),
    lambda: network(L.Conv2D(4, 3, strides=2, padding="same", use_bias=False), L.ReLU()),
    lambda: network(L.Conv2D(4, 4, padding="same"), L.BatchNormalization(), L.Activation("relu"),
                    L.MaxPooling2D(), L.Dropout(0.5)),
    lambda: network(ours.FusedBatchNormalization(scale=False), L.Activation("linear"),
                    L.BatchNormalization(center=False)),
    lambda: network(ours.ImageConv2D(4, 3, padding="same", activation="relu"), L.MaxPooling2D()),
    lambda: network(L.Rescaling(2.0, offset=-1.0), L.Flatten(), L.Dense(5, activation="relu")),
])
def test_the_way_back_is_the_gradient(net):
    net = randomised(net())
    x = tf.constant(np.random.default_rng(0).normal(size=[3, 8, 8, 2]).astype(np.float32))
    change = tf.constant(np.random.default_rng(2).normal(size=[3, 3]).astype(np.float32))
    truth, way = linearise(lambda x: net(x, training=False), x)
    found, back = Reversible(net).linearise(x)
    np.testing.assert_allclose(found, truth, rtol=1e-4, atol=1e-4)
    scale = np.abs(way(change)).max()
    np.testing.assert_allclose(back(change) / scale, way(change) / scale, atol=1e-5)
    np.testing.assert_allclose(Reversible(net)(x), truth, rtol=1e-4, atol=1e-4)


def test_a_softmax_that_was_left_out_and_a_functional_model_are_no_obstacle():
    image = keras.Input([4])
    net = keras.Model(image, L.Dense(3, activation="softmax")(L.Dense(5, activation="relu")(image)))
    x = tf.random.stateless_normal([2, 4], [0, 1])
    logits = logits_model(net)
    truth, way = linearise(logits, x)
    found, back = Reversible(logits).linearise(x)
    np.testing.assert_allclose(found, truth, atol=1e-6)
    np.testing.assert_allclose(back(tf.eye(3)[:2]), way(tf.eye(3)[:2]), atol=1e-6)


@pytest.mark.parametrize("layer", [
    L.AveragePooling2D(2), L.MaxPooling2D(3), L.Conv2D(4, 3, dilation_rate=2),
    L.Conv2D(4, 3, groups=2), L.Dense(4, activation="tanh"), L.ReLU(max_value=6),
    L.LeakyReLU(), L.BatchNormalization(axis=1),
])
def test_layers_that_are_not_known_are_named(layer):
    with pytest.raises(ValueError, match=layer.name):
        Reversible(network(type(layer).from_config(layer.get_config())))


def test_odd_sides_and_branches_are_refused():
    with pytest.raises(ValueError, match="max_pooling2d"):
        Reversible(network(L.MaxPooling2D(), shape=(7, 8, 1)))
    image = keras.Input([4])
    with pytest.raises(ValueError, match="in one row"):
        Reversible(keras.Model(image, L.Add()([image, L.Dense(4)(image)])))
