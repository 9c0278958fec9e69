"""ops.roi_pool against a slow reference and ONNX Runtime's MaxRoiPool."""

from functools import partial

import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf

from tfvision import ops


def random(*shape, seed=0, kind=np.float32):
    return np.random.default_rng(seed).normal(size=shape).astype(kind)


def random_boxes(b, count, side, seed=0):
    """[b, count, 4]: half of them at halves of pixels, many partly or wholly outside."""
    draw = np.random.default_rng(seed)
    corner = draw.uniform(-0.3 * side, side, [b, count, 2])
    boxes = np.concatenate(
        [corner, corner + np.exp(draw.uniform(-1, np.log(1.5 * side), [b, count, 2]))], -1
    )
    boxes[:, ::2] = np.round(boxes[:, ::2])
    return boxes.astype(np.float32)


def pixels(start, end, length, bins):
    """Ranges of pixels of the bins along one axis, with whole numbers of Python."""
    first, last = (int(np.sign(x) * np.floor(abs(x) + 0.5)) for x in (float(start), float(end)))
    n = max(last - first + 1, 1)
    for i in range(bins):
        low, high = first + i * n // bins, first - (-(i + 1) * n // bins)
        yield range(min(max(low, 0), length), min(max(high, 0), length))


def slow(features, boxes, rows, columns, stride):
    """Values and, for each, the flat index of the first maximum in features (-1: none)."""
    b, h, w, c = features.shape
    value = np.zeros([*boxes.shape[:2], rows, columns, c], features.dtype)
    where = np.full(value.shape, -1)
    for n, r in np.ndindex(*boxes.shape[:2]):
        x1, y1, x2, y2 = boxes[n, r] / stride
        for i, ys in enumerate(pixels(y1, y2, h, rows)):
            for j, xs in enumerate(pixels(x1, x2, w, columns)):
                at = [(n * h + y) * w + x for y in ys for x in xs]
                if at:
                    part = features.reshape(-1, c)[at]
                    value[n, r, i, j] = part.max(0)
                    where[n, r, i, j] = np.array(at)[part.argmax(0)] * c + np.arange(c)
    return value, where


def onnx_runtime(features, boxes, size, stride):
    b, r, _ = boxes.shape
    images = np.repeat(np.arange(b, dtype=np.float32), r)[:, None]
    names = {"x": [b, None, None, None], "rois": [b * r, 5], "y": [None] * 4}
    x, rois, y = (onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, s)
                  for n, s in names.items())
    node = onnx.helper.make_node(
        "MaxRoiPool", ["x", "rois"], ["y"], pooled_shape=size, spatial_scale=1 / stride
    )
    model = onnx.helper.make_model(
        onnx.helper.make_graph([node], "g", [x, rois], [y]),
        opset_imports=[onnx.helper.make_opsetid("", 17)],
    )
    model.ir_version = 9
    session = onnxruntime.InferenceSession(model.SerializeToString())
    feed = {"x": features.transpose(0, 3, 1, 2).copy(),
            "rois": np.concatenate([images, boxes.reshape(-1, 4)], 1)}
    return session.run(None, feed)[0].transpose(0, 2, 3, 1).reshape(b, r, *size, -1)


@pytest.mark.parametrize("size", [(1, 1), (3, 4), (7, 7)])
def test_equals_onnx_runtime_and_the_reference(size):
    features, boxes = random(2, 13, 17, 3), random_boxes(2, 50, 60, seed=size[0])
    found = ops.roi_pool(features, boxes, size=size, stride=4).numpy()
    np.testing.assert_array_equal(found, slow(features, boxes, *size, 4)[0])
    np.testing.assert_array_equal(found, onnx_runtime(features, boxes, size, 4))


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_the_gradient_goes_to_the_first_maximum_alone(kind):
    features = np.random.default_rng(0).integers(0, 3, [2, 6, 7, 3]).astype(kind)  # Many ties.
    boxes, change = random_boxes(2, 20, 24), random(2, 20, 3, 2, 3, kind=kind)
    at = tf.constant(features)
    with tf.GradientTape() as tape:
        tape.watch(at)
        total = tf.reduce_sum(ops.roi_pool(at, boxes, size=(3, 2), stride=4) * change)
    where = slow(features, boxes, 3, 2, 4)[1]
    expected = np.zeros(features.size, np.float64)
    np.add.at(expected, where[where >= 0], change[where >= 0])
    gradient = tape.gradient(total, at)
    assert gradient.dtype == kind
    np.testing.assert_allclose(gradient, expected.reshape(features.shape), atol=1e-5)


def test_a_map_wider_than_its_windows_of_powers_of_two():
    features = random(1, 2, 100, 2)
    boxes = np.array([[[0, 0, 99, 1], [3, 0, 98, 1], [10, 1, 73, 1], [-50, 0, 500, 9]]], np.float32)
    pool = partial(ops.roi_pool, size=(1, 1), stride=1)
    truth = slow(features, boxes, 1, 1, 1)[0]
    np.testing.assert_array_equal(pool(features, boxes), truth)
    unknown = tf.function(pool, autograph=False, input_signature=[
        tf.TensorSpec([None, None, None, 2]), tf.TensorSpec([None, None, 4])])
    np.testing.assert_array_equal(unknown(features, boxes), truth)


def test_the_last_bin_ends_with_its_box():
    features = np.zeros([1, 1, 60, 1], np.float32)
    features[0, 0, 57] = 1  # In floating point, 7 * (57 / 7) is a little more than 57.
    box = np.array([[[0, 0, 56, 0]]], np.float32)
    assert not ops.roi_pool(features, box, size=(1, 7), stride=1).numpy().any()


def test_degenerate_boxes_have_the_results_that_are_documented():
    features = random(1, 6, 7, 1)
    boxes = np.array([[
        [2, 3, 2, 3], [5, 4, 1, 2], [1.5, 2.5, 1.5, 2.5], [np.nan, 0, 3, 3], [0, 0, np.inf, 3],
        [-1e30, 0, 1e30, 3], [30, 30, 40, 40], [-9, -9, -5, -5],
    ]], np.float32)
    found = ops.roi_pool(features, boxes, size=2, stride=1)[0, :, :, :, 0].numpy()
    for i, (row, column) in enumerate([(3, 2), (4, 5), (3, 2)]):  # One pixel, whatever the size.
        np.testing.assert_array_equal(found[i], np.full([2, 2], features[0, row, column, 0]))
    np.testing.assert_array_equal(found[3:], 0)


def test_nan_stays_in_the_bins_that_read_it():
    features = np.zeros([1, 4, 4, 1], np.float32)
    features[0, 1, 2] = np.nan
    found = ops.roi_pool(features, [[[0, 0, 3, 3.0]]], size=2, stride=1)[0, 0, :, :, 0].numpy()
    np.testing.assert_array_equal(found, [[0, np.nan], [0, 0]])


def test_no_boxes_and_a_map_of_one_pixel():
    features = np.full([2, 1, 1, 3], 5, np.float32)
    none = ops.roi_pool(features, np.zeros([2, 0, 4], np.float32), size=2, stride=16)
    assert none.shape == (2, 0, 2, 2, 3)
    one = ops.roi_pool(features, [[[0, 0, 20, 20.0]]] * 2, size=2, stride=16)
    np.testing.assert_array_equal(one, [[[[[5] * 3, [0] * 3], [[0] * 3, [0] * 3]]]] * 2)


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_half_precision_is_kept(kind):
    features = tf.cast(random(1, 6, 6, 2), kind)
    boxes = random_boxes(1, 5, 20)
    found = ops.roi_pool(features, boxes, size=2, stride=4)
    assert found.dtype == kind
    wide = ops.roi_pool(tf.cast(features, tf.float32), boxes, size=2, stride=4)
    np.testing.assert_array_equal(tf.cast(found, tf.float32), wide)


@pytest.mark.parametrize("wrong", [{"size": 0}, {"stride": 0}])
def test_what_makes_no_sense_is_refused_by_name(wrong):
    with pytest.raises(ValueError, match="Expected .*Received: size="):
        ops.roi_pool(random(1, 2, 2, 1), np.zeros([1, 1, 4]), **({"size": 1, "stride": 1} | wrong))
