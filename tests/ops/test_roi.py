"""ops.roi_align against known answers, ONNX Runtime and its own transpose."""

from functools import partial

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf

from tfvision import ops

IMPLS = pytest.mark.parametrize("impl", ["gather", "crop"])
RAMP = np.arange(25, dtype=np.float32).reshape(1, 5, 5, 1)


def random(*shape, seed=0, kind=np.float32):
    return np.random.default_rng(seed).normal(size=shape).astype(kind)


def random_boxes(b, count, side, seed=0):
    """[b, count, 4]: half of them at whole pixels, many partly or wholly outside."""
    draw = np.random.default_rng(seed)
    corner = draw.uniform(-0.3 * side, side, [b, count, 2])
    boxes = np.concatenate(
        [corner, corner + np.exp(draw.uniform(-1, np.log(1.5 * side), [b, count, 2]))], -1
    )
    boxes[:, ::2] = np.round(boxes[:, ::2])
    return boxes.astype(np.float32)


def align_one(image, box, **options):
    """roi_align of a picture [h, w] in one box: [rows, columns]."""
    image = np.asarray(image, np.float32)[None, :, :, None]
    box = np.asarray(box, np.float32)[None, None]
    return ops.roi_align(image, box, **({"stride": 1} | options))[0, 0, :, :, 0].numpy()


@IMPLS
@pytest.mark.parametrize("aligned, first", [(True, 4.5), (False, 7.5)])
def test_detectrons_known_answer(impl, aligned, first):
    found = align_one(RAMP[0, :, :, 0], [1, 1, 3, 3], size=4, aligned=aligned, impl=impl)
    rows = first + 2.5 * np.arange(4)[:, None]
    np.testing.assert_allclose(found, rows + 0.5 * np.arange(4), rtol=1e-6)


@IMPLS
def test_half_an_image_with_half_a_box_gives_the_same(impl):
    image = np.random.default_rng(0).random([30, 30]).astype(np.float32) * 100
    half = cv2.resize(image, (15, 15), interpolation=cv2.INTER_LINEAR)
    align = partial(align_one, size=5, impl=impl)
    whole = align(image, [10, 10, 20, 20], sampling_ratio=2)
    for box, stride in (([5, 5, 10, 10], 1), ([10, 10, 20, 20], 2)):
        found = align(half, box, stride=stride, sampling_ratio=1)
        np.testing.assert_allclose(found, whole, atol=1e-4)


@IMPLS
def test_one_sample_in_a_bin_is_a_bilinear_read_at_its_centre(impl):
    image, box = random(1, 9, 8, 3), np.array([1.3, 2.1, 6.7, 7.9], np.float32)
    x = box[0] + (np.arange(4) + 0.5) * (box[2] - box[0]) / 4 - 0.5
    y = box[1] + (np.arange(5) + 0.5) * (box[3] - box[1]) / 5 - 0.5
    points = np.stack(np.meshgrid(x, y), -1).astype(np.float32)[None]
    align = partial(ops.roi_align, size=(5, 4), stride=1, sampling_ratio=1, impl=impl)
    read = ops.grid_sample(image, points, padding="border")
    np.testing.assert_allclose(align(image, box[None, None])[:, 0], read, atol=1e-5)


def onnx_runtime(features, boxes, **attributes):
    """RoiAlign of ONNX Runtime on [b, h, w, c] and [b, r, 4]: [b, r, rows, columns, c]."""
    b, r, _ = boxes.shape
    x, rois, y = (
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
        for name, shape in (("x", [b, None, None, None]), ("rois", [b * r, 4]), ("y", [None] * 4))
    )
    images = onnx.helper.make_tensor_value_info("images", onnx.TensorProto.INT64, [b * r])
    node = onnx.helper.make_node("RoiAlign", ["x", "rois", "images"], ["y"], **attributes)
    model = onnx.helper.make_model(
        onnx.helper.make_graph([node], "g", [x, rois, images], [y]),
        opset_imports=[onnx.helper.make_opsetid("", 17)],
    )
    model.ir_version = 9
    session = onnxruntime.InferenceSession(model.SerializeToString())
    bins = session.run(None, {
        "x": features.transpose(0, 3, 1, 2).copy(), "rois": boxes.reshape(-1, 4),
        "images": np.repeat(np.arange(b), r),
    })[0].transpose(0, 2, 3, 1)
    return bins.reshape(b, r, *bins.shape[1:])


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("samples", [1, 2, 3])
def test_equals_onnx_runtime_for_boxes_inside_and_outside(aligned, samples):
    features, boxes = random(2, 13, 17, 3), random_boxes(2, 60, 60, seed=samples)
    theirs = onnx_runtime(
        features, boxes, output_height=3, output_width=4, sampling_ratio=samples,
        spatial_scale=0.25,
        coordinate_transformation_mode="half_pixel" if aligned else "output_half_pixel",
    )
    align = partial(
        ops.roi_align, features, boxes, size=(3, 4), stride=4, sampling_ratio=samples,
        aligned=aligned,
    )
    np.testing.assert_allclose(align(impl="gather"), theirs, atol=2e-5)
    odd = align(impl="crop").numpy()[:, 1::2]  # No point exactly at the end of an outer pixel.
    np.testing.assert_allclose(odd, theirs[:, 1::2], atol=1e-4)


def test_a_box_belongs_to_the_level_of_the_feature_pyramids_paper():
    levels = [np.full([1, 4, 4, 1], k, np.float32) for k in (2, 3, 4, 5)]
    side = np.array([1, 111.9, 112, 223.9, 224, 447.9, 448, 896])
    boxes = np.stack([8 - side / 4, 8 - side, 8 + side / 4, 8 + side], -1)[None]
    options = {"size": 1, "stride": [4, 8, 16, 32], "sampling_ratio": 1}
    for impl in ("gather", "crop"):
        found = ops.roi_align(levels, boxes, impl=impl, **options)[0, :, 0, 0, 0]
        np.testing.assert_array_equal(found, [2, 2, 3, 3, 4, 4, 5, 5])
    small = ops.roi_align(levels, boxes, canonical_size=112, **options)[0, :, 0, 0, 0]
    np.testing.assert_array_equal(small, [2, 3, 4, 4, 5, 5, 5, 5])


def test_each_box_of_a_pyramid_reads_its_own_level():
    levels = [random(2, 2 * n, 3 * n, 5, seed=n) for n in (8, 4, 2, 1)]
    boxes, strides = random_boxes(2, 40, 60), [4, 8, 16, 32]
    align = partial(ops.roi_align, levels, boxes, size=2, stride=strides, canonical_size=32)
    both = [align(impl=impl).numpy() for impl in ("gather", "crop")]
    np.testing.assert_allclose(*both, atol=1e-4)
    sides = np.maximum(boxes[..., 2:] - boxes[..., :2], 1e-9)
    level = np.clip(np.floor(2 + np.log2(np.sqrt(sides.prod(-1)) / 8)), 2, 5) - 2
    for i, (features, stride) in enumerate(zip(levels, strides, strict=True)):
        alone = ops.roi_align(features, boxes, size=2, stride=stride, impl="gather").numpy()
        np.testing.assert_allclose(both[0][level == i], alone[level == i], atol=1e-6)
        assert (level == i).any()


HARD = np.array([
    [3, 3, 3, 3], [4, 4, 1, 1], [0, 0, 5, 4], [-3, -2, 9, 9], [1, 1, 2, 2], [4.5, 3.5, 5.5, 4.5],
    [-1, 1, 0, 3], [9, 9, 12, 12], [np.nan, 0, 1, 1], [0.3, 0.2, 0.4, 0.3],
])[None]


@pytest.mark.parametrize("aligned", [True, False])
def test_the_gradient_is_the_transpose_of_the_operation(aligned):
    """It is linear: its matrix, column by column, is what it makes of images with a single 1."""
    h, w = 4, 5
    align = partial(ops.roi_align, size=(2, 3), stride=1, aligned=aligned)
    ones = np.eye(h * w).reshape(h * w, h, w, 1)
    matrix = align(ones, np.repeat(HARD, h * w, 0)).numpy().reshape(h * w, -1)
    features, change = tf.zeros([1, h, w, 1], tf.float64), random(1, 10, 2, 3, 1, kind=np.float64)
    with tf.GradientTape() as tape:
        tape.watch(features)
        total = tf.reduce_sum(align(features, HARD) * change)
    gradient = tape.gradient(total, features).numpy().reshape(-1)
    np.testing.assert_allclose(gradient, matrix @ change.reshape(-1), atol=1e-12)


def crowd():
    """Many boxes over the same few pixels."""
    boxes = 40 + 20 * np.random.default_rng(0).normal(size=[1, 700, 4])
    return random(1, 6, 6, 16), np.sort(boxes.reshape(1, 700, 2, 2), 2).reshape(1, 700, 4)


def gradient_of(function, features):
    features = tf.convert_to_tensor(features)
    with tf.GradientTape() as tape:
        tape.watch(features)
        total = tf.reduce_sum(tf.sin(tf.cast(function(features), features.dtype)))
    return tape.gradient(total, features)


def test_many_overlapping_boxes_lose_no_update_however_often_they_are_run():
    features, boxes = crowd()
    function = partial(ops.roi_align, boxes=boxes, size=5, stride=16)
    exact = gradient_of(partial(function, impl="gather"), features.astype(np.float64))
    runs = [gradient_of(partial(function, impl="crop"), features).numpy() for _ in range(5)]
    np.testing.assert_allclose(runs[0], exact, rtol=1e-4, atol=1e-3)
    for again in runs[1:]:
        np.testing.assert_array_equal(again, runs[0])


def op_types(concrete):
    graph = concrete.graph.as_graph_def()
    functions = [n for f in graph.library.function for n in f.node_def]
    return {node.op for node in [*graph.node, *functions]}


def test_tensorflows_gradient_of_crop_and_resize_is_never_taken():
    spec = tf.TensorSpec([1, 6, 6, 16])
    boxes = tf.constant(crowd()[1], tf.float32)
    align = partial(ops.roi_align, boxes=boxes, size=5, stride=16)
    step = tf.function(partial(gradient_of, align), autograph=False)
    found = op_types(step.get_concrete_function(spec))
    assert "CropAndResize" in found
    assert not [name for name in found if "CropAndResizeGrad" in name]


def test_auto_takes_what_the_place_can_run():
    spec, boxes = tf.TensorSpec([1, 6, 6, 2]), tf.zeros([1, 3, 4])
    align = partial(ops.roi_align, boxes=boxes, size=2, stride=1)

    def traced(**options):
        return op_types(tf.function(lambda x: align(x), **options).get_concrete_function(spec))

    assert "CropAndResize" in traced(autograph=False)
    assert "CropAndResize" not in traced(autograph=False, jit_compile=True)
    with ops.exporting():
        assert "CropAndResize" not in traced(autograph=False)
        with pytest.raises(ValueError, match="impl='crop'"):
            align(random(1, 6, 6, 2), impl="crop")


@IMPLS
def test_degenerate_boxes_have_the_results_that_are_documented(impl):
    image = random(6, 7)
    align = partial(align_one, image, size=3, impl=impl)
    point = align([2.5, 3.5, 2.5, 3.5])
    np.testing.assert_allclose(point, image[3, 2], rtol=1e-6)
    np.testing.assert_allclose(align([5, 4, 1, 2]), align([1, 2, 5, 4])[::-1, ::-1], atol=1e-6)
    for box in ([np.nan, 0, 3, 3], [0, 0, np.inf, 3], [-1e30, 0, 1e30, 3], [9, 9, 12, 12],
                [0, -9, 4, -2], [1e6, 1e6, 2e6, 2e6]):
        np.testing.assert_array_equal(align(box), np.zeros([3, 3]))


@IMPLS
def test_a_map_of_one_pixel_is_read_up_to_a_pixel_around_it(impl):
    found = align_one([[3.0]], [-4, -0.5, 4, 1.5], size=(1, 4), sampling_ratio=1, impl=impl)
    np.testing.assert_allclose(found, [[0, 0, 3, 0]], atol=1e-5)


@IMPLS
def test_no_boxes_give_an_empty_result_and_no_gradient(impl):
    align = partial(ops.roi_align, boxes=np.zeros([2, 0, 4], np.float32), impl=impl)
    levels = [random(2, 4, 4, 3), random(2, 2, 2, 3)]
    assert align(levels, size=(3, 2), stride=[4, 8]).shape == (2, 0, 3, 2, 3)
    np.testing.assert_array_equal(gradient_of(partial(align, size=2, stride=4), levels[0]), 0)


@pytest.mark.parametrize("kind, within", [("float64", 1e-6), ("bfloat16", 0.05), ("float16", 5e-3)])
def test_the_type_of_the_features_is_kept(kind, within):
    features, boxes = random(2, 6, 6, 3), random_boxes(2, 9, 20)
    align = partial(ops.roi_align, boxes=boxes, size=1, stride=4, sampling_ratio=1)
    truth, features = align(features, impl="gather"), tf.cast(features, kind)
    for impl in ("auto", "gather", "crop"):
        found = align(features, impl=impl)
        assert found.dtype == kind
        np.testing.assert_allclose(tf.cast(found, tf.float32), truth, atol=within)
    assert gradient_of(align, features).dtype == kind


def test_boxes_are_constants():
    boxes = tf.constant(random_boxes(1, 3, 9))
    with tf.GradientTape() as tape:
        tape.watch(boxes)
        total = tf.reduce_sum(ops.roi_align(random(1, 9, 9, 1), boxes, size=2, stride=1))
    assert tape.gradient(total, boxes) is None


@pytest.mark.parametrize("wrong, received", [
    ({"size": 0}, "size="), ({"sampling_ratio": 0}, "sampling_ratio=0"), ({"stride": 0}, "stride="),
    ({"stride": [4, 8]}, "for 1 levels"), ({"impl": "fast"}, "impl='fast'"),
    ({"features": RAMP[0]}, "features="), ({"features": [RAMP, RAMP], "stride": [8, 4]}, "stride="),
])
def test_what_makes_no_sense_is_refused_by_name(wrong, received):
    right = {"features": RAMP, "boxes": np.zeros([1, 1, 4]), "size": 2, "stride": 4}
    with pytest.raises(ValueError, match=f"Expected .*Received: .*{received}"):
        ops.roi_align(**(right | wrong))
