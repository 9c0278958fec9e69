"""Non-maximum suppression against ONNX Runtime, TensorFlow's own, OpenCV and torchvision.

Boxes are clustered, twelve around each of many centres, as a detector proposes them. The peers
have two threads, which is what TensorFlow takes on a machine of two cores.
"""

from functools import partial

import cv2
import numpy as np
import tensorflow as tf

from tfvision import ops
from tfvision.commands.bench import INPUTS, Case

THREADS = 2


def cases():
    """Yields every comparison."""
    yield nms(1, 1000, 0.5, 100)
    yield nms(1, 2000, 0.7, 1000)
    yield nms(1, 5000, 0.5, 300)
    yield nms(1, 5000, 0.7, 5000)
    yield nms(8, 1000, 0.5, 100)
    yield nms(8, 5000, 0.5, 300)


def nms(b, n, threshold, k):
    """b images of n boxes, of which at most k stay."""
    random = np.random.default_rng(0)
    arrays = [(clustered(random, b, n), random.random([b, n], np.float32)) for _ in range(INPUTS)]
    tensors = [tuple(map(tf.constant, pair)) for pair in arrays]
    select = partial(ops.nms, k=k, iou_threshold=threshold)

    def ours(impl):
        function = tf.function(partial(select, impl=impl), autograph=False)
        return lambda i: function(*tensors[i]).numpy()

    peers = {"tfvision, portable graph": ours("tiles")}
    peers |= tensorflow_peers(tensors, threshold, k, n)
    peers |= onnx_peer(arrays, threshold, k) | torch_peer(arrays, threshold, k)
    if n <= 2000:
        peers["cv2.dnn.NMSBoxes"] = opencv_peer(arrays, threshold, k)
    moved = arrays[0][0].nbytes + arrays[0][1].nbytes + 4 * b * k
    return Case(f"nms {b}x{n} IoU {threshold} k {k}", ours("auto"), peers, moved)


def clustered(random, b, n):
    """float32 [b, n, 4] on a picture of 640 px."""
    centres = random.uniform(0, 640, [b, n // 12, 2])
    sizes = random.uniform(20, 200, [b, n // 12, 2])
    which = random.integers(0, n // 12, [b, n, 1])
    middle = np.take_along_axis(centres, which, 1) + random.normal(0, 12, [b, n, 2])
    size = np.take_along_axis(sizes, which, 1) * np.exp(random.normal(0, 0.2, [b, n, 2]))
    return np.concatenate([middle - size / 2, middle + size / 2], -1).astype(np.float32)


def tensorflow_peers(tensors, threshold, k, n):
    """tf.image has three; the padded one, in a plain graph, is timed where it is not hopeless."""

    def one_by_one(boxes, scores):
        return [tf.image.non_max_suppression(*image, k, threshold)
                for image in zip(tf.unstack(boxes), tf.unstack(scores), strict=True)]

    def padded(boxes, scores):
        return tf.image.non_max_suppression_padded(
            boxes, scores, k, threshold, pad_to_max_output_size=True,
            canonicalized_coordinates=True)[0]

    def combined(boxes, scores):
        boxes, scores = tf.expand_dims(boxes, 2), tf.expand_dims(scores, 2)
        return tf.image.combined_non_max_suppression(
            boxes, scores, k, k, threshold, clip_boxes=False)[0]

    def timed(function):
        function = tf.function(function, autograph=False)
        return lambda i: tf.nest.map_structure(np.asarray, function(*tensors[i]))

    functions = {"tf.image.non_max_suppression": one_by_one,
                 "tf.image.combined_non_max_suppression": combined}
    if n <= 2000:
        functions["tf.image.non_max_suppression_padded"] = padded
    return {name: timed(function) for name, function in functions.items()}


def onnx_peer(arrays, threshold, k):
    """ONNX Runtime's kernel, all images in one call."""
    import onnxruntime
    from onnx import TensorProto, helper

    number = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("NonMaxSuppression", ["boxes", "scores", "k", "threshold"], ["out"])],
        "nms",
        [number("boxes", TensorProto.FLOAT, [None, None, 4]),
         number("scores", TensorProto.FLOAT, [None, 1, None])],
        [number("out", TensorProto.INT64, [None, 3])],
        [helper.make_tensor("k", TensorProto.INT64, [1], [k]),
         helper.make_tensor("threshold", TensorProto.FLOAT, [1], [threshold])],
    )
    opset = helper.make_opsetid("", 17)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    feeds = [{"boxes": boxes, "scores": scores[:, None]} for boxes, scores in arrays]
    return {"ONNX Runtime": lambda i: session.run(None, feeds[i])}


def opencv_peer(arrays, threshold, k):
    """OpenCV's, image by image; it takes corners and sides, and cannot stop at k boxes."""
    cv2.setNumThreads(THREADS)
    ready = [(np.concatenate([boxes[..., :2], boxes[..., 2:] - boxes[..., :2]], -1), scores)
             for boxes, scores in arrays]
    return lambda i: [cv2.dnn.NMSBoxes(boxes, scores, 0.0, threshold)[:k]
                      for boxes, scores in zip(*ready[i], strict=True)]


def torch_peer(arrays, threshold, k):
    """torchvision.ops.nms, image by image, where torchvision loads."""
    try:
        import torch
        import torchvision
    except (ImportError, OSError, RuntimeError):  # Another build than PyTorch's raises the last.
        return {}
    torch.set_num_threads(THREADS)
    ready = [tuple(map(torch.from_numpy, pair)) for pair in arrays]
    return {"torchvision.ops.nms": lambda i: [
        torchvision.ops.nms(boxes, scores, threshold)[:k]
        for boxes, scores in zip(*ready[i], strict=True)]}
