"""Layers that make training fast, against the plain compositions of Keras and PyTorch."""

import keras
import numpy as np
import tensorflow as tf

from tfvision import layers
from tfvision.commands.bench import INPUTS, Case
from tfvision.models import unet


def cases():
    """Yields every comparison: forward and backward, all gradients."""
    yield point_set_layer(32, 1024, 128, 1024)
    yield unet_step("float32")
    yield unet_step("mixed_bfloat16")


def point_set_layer(b, n, k, c):
    """Linear, batch norm, ReLU, maximum over points, in training."""
    random = np.random.default_rng(0)
    sets = [np.maximum(random.normal(size=[b, n, k]), 0).astype(np.float32) for _ in range(INPUTS)]
    upstream = random.normal(size=[b, c]).astype(np.float32)
    ours, composed = layers.DenseNormMax(c), Composition(c)
    tensors = [tf.constant(points) for points in sets]
    for layer in (ours, composed):
        layer(tensors[0])
    peers = {"Keras, graph": gradients(composed, tensors, upstream),
             "Keras, XLA": gradients(composed, tensors, upstream, jit_compile=True)}
    peers |= torch_peers(sets, upstream)
    return Case(f"point set layer {b}x{n}x{k}->{c}", gradients(ours, tensors, upstream), peers)


class Composition(keras.layers.Layer):
    """The same by Keras's own layers."""

    def __init__(self, units):
        super().__init__()
        self.dense = keras.layers.Dense(units, use_bias=False)
        self.norm = keras.layers.BatchNormalization()

    def call(self, points, training=False):
        return tf.reduce_max(tf.nn.relu(self.norm(self.dense(points), training=training)), 1)


def gradients(layer, tensors, upstream, **options):
    """Of points and weights, in one tf.function; waits for one of them."""

    @tf.function(**options)
    def both(points):
        with tf.GradientTape() as tape:
            tape.watch(points)
            value = tf.reduce_sum(layer(points, training=True) * upstream)
        return tape.gradient(value, [points, *layer.trainable_weights])

    return lambda i: both(tensors[i])[1].numpy()


def torch_peers(sets, upstream):
    """The composition in PyTorch, where it is installed, on two threads."""
    try:
        import torch
    except ImportError:
        return {}
    torch.set_num_threads(2)
    k, c = sets[0].shape[2], upstream.shape[1]
    dense, norm = torch.nn.Linear(k, c, bias=False), torch.nn.BatchNorm1d(c)
    given = [torch.from_numpy(points).requires_grad_() for points in sets]
    factors = torch.from_numpy(upstream)

    def value(points):
        normal = norm(dense(points.flatten(0, 1))).unflatten(0, points.shape[:2])
        return (torch.relu(normal).amax(1) * factors).sum()

    compiled = torch.compile(value)
    leaves = [dense.weight, norm.weight, norm.bias]

    def run(function):
        return lambda i: torch.autograd.grad(function(given[i]), [given[i], *leaves])

    return {"torch eager": run(value), "torch.compile": run(compiled)}


def unet_step(precision, size=128, batch=8):
    """A training step of a U-Net of 32 channels with our batch norm, and with that of Keras."""
    random = np.random.default_rng(0)
    images = [tf.constant(random.random([batch, size, size, 1], np.float32))
              for _ in range(INPUTS)]
    labels = [tf.constant(random.integers(0, 2, [batch, size, size])) for _ in range(INPUTS)]
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    ours = unet.network(filters=32, padding="same", norm=True, dropout=0.0)
    plain = keras.models.clone_model(ours, clone_function=with_keras_norm)
    keras.config.set_dtype_policy(before)
    peers = {"Keras BatchNormalization": step(plain, images, labels)}
    return Case(f"U-Net step {precision}", step(ours, images, labels), peers)


def with_keras_norm(layer):
    """A layer's copy; of a FusedBatchNormalization it is Keras's."""
    fused = isinstance(layer, layers.FusedBatchNormalization)
    kind = keras.layers.BatchNormalization if fused else type(layer)
    return kind.from_config(layer.get_config())


def step(net, images, labels):
    """Forward, backward and update, in one tf.function."""
    optimizer = keras.optimizers.Adam()
    optimizer.build(net.trainable_weights)
    weights = net.trainable_weights

    @tf.function
    def one(image, label):
        with tf.GradientTape() as tape:
            logits = net(image, training=True)
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=label, logits=logits)
            loss = tf.reduce_mean(loss)
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        return loss

    return lambda i: one(images[i], labels[i]).numpy()
