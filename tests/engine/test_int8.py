"""The variant int8: layers in 8 bits, what is made of their results in float."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from tfvision import engine, ops
from tfvision.engine import formats

SIDE, COUNT = 64, 6


@pytest.fixture(scope="module")
def signature():
    """Boxes from a convolution, and those that overlap no better one: as detectors have it."""
    layer = keras.layers.Conv2D(5, 4, strides=4, kernel_initializer=keras.initializers.HeNormal(0))
    image = tf.TensorSpec([1, SIDE, SIDE, 3], tf.uint8, name="image")

    @tf.function
    def detect(image):
        found = tf.reshape(layer(tf.cast(image, tf.float32) / 255), [1, -1, 5])
        middle, size = 200 * tf.sigmoid(found[..., :2]), tf.maximum(20 * tf.abs(found[..., 2:4]), 1)
        boxes = tf.concat([middle - size / 2, middle + size / 2], -1)
        best = ops.nms(boxes, found[..., 4], k=COUNT)
        return {"boxes": ops.take(boxes, best), "all": boxes}

    detect(tf.zeros(image.shape, tf.uint8))  # Traced before it is exported, in a form for CPUs.
    return engine.Signature(lambda image: detect(image), {"image": image})


def images(count):
    random = np.random.default_rng(0)
    return [random.integers(0, 256, [1, SIDE, SIDE, 3], np.uint8) for _ in range(count)]


@pytest.fixture(scope="module")
def exported(signature, tmp_path_factory):
    file = tmp_path_factory.mktemp("int8") / "model.tflite"
    known = [("serving_default", {"image": image}) for image in images(20)]
    formats.write_tflite({"serving_default": signature}, file, quantize="int8", calibration=known)
    return Interpreter(str(file))


def test_the_layer_computes_in_8_bits_and_nothing_else_does(exported):
    dtypes = {tensor["index"]: tensor["dtype"] for tensor in exported.get_tensor_details()}
    made = {}
    for op in exported._get_ops_details():
        made.setdefault(op["op_name"], set()).update(dtypes.get(i) for i in op["outputs"])
    assert made.pop("CONV_2D") == {np.int8} and made.pop("QUANTIZE") == {np.int8}
    assert not [name for name, kinds in made.items() if np.int8 in kinds]


def test_boxes_are_not_rounded(signature, exported):
    boxes = [exported.get_signature_runner()(image=image)["all"] for image in images(4)]
    levels = [len(np.unique(box)) for box in boxes]
    assert min(levels) > 256  # As many as int8 has.
    for image, box in zip(images(4), boxes, strict=True):
        truth = signature.fn(tf.constant(image))["all"].numpy()
        assert np.abs(box - truth).mean() < 0.5


def test_a_model_that_was_called_before_is_exported_without_loops_in_loops(exported):
    kinds = [op["op_name"] for op in exported._get_ops_details()]
    assert kinds.count("WHILE") == 1
