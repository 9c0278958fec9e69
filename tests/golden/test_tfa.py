"""What replaces TensorFlow Addons 0.23.0 against its own outputs, in tfa.npz by record_tfa.py.

Addons' points, flows and boxes are (y, x); they are swapped before ours see them. FIXED are the
places where Addons is wrong, REPLACED and LEFT what became of every name that it offered.
"""

import functools
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfvision import layers, ops
from tfvision.losses import detection, metric

RECORDED = np.load(Path(__file__).with_name("tfa.npz"))
UNIT = 256  # Inputs are stored as integers, in units of 1/UNIT.


def inputs(record, *names, dtype=np.float32):
    """Inputs of a record, as they were given to Addons."""
    found = [(RECORDED[f"{record}/{name}"] / UNIT).astype(dtype) for name in names]
    return found if len(found) > 1 else found[0]


def swapped(points):
    """(y, x) from (x, y) and back; (x1, y1, x2, y2) from (y1, x1, y2, x2)."""
    last = points.shape[-1]
    return points[..., [1, 0] if last == 2 else [1, 0, 3, 2]]


def value_and_gradients(function, *arrays):
    """The value and the gradients of its sum, as arrays."""
    tensors = [tf.constant(array) for array in arrays]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        value = function(*tensors)
        total = tf.reduce_sum(value)
    return value.numpy(), [g.numpy() for g in tape.gradient(total, tensors)]


def assert_recorded(found, name, tolerance=2e-6, swap=False):
    """The recorded array, or as many of its first cases as were recorded."""
    truth = swapped(RECORDED[name]) if swap else RECORDED[name]
    np.testing.assert_allclose(
        np.asarray(found)[: len(truth)], truth, rtol=tolerance, atol=tolerance, err_msg=name
    )


def test_the_contrastive_loss_is_half_of_that_of_addons():
    distance, same = inputs("contrastive", "distance"), RECORDED["contrastive/same"]
    value, (gradient,) = value_and_gradients(
        lambda d: metric.contrastive(same, d, margin=1.25), distance
    )
    assert_recorded(2 * value, "contrastive/value")
    assert_recorded(2 * gradient, "contrastive/gradient")


METRIC = {"lifted": functools.partial(metric.lifted_structure, margin=1.25)}
for distance in metric.DISTANCES:
    options = {"margin": 0.75, "distance": distance}
    METRIC |= {
        f"semihard_{distance}": functools.partial(
            metric.triplet_semihard, **options, definition="tfa"),
        f"hard_{distance}": functools.partial(metric.triplet_hard, **options),
        f"soft_{distance}": functools.partial(metric.triplet_hard, **options, soft=True),
    }


def means_and_gradients(loss, labels, arrays):
    """The mean over examples, and its gradient, of every case."""

    @tf.function(autograph=False)
    def one(case):
        with tf.GradientTape() as tape:
            tape.watch(case[1])
            mean = tf.reduce_mean(loss(*case))
        return mean, tape.gradient(mean, case[1])

    @tf.function(autograph=False)
    def all_of_them(labels, arrays):
        return tf.map_fn(one, (labels, arrays), fn_output_signature=(tf.float32, tf.float32))

    return [x.numpy() for x in all_of_them(tf.cast(labels, tf.int32), arrays)]


@pytest.mark.parametrize("name", METRIC)
def test_losses_of_batches_have_the_mean_and_the_gradient_of_addons(name):
    labels = RECORDED["metric/labels"]
    mean, gradient = means_and_gradients(METRIC[name], labels, inputs("metric", "embeddings"))
    assert_recorded(mean, f"metric/{name}", 1e-5)
    assert_recorded(gradient, f"metric/{name}_gradient", 1e-5)


def test_npairs_is_that_of_addons():
    labels, similarity = RECORDED["npairs/labels"], inputs("npairs", "similarity")
    mean, gradient = means_and_gradients(metric.npairs, labels, similarity)
    assert_recorded(mean, "npairs/value")
    assert_recorded(gradient, "npairs/gradient")


def test_the_generalized_iou_and_the_iou_are_those_of_addons():
    a, b = (swapped(boxes) for boxes in inputs("giou", "a", "b"))
    value, (_, gradient) = value_and_gradients(detection.generalized_iou, a, b)
    assert_recorded(value, "giou/value")
    iou = ops.box_iou(a[:, np.newaxis], b[:, np.newaxis])
    assert_recorded(1 - iou.numpy()[:, 0, 0], "giou/iou")
    solid = np.all(a[:, 2:] > a[:, :2], -1) & np.all(b[:, 2:] > b[:, :2], -1)
    solid &= np.all(a != b, -1)  # Where edges meet there is a slope to either side.
    assert np.sum(solid) > 200
    truth = swapped(RECORDED["giou/gradient"])
    np.testing.assert_allclose(gradient[solid], truth[solid], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("k, alpha, gamma", [(0, 0.25, 2.0), (1, 0.75, 1.5), (2, None, 0.0)])
def test_the_focal_loss_is_that_of_addons(k, alpha, gamma):
    logits, targets = inputs("focal", "logits"), np.float32(RECORDED["focal/targets"])
    value, (gradient,) = value_and_gradients(
        lambda x: detection.sigmoid_focal(targets, x, alpha=alpha, gamma=gamma), logits
    )
    assert_recorded(value, f"focal/value_{k}", 1e-5)
    assert_recorded(gradient, f"focal/gradient_{k}", 1e-5)


def test_the_focal_loss_of_probabilities_is_that_of_addons():
    logits, targets = inputs("focal", "logits", dtype=np.float64), RECORDED["focal/targets"]
    probability = 1 / (1 + np.exp(-logits / 2))
    found = detection.sigmoid_focal(targets, probability, from_logits=False)
    assert_recorded(found, "focal/of_probability")


SPLINE = ("train_points", "train_values", "query_points")
ITSELF = {1: 1e-5, 2: 0.0, 3: 0.0}  # What Addons takes for phi(0): as a regularization would.


@pytest.mark.parametrize("order", [1, 2, 3])
def test_splines_and_their_gradients_are_those_of_addons(order):
    arrays = inputs("spline", *SPLINE, dtype=np.float64)
    value, gradients = value_and_gradients(
        functools.partial(ops.spline_interpolate, order=order, regularization=ITSELF[order]),
        *arrays,
    )
    assert_recorded(value, f"spline/order_{order}")
    for name, gradient in zip(SPLINE, gradients, strict=True):
        assert_recorded(gradient, f"spline/order_{order}_{name}", 1e-5)
    exact = ops.spline_interpolate(*arrays, order=order)
    assert_recorded(exact, f"spline/order_{order}", 1e-3)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_regularised_splines_are_those_of_addons(order):
    arrays = inputs("spline", *SPLINE, dtype=np.float64)
    found = ops.spline_interpolate(*arrays, order=order, regularization=0.125 + ITSELF[order])
    assert_recorded(found, f"spline/order_{order}_regularised", 1e-5)


@pytest.mark.parametrize("k, order, boundary, regularization", [
    (0, 2, 0, 0.0), (1, 1, 0, 0.0), (2, 3, 1, 0.0), (3, 2, 2, 0.0), (4, 2, 3, 0.125),
])
def test_sparse_warps_and_their_flows_are_those_of_addons(k, order, boundary, regularization):
    arrays = inputs("sparse_image_warp", "image", "source", "moved", dtype=np.float64)
    image, source, moved = (array[40 * k : 40 * k + 40] for array in arrays)
    warped, flow = ops.sparse_image_warp(
        image, swapped(source), swapped(source + moved), order=order, boundary_points=boundary,
        regularization=regularization + ITSELF[order],
    )
    assert_recorded(flow, f"sparse_image_warp/flow_{k}", 1e-5, swap=True)
    assert_recorded(warped, f"sparse_image_warp/image_{k}", 1e-5)


def test_dense_warps_and_their_gradients_are_those_of_addons():
    image, flow = inputs("dense_image_warp", "image", "flow")
    value, gradients = value_and_gradients(ops.dense_image_warp, image, swapped(flow))
    assert_recorded(value, "dense_image_warp/value")
    assert_recorded(gradients[0], "dense_image_warp/image_gradient", 1e-5)
    truth = swapped(RECORDED["dense_image_warp/flow_gradient"])
    places = (np.moveaxis(np.indices([4, 5]), 0, -1) - flow)[: len(truth)]
    smooth = np.all(places % 1 != 0, -1)  # Elsewhere there is a slope to either side.
    assert np.mean(smooth) > 0.9
    np.testing.assert_allclose(
        gradients[1][: len(truth)][smooth], truth[smooth], rtol=1e-5, atol=1e-5
    )


def test_grid_sample_is_the_resampler_of_addons():
    image, points = inputs("resampler", "image", "points")
    assert_recorded(ops.grid_sample(image, points), "resampler/value")
    _, gradients = value_and_gradients(
        lambda *arrays: ops.grid_sample(*arrays) ** 2, image, points
    )
    assert_recorded(gradients[0], "resampler/image_gradient", 1e-5)
    truth = RECORDED["resampler/points_gradient"]
    smooth = np.all(points[: len(truth)] % 1 != 0, -1)
    assert np.mean(smooth) > 0.9
    np.testing.assert_allclose(
        gradients[1][: len(truth)][smooth], truth[smooth], rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_rotation_is_that_of_addons_the_other_way_round(interpolation):
    image, angle = inputs("rotate", "image", "angle")
    found = ops.rotate(image, -angle, interpolation=interpolation).numpy()
    if interpolation == "nearest":
        found *= UNIT
    assert_recorded(found, f"rotate/{interpolation}", 1e-5)


def normalised(size):
    """The matrix that takes px, (x, y), to -1..1 between the centres of the outer pixels."""
    h, w = size
    return np.array([[2 / (w - 1), 0, -1], [0, 2 / (h - 1), -1], [0, 0, 1]])


def test_a_projective_grid_does_the_transform_of_addons():
    image, linear, bend = inputs("transform", "image", "linear", "bend")
    ones = np.ones_like(linear[:, :1])
    rows = np.concatenate([linear + [1, 0, 0, 0, 1, 0], bend, ones], 1)
    size = image.shape[1:3]
    matrix = normalised(size) @ rows.reshape(-1, 3, 3) @ np.linalg.inv(normalised(size))
    points = ops.projective_grid(matrix, size, align_corners=True)
    assert_recorded(ops.grid_sample(image, points), "transform/bilinear", 1e-5)


@pytest.mark.parametrize("name, layer", [
    ("instance", functools.partial(layers.InstanceNormalization, epsilon=1e-3)),
    ("group", functools.partial(keras.layers.GroupNormalization, groups=2, epsilon=1e-3)),
])
def test_normalisation_and_its_gradients_are_those_of_addons(name, layer):
    image, weights = inputs("normalisation", "image", "weights")
    layer = layer()
    layer.build(image.shape)
    layer.set_weights(inputs("normalisation", "gain", "offset"))
    with tf.GradientTape() as tape:
        x = tf.constant(image)
        tape.watch(x)
        value = layer(x)
        total = tf.reduce_sum(value * weights)
    gradients = tape.gradient(total, [x, *layer.trainable_weights])
    assert_recorded(value, f"normalisation/{name}", 1e-5)
    for key, gradient in zip(("image", "gain", "offset"), gradients, strict=True):
        assert_recorded(gradient, f"normalisation/{name}_{key}_gradient", 1e-4)


def test_pooling_with_switches_and_unpooling_are_those_of_addons():
    image = RECORDED["unpooling/image"].astype(np.float32)
    pooled, switches = ops.max_pool_with_switches(image)
    np.testing.assert_array_equal(pooled, RECORDED["unpooling/pooled"])
    flat = RECORDED["unpooling/switches"].astype(int)  # (y 6 + x) 2 + channel
    np.testing.assert_array_equal(switches, flat // 12 % 2 * 2 + flat // 2 % 2)
    np.testing.assert_array_equal(ops.unpool(pooled, switches), RECORDED["unpooling/value"])


FOUR = np.eye(4, dtype=np.float32)
PAIRS, ONE_CLASS, APART = [0, 0, 1, 1], [0, 0, 0, 0], [0, 1, 2, 3]
FAR = np.float32([[0, 0], [200, 0], [1, 0], [201, 0]])
CLUSTERS = np.float32([[0, 0], [1, 0], [500, 0], [501, 0]])
SIMILARITY = np.float16([[5, 0], [0, 5]])
CHECKS = np.where(np.indices([4, 4]).sum(0) % 2, 600, -600)[np.newaxis, ..., np.newaxis]


def semihard(*arguments):
    return metric.triplet_semihard(*arguments, margin=1.0, definition="tfa")


def half_focal():
    """The gradient of a loss whose 1 - p_t is 0 in single precision."""
    x = tf.constant([[20.0]])
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = detection.sigmoid_focal([[1.0]], x, gamma=0.5)
    return tape.gradient(loss, x)


# What Addons gives (tfa.npz, bugs/...), where it was reported, what ours gives, what is right.
FIXED = {
    "semihard_no_positive": (np.nan, "addons#1676, #2447", lambda: semihard(APART, FOUR), 0),
    "semihard_one_class": (1 + 2**0.5, "tensorflow#20253", lambda: semihard(ONE_CLASS, FOUR), 0),
    "hard_one_class": (1, "tensorflow#20253, of the semi-hard one",
                       lambda: metric.triplet_hard(ONE_CLASS, FOUR, margin=1.0), 0),
    "soft_far": (np.inf, "", lambda: metric.triplet_hard(PAIRS, FAR, soft=True), 199),
    "lifted_no_positive": (np.nan, "", lambda: metric.lifted_structure(APART, FOUR), 0),
    "lifted_one_class": (np.nan, "", lambda: metric.lifted_structure(ONE_CLASS, FOUR), 0),
    "lifted_far": (np.nan, "", lambda: metric.lifted_structure(PAIRS, CLUSTERS), 0),
    "npairs_float16": (2.506, "", lambda: metric.npairs([2048, 2049], SIMILARITY),
                       np.log1p(np.exp(-5))),
    "focal_gamma_half": (np.nan, "addons#2697", half_focal, 0),
    "instance_float16": (
        0, "addons#2550", lambda: layers.InstanceNormalization(dtype="float16")(
            CHECKS.astype(np.float16)) ** 2, 1),
    "float64_refused": (True, "", lambda: metric.triplet_hard(PAIRS, FAR.astype(float)), 199.2),
}


@pytest.mark.parametrize("name", FIXED)
def test_what_addons_gets_wrong_is_right_here(name):
    wrong, _, ours, right = FIXED[name]
    np.testing.assert_allclose(RECORDED[f"bugs/{name}"], wrong, rtol=1e-3)
    np.testing.assert_allclose(np.mean(ours()), right, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("gradient, slope", [("right", 3), ("central", 2)])
def test_at_whole_numbers_the_slope_of_addons_is_one_of_those_to_choose(gradient, slope):
    """Reported as addons#2535: finite differences have the mean of both sides."""
    ramp = np.float32([0, 1, 4]) * np.ones([3, 1], np.float32)
    _, (found,) = value_and_gradients(
        lambda p: ops.grid_sample(ramp[np.newaxis, ..., np.newaxis], p, gradient=gradient),
        np.float32([[[1, 1]]]),
    )
    np.testing.assert_allclose(found, [[[slope, 0]]])
    np.testing.assert_allclose(RECORDED["bugs/resampler_gradient"], [[[3, 0]]])


def test_what_addons_refuses_works_here():
    assert RECORDED["bugs/collinear_refused"] and RECORDED["bugs/one_row_refused"]
    line = np.array([[[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]])
    found = ops.spline_interpolate(line, line, line + 0.25, order=2)
    np.testing.assert_allclose(found, line + 0.25, atol=1e-9)
    row = np.arange(5.0).reshape(1, 1, 5, 1)
    np.testing.assert_array_equal(ops.dense_image_warp(row, np.zeros([1, 1, 5, 2])), row)


def test_a_rotation_has_a_gradient_to_its_angle():
    """Asked for in tensorflow#18764 and #30413; that of Addons has none."""
    image = tf.random.stateless_uniform([2, 5, 6, 1], [0, 1])
    _, (gradient,) = value_and_gradients(
        lambda angle: ops.rotate(image, angle, interpolation="bilinear"), np.float32([0.3, 2.0])
    )
    assert np.all(np.isfinite(gradient)) and np.all(gradient != 0)
