"""RoIAlign of 512 boxes into 7 x 7 bins against ONNX Runtime, torchvision and plain TensorFlow."""

import itertools
from functools import partial

import numpy as np
import tensorflow as tf

from tfvision import ops
from tfvision.commands.bench import INPUTS, Case

BOXES, CHANNELS, SIZE = 512, 256, 7


def cases():
    """Yields every comparison."""
    for b, side in ((1, 50), (2, 100), (1, 200)):
        yield forward(b, [side], [16])
    yield forward(1, [200, 100, 50, 25], [4, 8, 16, 32])
    for side in (50, 200):
        yield both_ways(side)


def inputs(b, sides, strides):
    """INPUTS pairs of levels [b, side, side, c] and boxes [b, r, 4] of all sizes, in the image."""
    random = np.random.default_rng(0)
    reach = sides[0] * strides[0]
    for _ in range(INPUTS):
        levels = [random.normal(size=[b, n, n, CHANNELS]).astype(np.float32) for n in sides]
        extent = np.exp(random.uniform(np.log(0.02), np.log(0.7), [b, BOXES // b, 2]))
        corner = random.uniform(0, 1 - extent)
        yield levels, (np.concatenate([corner, corner + extent], -1) * reach).astype(np.float32)


def align(levels, boxes, strides, impl="gather"):
    """ops.roi_align of one level or of several."""
    if len(levels) == 1:
        levels, strides = levels[0], strides[0]
    return ops.roi_align(levels, boxes, size=SIZE, stride=strides, impl=impl)


def forward(b, sides, strides):
    """The forward pass; ours compiled, its other forms among the peers."""
    arrays = list(inputs(b, sides, strides))
    tensors = [([tf.constant(x) for x in levels], tf.constant(boxes)) for levels, boxes in arrays]

    def runner(impl, **options):
        function = tf.function(
            partial(align, strides=strides, impl=impl), autograph=False, **options
        )
        return lambda k: function(*tensors[k]).numpy()

    peers = {"tfvision, crop, graph": runner("crop"), "tfvision, gather, graph": runner("gather")}
    if len(sides) == 1:
        peers["ONNX Runtime"] = onnx_peer(arrays, strides[0])
    peers |= torchvision_peer(arrays, strides)
    moved = 4 * CHANNELS * (b * sum(n * n for n in sides) + BOXES * SIZE * SIZE)
    name = f"roi_align {b}x{'/'.join(map(str, sides))}"
    return Case(name, runner("gather", jit_compile=True), peers, moved)


def both_ways(side):
    """Forward pass and the gradient to the features."""
    arrays = list(inputs(1, [side], [16]))
    random = np.random.default_rng(1)
    shape = [1, BOXES, SIZE, SIZE, CHANNELS]
    changes = [random.normal(size=shape).astype(np.float32) for _ in range(INPUTS)]
    tensors = [
        (tf.constant(levels[0]), tf.constant(boxes), tf.constant(change))
        for (levels, boxes), change in zip(arrays, changes, strict=True)
    ]

    def runner(aligned, **options):
        def step(features, boxes, change):
            with tf.GradientTape() as tape:
                tape.watch(features)
                bins = aligned([features], boxes)
            return bins, tape.gradient(bins, features, change)

        function = tf.function(step, autograph=False, **options)
        return lambda k: [x.numpy() for x in function(*tensors[k])]

    peers = {
        "tfvision, crop, graph": runner(partial(align, strides=[16], impl="crop")),
        "autodiff of gathers, graph": runner(plain_gathers),
    }
    peers |= torchvision_peer(arrays, [16], changes)
    moved = 8 * CHANNELS * (side * side + BOXES * SIZE * SIZE)
    ours = runner(partial(align, strides=[16]), jit_compile=True)
    return Case(f"roi_align 1x{side} and gradient", ours, peers, moved)


def plain_gathers(levels, boxes):
    """What one would write by hand: four gathers at 14 x 14 points, a mean, TensorFlow's gradient.

    For boxes inside the map.
    """
    features, points = levels[0], 2 * SIZE
    h, w = features.shape[1:3]
    flat = tf.reshape(features, [h * w, CHANNELS])
    corner, extent = boxes[0, :, :2] / 16 - 0.5, (boxes[0, :, 2:] - boxes[0, :, :2]) / 16
    steps = (tf.range(points, dtype=tf.float32) + 0.5) / points
    x, y = (tf.expand_dims(corner[:, i], 1) + tf.expand_dims(extent[:, i], 1) * steps
            for i in (0, 1))
    total = 0.0
    for i, j in itertools.product((0, 1), (0, 1)):
        row, row_weight = neighbour(y, i, h)
        column, column_weight = neighbour(x, j, w)
        index = tf.expand_dims(row, 2) * w + tf.expand_dims(column, 1)
        weight = tf.expand_dims(row_weight, 2) * tf.expand_dims(column_weight, 1)
        total += tf.gather(flat, index) * tf.expand_dims(weight, 3)
    return tf.expand_dims(tf.nn.avg_pool2d(total, 2, 2, "VALID"), 0)


def neighbour(at, which, length):
    """The lower (0) or upper (1) pixel beside each position, and its weight."""
    at = tf.clip_by_value(at, 0, length - 1)
    low = tf.floor(at)
    part = at - low
    index = tf.minimum(tf.cast(low, tf.int32) + which, length - 1)
    return index, part if which else 1 - part


def onnx_peer(arrays, stride):
    """RoiAlign of ONNX Runtime, on channels-first maps."""
    import onnx
    import onnxruntime

    tensor, types = onnx.helper.make_tensor_value_info, onnx.TensorProto
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node(
            "RoiAlign", ["x", "boxes", "images"], ["y"], output_height=SIZE, output_width=SIZE,
            sampling_ratio=2, spatial_scale=1 / stride,
            coordinate_transformation_mode="half_pixel",
        )], "roi_align",
        [tensor("x", types.FLOAT, [None] * 4), tensor("boxes", types.FLOAT, [None, 4]),
         tensor("images", types.INT64, [None])],
        [tensor("y", types.FLOAT, [None] * 4)],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    model.ir_version = 9
    session = onnxruntime.InferenceSession(model.SerializeToString())
    feeds = [
        {"x": levels[0].transpose(0, 3, 1, 2).copy(), "boxes": boxes.reshape(-1, 4),
         "images": np.repeat(np.arange(len(boxes)), boxes.shape[1])}
        for levels, boxes in arrays
    ]
    return lambda k: session.run(None, feeds[k])[0]


def torchvision_peer(arrays, strides, changes=None):
    """torchvision's roi_align, or MultiScaleRoIAlign for several levels, where it is installed."""
    try:
        import torch
        import torchvision
    except ImportError:
        return {}
    ready = [
        ([torch.from_numpy(x.transpose(0, 3, 1, 2).copy()).requires_grad_(changes is not None)
          for x in levels], [torch.from_numpy(one) for one in boxes])
        for levels, boxes in arrays
    ]
    reach = arrays[0][0][0].shape[1] * strides[0]
    pooler = torchvision.ops.MultiScaleRoIAlign(list("abcd")[: len(strides)], SIZE, 2)

    def run(k):
        levels, boxes = ready[k]
        if len(levels) > 1:
            named = dict(zip("abcd", levels, strict=False))
            return pooler(named, boxes, [(reach, reach)] * len(boxes))
        return torchvision.ops.roi_align(levels[0], boxes, SIZE, 1 / strides[0], 2, aligned=True)

    if changes is None:
        return {"torchvision": run}
    first = [torch.from_numpy(x[0].transpose(0, 3, 1, 2).copy()) for x in changes]
    return {"torchvision": lambda k: torch.autograd.grad(run(k), ready[k][0][0], first[k])[0]}
