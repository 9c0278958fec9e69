"""Mask R-CNN from pixels to pasted masks: our TFLite file against ONNX Runtime's own kernels.

The same network, MobileNetV2 below a feature pyramid, on two threads. The peer is one ONNX graph
in which suppression is the operator NonMaxSuppression and regions are read by RoiAlign, level by
level; it looks at as many objects as there are, our file always at `count`. Both give the same
objects: that is checked before anything is timed.
"""

import tempfile
from pathlib import Path

import keras
import numpy as np
import onnx
import onnxruntime
import tensorflow as tf
import tf2onnx
from ai_edge_litert.interpreter import Interpreter

from tfvision import engine, ops
from tfvision.commands.bench import INPUTS, Case
from tfvision.engine import formats
from tfvision.engine.same_boxes import reordered
from tfvision.models import backbones, faster_rcnn, proposals, roi_heads

SIZE = (320, 320)
STRIDES, SIZES = (4, 8, 16, 32), (32, 64, 128, 256)
CLASSES, CHANNELS = 3, 64
FAR = 4096.0  # Boxes that must not suppress each other are moved apart by this, px.
IR = 8  # The version of ONNX files of that opset.


def cases():
    """Yields the whole network with 100 objects in each image, and with 10 at most."""
    for count in (100, 10):
        yield whole(count)


def whole(count):
    """One image at a time, each output asked for."""
    random = np.random.default_rng(0)
    images = [random.integers(0, 256, [1, *SIZE, 3], np.uint8) for _ in range(INPUTS)]
    model = detector(count)
    lite, peer, own = lite_file(model), onnx_graph(model), onnx_file(model)
    for i in range(INPUTS):
        same(lite(images[i]), peer(images[i]))
    return Case(f"Mask R-CNN, MobileNetV2, 320x320, {count} objects, LiteRT",
                lambda i: lite(images[i]), {
                    "ONNX Runtime, NonMaxSuppression and RoiAlign": lambda i: peer(images[i]),
                    "ONNX Runtime, our model.onnx": lambda i: own(images[i]),
                })


def detector(count):
    """A network of random weights, which finds `count` objects in whatever it sees."""
    keras.utils.set_random_seed(0)
    body = backbones.of_applications("MobileNetV2", weights=None, strides=STRIDES)
    return faster_rcnn.FasterRCNN(
        backbones.pyramid(body, channels=CHANNELS), proposals.network(CHANNELS, 3),
        roi_heads.box_head(classes=CLASSES, channels=CHANNELS),
        roi_heads.mask_head(classes=CLASSES, channels=CHANNELS),
        size=SIZE, strides=STRIDES, sizes=SIZES, count=count,
    )


def lite_file(model):
    """Our file: image -> dict of outputs."""
    spec = {"image": tf.TensorSpec([None, None, None, 3], tf.uint8, name="image")}
    signature = engine.Signature(lambda image: model.detect(image), spec,
                                 fixed={"image": [1, *SIZE, 3]})
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "model.tflite")
        formats.write_tflite({"serving_default": signature}, file)
        content = file.read_bytes()
    interpreter = Interpreter(model_content=content, num_threads=2)
    run = interpreter.get_signature_runner("serving_default")

    def call(image):
        return run(image=image)

    call.kept = interpreter, content
    return call


def onnx_file(model):
    """The file that `tfvision export` writes, whose suppression is made of basic operators."""
    spec = {"image": tf.TensorSpec([None, *SIZE, 3], tf.uint8, name="image")}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "model.onnx")
        formats.write_onnx(engine.Signature(lambda image: model.detect(image), spec), file)
        return session(file.read_bytes())


def session(content):
    """image -> dict of outputs, by ONNX Runtime on two threads."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    found = onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])
    names = [output.name for output in found.get_outputs()]
    return lambda image: dict(zip(names, found.run(None, {"image": image}), strict=True))


def same(ours, theirs):
    """Refuses to time two things that differ."""
    n = int(ours["count"][0])
    if n != len(theirs["boxes"]):
        raise AssertionError(f"{n} objects in LiteRT, {len(theirs['boxes'])} in ONNX Runtime")
    ours = {name: values[:, :n] for name, values in ours.items() if name != "count"}
    theirs = reordered(ours, {name: values[np.newaxis] for name, values in theirs.items()})
    np.testing.assert_allclose(ours["boxes"], theirs["boxes"], atol=0.02)
    np.testing.assert_allclose(ours["scores"], theirs["scores"], atol=1e-4)
    np.testing.assert_array_equal(ours["class_ids"], theirs["class_ids"])
    if (ours["masks"] != theirs["masks"]).mean() > 1e-3:
        raise AssertionError("The masks differ")


def onnx_graph(model):
    """The peer: the parts of the network in turn, joined by ONNX's own operators."""
    first = part(
        lambda image: regions(model, image),
        {"image": tf.TensorSpec([1, *SIZE, 3], tf.uint8)}, "first_")
    boxes = suppression("proposed", "candidates", "candidate_scores", "apart",
                        most=model.proposed[1], iou=0.7, least=-1.0)
    small = aligned("proposed", "small", 7)
    seven = {"proposed": tf.TensorSpec([None, 4], tf.float32),
             "small": tf.TensorSpec([None, CHANNELS, 7, 7], tf.float32)}
    second = part(lambda proposed, small: objects(model, proposed, small), seven, "second_")
    final = suppression("boxes", "object_boxes", "object_scores", "objects_apart",
                        most=model.count, iou=model.overlap, least=model.threshold,
                        further={"object_scores": "scores", "object_class": "class_ids"})
    large = aligned("boxes", "large", 14)
    fourteen = {"boxes": tf.TensorSpec([None, 4], tf.float32),
                "class_ids": tf.TensorSpec([None], tf.int32),
                "large": tf.TensorSpec([None, CHANNELS, 14, 14], tf.float32)}
    third = part(lambda **inputs: pixels(model, **inputs), fourteen, "third_")
    nodes, constants = [], []
    for graph in (first, boxes, small, second, final, large, third):
        nodes += graph.node
        constants += graph.initializer
    kinds = {"boxes": ("FLOAT", ["n", 4]), "scores": ("FLOAT", ["n"]),
             "class_ids": ("INT32", ["n"]), "masks": ("UINT8", ["n", *SIZE])}
    outputs = [onnx.helper.make_tensor_value_info(name, getattr(onnx.TensorProto, kind), shape)
               for name, (kind, shape) in kinds.items()]
    graph = onnx.helper.make_graph(nodes, "mask_rcnn", list(first.input), outputs, constants)
    opset = [onnx.helper.make_opsetid("", formats.ONNX_OPSET)]
    whole = onnx.helper.make_model(graph, opset_imports=opset, ir_version=IR)
    onnx.checker.check_model(whole)
    return session(whole.SerializeToString())


def part(function, inputs, prefix):
    """A TensorFlow function as an ONNX graph; inner names get a prefix, the outer ones stay."""
    specs = [tf.TensorSpec(s.shape, s.dtype, name=name) for name, s in inputs.items()]

    def positional(*tensors):
        return function(**dict(zip(inputs, tensors, strict=True)))

    traced = tf.function(positional, input_signature=specs, autograph=False)
    with ops.exporting():
        proto, _ = tf2onnx.convert.from_function(traced, specs, opset=formats.ONNX_OPSET)
    outer = {value.name for value in (*proto.graph.input, *proto.graph.output)}
    model = onnx.compose.add_prefix(proto, prefix)
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = [name.removeprefix(prefix) if name.removeprefix(prefix) in outer else name
                        for name in names]
    for value in model.graph.input:
        value.name = value.name.removeprefix(prefix)
    return model.graph


def regions(model, image):
    """The maps, channels first, and the boxes that compete to be proposals."""
    size = tf.constant(SIZE)
    sheet, _ = ops.letterbox(tf.cast(image, tf.float32), model.size, fill=faster_rcnn.GREY)
    levels = tf.nest.flatten(model.backbone(sheet))
    logits, deltas = model.scored(levels)
    kept = [proposals._best_of_level(*one, size, model.candidates * model.proposed[1])
            for one in zip(logits, deltas, model.anchors(levels), strict=True)]
    boxes, scores = (tf.concat(found, 1) for found in zip(*kept, strict=True))
    number = tf.concat([tf.fill([one.shape[1]], FAR * i) for i, (one, _) in enumerate(kept)], 0)
    return {"candidates": boxes[0], "candidate_scores": scores[:, tf.newaxis],
            "apart": boxes + tf.reshape(number, [1, -1, 1])} | {
        f"level{i}": tf.transpose(level, [0, 3, 1, 2]) for i, level in enumerate(levels)}


def objects(model, proposed, small):
    """What the second stage says: the best candidates of all classes."""
    logits, deltas = model.head(tf.transpose(small, [0, 2, 3, 1]))
    scores = tf.reshape(tf.nn.softmax(logits)[:, 1:], [-1])
    boxes = roi_heads.decode(deltas, tf.expand_dims(proposed, 1), model.coding)
    boxes = ops.clip_boxes(tf.reshape(boxes, [-1, 4]), tf.constant(SIZE))
    scores, best = tf.math.top_k(scores, tf.minimum(model.before, tf.size(scores)))
    boxes, label = tf.gather(boxes, best), best % CLASSES
    return {"object_boxes": boxes, "object_scores": scores, "object_class": label,
            "objects_apart": boxes + FAR * tf.expand_dims(tf.cast(label, tf.float32), 1)}


def pixels(model, boxes, class_ids, large):
    """Masks of the objects, pasted."""
    logits = model.masks(tf.transpose(large, [0, 2, 3, 1]))
    own = tf.gather(tf.transpose(logits, [0, 3, 1, 2]), class_ids, batch_dims=1)
    return {"masks": ops.paste_masks(tf.sigmoid(own)[tf.newaxis], boxes[tf.newaxis], size=SIZE)[0]}


def suppression(chosen, boxes, scores, apart, *, most, iou, least, further=None):
    """ONNX's NonMaxSuppression, and the boxes that are left, best first."""
    own = f"{chosen}_nms_"
    node = onnx.helper.make_node
    values = [_constant(own + "most", np.array([most], np.int64)),
              _constant(own + "iou", np.array([iou], np.float32)),
              _constant(own + "least", np.array([least], np.float32)),
              _constant(own + "two", np.array(2, np.int64)),
              _constant(own + "boxes", np.array([1, -1, 4], np.int64)),
              _constant(own + "row", np.array([1, 1, -1], np.int64))]
    nodes = [
        node("Reshape", [apart, own + "boxes"], [own + "a"]),
        node("Reshape", [scores, own + "row"], [own + "s"]),
        node("NonMaxSuppression", [own + "a", own + "s", own + "most", own + "iou", own + "least"],
             [own + "found"]),
        node("Gather", [own + "found", own + "two"], [own + "index"], axis=1),
    ]
    nodes += [node("Gather", [source, own + "index"], [target], axis=0)
              for source, target in ({boxes: chosen} | (further or {})).items()]
    return onnx.helper.make_graph(nodes, own, [], [], values)


def _constant(name, value):
    return onnx.numpy_helper.from_array(value, name)


def aligned(boxes, result, size):
    """ONNX's RoiAlign on each level for the boxes that belong to it, put in their order again."""
    own, node = f"{result}_roi_", onnx.helper.make_node
    values = [_constant(own + "minus", np.array([-1], np.int64)),
              _constant(own + "none", np.array(0, np.int64))]
    nodes, rows, crops = [*levels_of(boxes, own, values)], [], []
    level = f"{own}sum{len(STRIDES) - 1}"
    for i, stride in enumerate(STRIDES):
        at = f"{own}{i}_"
        values.append(_constant(at + "number", np.array(i, np.int64)))
        nodes += [
            node("Equal", [level, at + "number"], [at + "is"]),
            node("NonZero", [at + "is"], [at + "where"]),
            node("Reshape", [at + "where", own + "minus"], [at + "rows"]),
            node("Gather", [boxes, at + "rows"], [at + "boxes"], axis=0),
            node("Mul", [at + "rows", own + "none"], [at + "image"]),
            node("RoiAlign", [f"level{i}", at + "boxes", at + "image"], [at + "crops"],
                 output_height=size, output_width=size, sampling_ratio=2,
                 spatial_scale=1 / stride, coordinate_transformation_mode="half_pixel"),
        ]
        rows.append(at + "rows")
        crops.append(at + "crops")
    nodes += [
        node("Concat", rows, [own + "rows"], axis=0),
        node("Concat", crops, [own + "crops"], axis=0),
        node("Shape", [own + "rows"], [own + "n"]),
        node("TopK", [own + "rows", own + "n"], [own + "sorted", own + "order"], largest=0),
        node("Gather", [own + "crops", own + "order"], [result], axis=0),
    ]
    return onnx.helper.make_graph(nodes, own, [], [], values)


def levels_of(boxes, own, values):
    """Nodes that give the number of each box's level: of Lin et al., eq. 1, by areas."""
    node = onnx.helper.make_node
    values += [_constant(f"{own}c{i}", np.array([i], np.int64)) for i in (0, 1, 2, 4)]
    values += [_constant(f"{own}bound{i}", np.array((14 * stride) ** 2, np.float32))
               for i, stride in enumerate(STRIDES)]
    yield node("Slice", [boxes, own + "c0", own + "c2", own + "c1"], [own + "low"])
    yield node("Slice", [boxes, own + "c2", own + "c4", own + "c1"], [own + "high"])
    yield node("Sub", [own + "high", own + "low"], [own + "sides"])
    yield node("ReduceProd", [own + "sides"], [own + "area"], axes=[1], keepdims=0)
    total = own + "none"
    for i in range(1, len(STRIDES)):
        yield node("GreaterOrEqual", [own + "area", f"{own}bound{i}"], [f"{own}over{i}"])
        yield node("Cast", [f"{own}over{i}"], [f"{own}one{i}"], to=onnx.TensorProto.INT64)
        yield node("Add", [total, f"{own}one{i}"], [f"{own}sum{i}"])
        total = f"{own}sum{i}"
