"""Bilinear reads of images, forward and with gradients, against the peers that are installed.

The first contestant is ops.grid_sample compiled by XLA, as layers call it.
"""

import cv2
import keras
import numpy as np
import tensorflow as tf

from tfvision import ops
from tfvision.commands.bench import INPUTS, Case

SHAPES = ((8, 64, 64, 64), (8, 256, 256, 3), (32, 40, 40, 1))


def cases():
    """Yields every comparison."""
    for shape in SHAPES:
        yield forward(*shape)
    for shape in SHAPES:
        yield backward(*shape)


def forward(b, h, w, c):
    """Reads at a smoothly displaced grid."""
    images, points, tensors = inputs(b, h, w, c)
    plain = tf.function(ops.grid_sample, autograph=False)
    compiled = tf.function(ops.grid_sample, jit_compile=True, autograph=False)
    peers = {"tfvision, plain graph": lambda k: plain(*tensors[k]).numpy()}
    if c <= 4:
        peers["cv2.remap"] = lambda k: [
            cv2.remap(i, p, None, cv2.INTER_LINEAR)
            for i, p in zip(images[k], points[k], strict=True)
        ]
    peers["keras.ops.image.map_coordinates"] = keras_peer(tensors)
    peers |= onnx_peer(images, points) | torch_forward(images, points)
    moved = images[0].nbytes * 2 + points[0].nbytes
    name = f"grid_sample {b}x{h}x{w}x{c}"
    return Case(name, lambda k: compiled(*tensors[k]).numpy(), peers, moved)


def backward(b, h, w, c):
    """Reads, and the gradients to the image and to the points."""
    images, points, tensors = inputs(b, h, w, c)
    upstream = np.random.default_rng(1).random(images[0].shape, np.float32)
    ours, theirs = (gradients(read, tf.constant(upstream)) for read in (ops.grid_sample, naive))
    compiled, automatic, plain = (
        tf.function(function, jit_compile=xla, autograph=False)
        for function, xla in ((ours, True), (theirs, True), (theirs, False))
    )
    peers = {
        "TensorFlow's gradient, XLA": lambda k: arrays(automatic(*tensors[k])),
        "TensorFlow's gradient, graph": lambda k: arrays(plain(*tensors[k])),
    }
    peers |= torch_backward(images, points, upstream)
    moved = images[0].nbytes * 4 + points[0].nbytes * 2
    name = f"grid_sample and gradients {b}x{h}x{w}x{c}"
    return Case(name, lambda k: arrays(compiled(*tensors[k])), peers, moved)


def inputs(b, h, w, c):
    """INPUTS images, points px and both as tensors."""
    random = np.random.default_rng(0)
    images = [random.random([b, h, w, c], np.float32) for _ in range(INPUTS)]
    grid = np.stack(np.meshgrid(np.arange(w), np.arange(h)), -1).astype(np.float32)
    points = [
        grid + random.normal(0, 3, [b, 1, 1, 2]).astype(np.float32) for _ in range(INPUTS)
    ]
    tensors = [(tf.constant(i), tf.constant(p)) for i, p in zip(images, points, strict=True)]
    return images, points, tensors


def arrays(tensors):
    return [tensor.numpy() for tensor in tensors]


def gradients(read, upstream):
    """The function that reads and differentiates."""

    def function(image, points):
        with tf.GradientTape() as tape:
            tape.watch([image, points])
            value = read(image, points)
        return value, *tape.gradient(value, [image, points], upstream)

    return function


def naive(image, points):
    """What one writes without a library: four gathers, weights, and TensorFlow's gradient."""
    b, h, w, c = image.shape
    low = tf.floor(points)
    x, y = tf.unstack(tf.cast(low, tf.int32), axis=-1)
    dx, dy = tf.unstack(tf.expand_dims(points - low, -2), axis=-1)
    flat = tf.reshape(image, [b, h * w, c])

    def pixel(x, y):
        seen = tf.cast((x >= 0) & (x < w) & (y >= 0) & (y < h), image.dtype)
        at = tf.clip_by_value(y, 0, h - 1) * w + tf.clip_by_value(x, 0, w - 1)
        return tf.gather(flat, at, batch_dims=1) * tf.expand_dims(seen, -1)

    top = pixel(x, y) * (1 - dx) + pixel(x + 1, y) * dx
    bottom = pixel(x, y + 1) * (1 - dx) + pixel(x + 1, y + 1) * dx
    return top * (1 - dy) + bottom * dy


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


def scaled(points, h, w):
    """Points px as coordinates from -1 to 1, corners aligned."""
    return points * np.float32([2 / (w - 1), 2 / (h - 1)]) - 1


def onnx_peer(images, points):
    """The GridSample of ONNX Runtime, NCHW."""
    import onnx
    import onnxruntime

    b, h, w, c = images[0].shape
    real = onnx.TensorProto.FLOAT
    info = onnx.helper.make_tensor_value_info
    node = onnx.helper.make_node(
        "GridSample", ["x", "grid"], ["y"], mode="bilinear", padding_mode="zeros", align_corners=1
    )
    graph = onnx.helper.make_graph(
        [node], "sample", [info("x", real, [b, c, h, w]), info("grid", real, [b, h, w, 2])],
        [info("y", real, [b, c, h, w])],
    )
    opset = [onnx.helper.make_opsetid("", 16)]
    model = onnx.helper.make_model(graph, opset_imports=opset, ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    feeds = [
        {"x": np.ascontiguousarray(i.transpose(0, 3, 1, 2)), "grid": scaled(p, h, w)}
        for i, p in zip(images, points, strict=True)
    ]
    return {"ONNX Runtime GridSample": lambda k: session.run(None, feeds[k])[0]}


def torch_inputs(images, points):
    """Per layout: images and grids as tensors of PyTorch; {} where it is not installed."""
    try:
        import torch
    except ImportError:
        return {}
    h, w = images[0].shape[1:3]
    grids = [torch.from_numpy(scaled(p, h, w)) for p in points]
    views = [torch.from_numpy(i).permute(0, 3, 1, 2) for i in images]
    return {
        "NCHW": list(zip([v.contiguous() for v in views], grids, strict=True)),
        "channels_last": list(zip(views, grids, strict=True)),
    }


def torch_forward(images, points):
    """torch.nn.functional.grid_sample in both layouts."""
    peers = {}
    for layout, ready in torch_inputs(images, points).items():
        from torch.nn.functional import grid_sample as sample

        peers[f"torch grid_sample, {layout}"] = lambda k, ready=ready: sample(
            *ready[k], align_corners=True)
    return peers


def torch_backward(images, points, upstream):
    """The same, with both gradients."""
    peers = {}
    for layout, ready in torch_inputs(images, points).items():
        import torch

        change = torch.from_numpy(upstream).permute(0, 3, 1, 2)
        change = change.contiguous() if layout == "NCHW" else change
        ready = [[x.requires_grad_() for x in pair] for pair in ready]

        def run(k, ready=ready, change=change):
            value = torch.nn.functional.grid_sample(*ready[k], align_corners=True)
            return value, torch.autograd.grad(value, ready[k], change)

        peers[f"torch grid_sample, {layout}"] = run
    return peers
