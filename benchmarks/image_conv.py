"""The gradient of a grey image through a network's first convolution, beside Keras and PyTorch."""

import keras
import numpy as np
import tensorflow as tf

from tfvision import layers
from tfvision.commands.bench import INPUTS, Case


def cases():
    """Yields the first convolutions of the spatial transformers' CNN, and of LeNet.

    Forward and backward, with the gradients of image and weights.
    """
    yield first_layer((128, 28, 28, 1), 64, 9, "float32")
    yield first_layer((128, 28, 28, 1), 64, 9, "bfloat16")
    yield first_layer((250, 28, 28, 1), 20, 5, "float32")


def first_layer(shape, filters, side, dtype):
    """One layer, without what follows."""
    random = np.random.default_rng(0)
    images = [random.random(shape, np.float32) for _ in range(INPUTS)]
    ours = gradients(layers.ImageConv2D(filters, side, dtype=dtype), images, dtype)
    peers = {"Keras": gradients(keras.layers.Conv2D(filters, side, dtype=dtype), images, dtype)}
    peers |= torch_peers(images, filters, side, dtype)
    sizes = "x".join(map(str, shape))
    return Case(f"first convolution {sizes}, {side}x{side} to {filters}, {dtype}", ours, peers)


def gradients(layer, images, dtype):
    """Of image and weights, in one tf.function; waits for one of them."""
    layer.build(images[0].shape)
    tensors = [tf.constant(image, dtype) for image in images]

    @tf.function
    def both(image):
        with tf.GradientTape() as tape:
            tape.watch(image)
            value = layer(image)
        return tape.gradient(value, [image, layer.kernel.value, layer.bias.value],
                             output_gradients=value)

    return lambda i: both(tensors[i])[0].numpy()


def torch_peers(images, filters, side, dtype):
    """The layer in PyTorch, where it is installed, on two threads."""
    try:
        import torch
    except ImportError:
        return {}
    torch.set_num_threads(2)
    kind = getattr(torch, dtype)
    layer = torch.nn.Conv2d(images[0].shape[3], filters, side, dtype=kind)
    given = [torch.from_numpy(image.transpose(0, 3, 1, 2).copy()).to(kind).requires_grad_()
             for image in images]

    def step(i):
        value = layer(given[i])
        return torch.autograd.grad(value, [given[i], *layer.parameters()], value.detach())[0]

    return {"torch": step}
