"""Operations against the peers that are installed: OpenCV, Keras, PyTorch."""

import cv2
import keras
import numpy as np
import tensorflow as tf

from tfvision import ops
from tfvision.commands.bench import INPUTS, Case


def cases():
    """Yields every comparison."""
    yield grid_sample(8, 64, 64, 64)
    yield grid_sample(8, 256, 256, 3)
    yield overlap_tiles(512, 512)


def grid_sample(b, h, w, c):
    """Bilinear reads at a smoothly displaced grid."""
    random = np.random.default_rng(0)
    images = [random.random([b, h, w, c], np.float32) for _ in range(INPUTS)]
    grid = np.stack(np.meshgrid(np.arange(w), np.arange(h)), -1).astype(np.float32)
    points = [grid + random.normal(0, 3, [b, 1, 1, 2]).astype(np.float32) for _ in range(INPUTS)]
    tensors = [(tf.constant(i), tf.constant(p)) for i, p in zip(images, points, strict=True)]
    plain = tf.function(ops.grid_sample)
    compiled = tf.function(ops.grid_sample, jit_compile=True)
    peers = {"tfvision, plain graph": lambda k: plain(*tensors[k]).numpy()}
    if c <= 4:
        peers["cv2.remap"] = lambda k: [
            cv2.remap(i, p, None, cv2.INTER_LINEAR)
            for i, p in zip(images[k], points[k], strict=True)
        ]
    peers["keras.ops.image.map_coordinates"] = keras_peer(tensors)
    peers |= torch_peer(images, points, h, w)
    moved = images[0].nbytes * 2 + points[0].nbytes
    name = f"grid_sample {b}x{h}x{w}x{c}"
    return Case(name, lambda k: compiled(*tensors[k]).numpy(), peers, moved)


def keras_peer(tensors):
    """The same reads by keras.ops.image.map_coordinates, one image and channel at a time."""

    @tf.function
    def read(image, points):
        planes = tf.transpose(image, [0, 3, 1, 2])
        at = tf.reverse(points, [-1])
        return tf.map_fn(
            lambda one: tf.stack([
                keras.ops.image.map_coordinates(plane, tf.unstack(one[1], axis=-1), 1, "constant")
                for plane in tf.unstack(one[0])
            ]),
            (planes, at), fn_output_signature=tf.float32,
        )

    return lambda k: read(*tensors[k]).numpy()


def torch_peer(images, points, h, w):
    """torch.nn.functional.grid_sample, where PyTorch is installed."""
    try:
        import torch
    except ImportError:
        return {}
    scale = np.array([2 / (w - 1), 2 / (h - 1)], np.float32)
    ready = [
        (torch.from_numpy(i).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(p * scale - 1))
        for i, p in zip(images, points, strict=True)
    ]
    sample = torch.nn.functional.grid_sample
    return {"torch grid_sample": lambda k: sample(*ready[k], align_corners=True)}


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
