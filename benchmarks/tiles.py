"""The overlap-tile strategy against a loop in NumPy."""

import numpy as np
import tensorflow as tf

from tfvision import ops
from tfvision.commands.bench import INPUTS, Case


def cases():
    """Yields every comparison."""
    yield overlap_tiles(512, 512)


def overlap_tiles(h, w):
    """Cutting an image into overlapping tiles and joining their centres."""
    random = np.random.default_rng(0)
    images = [tf.constant(random.random([1, h, w, 1], np.float32)) for _ in range(INPUTS)]

    @tf.function
    def round_trip(image):
        tiles = ops.split_tiles(image, tile=224, stride=128, margin=48)
        return ops.join_tiles(tiles[:, 48:176, 48:176], batch=1, height=h, width=w, stride=128)

    def by_hand(image):
        padded = np.pad(image.numpy(), [(0, 0), (48, 96), (48, 96), (0, 0)], mode="reflect")
        out = np.empty([1, h, w, 1], np.float32)
        for y in range(0, h, 128):
            for x in range(0, w, 128):
                out[:, y : y + 128, x : x + 128] = padded[:, y : y + 224, x : x + 224][
                    :, 48:176, 48:176]
        return out

    peers = {"numpy loop": lambda k: by_hand(images[k])}
    return Case(f"tiles {h}x{w}", lambda k: round_trip(images[k]).numpy(), peers, 2 * h * w * 4)
