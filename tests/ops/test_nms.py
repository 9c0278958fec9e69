"""ops.nms: every form selects, index for index, what a loop over the boxes would."""

from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from tfvision import ops

FORMS = ["tiles", "hybrid", "matrix"]
BOX = [10.0, 10.0, 20.0, 20.0]


def overlaps(box, others):
    """IoU in float32, in the order of operations that ONNX Runtime has."""
    area = (others[:, 2] - others[:, 0]) * (others[:, 3] - others[:, 1])
    own = (box[2] - box[0]) * (box[3] - box[1])
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    shared = np.where((sides > 0).all(1), sides.prod(1), 0).astype(box.dtype)
    union = own + area - shared
    return np.where(union > 0, shared / np.where(union > 0, union, 1), 0)


def greedy(boxes, scores, classes, k, threshold, least=-np.inf):
    """The best box that is left, again and again, and away with all that overlap it."""
    left = (scores > least) & np.isfinite(boxes).all(1)
    kept = np.full(k, -1, np.int32)
    for slot in range(k):
        if not left.any():
            break
        best = kept[slot] = np.argmax(np.where(left, scores, -np.inf))
        over = overlaps(boxes[best], np.where(left[:, None], boxes, 0)) > threshold
        left &= ~(over & (classes == classes[best]))
        left[best] = False
    return kept


def slow(boxes, scores, classes=None, *, k, iou_threshold, score_threshold=-np.inf):
    classes = np.zeros(scores.shape, np.int32) if classes is None else classes
    return np.stack([greedy(*image, k, np.float32(iou_threshold), score_threshold)
                     for image in zip(boxes, scores, classes, strict=True)])


def clustered(random, b, n, spread):
    """Boxes around a few centres, as a detector proposes them."""
    centre = random.uniform(0, 300, [b, 1 + n // 8, 2])
    which = random.integers(0, centre.shape[1], [b, n, 1])
    middle = np.take_along_axis(centre, which, 1) + random.normal(0, spread, [b, n, 2])
    half = random.uniform(15, 40, [b, n, 2])
    return np.concatenate([middle - half, middle + half], -1).astype(np.float32)


def ordinary(b, n, seed):
    """Boxes and scores without NaN: clustered, scattered, equal, empty, tied, on whole px."""
    random = np.random.default_rng(seed)
    boxes = np.concatenate([clustered(random, 1, n, spread) for spread in
                            random.choice([0.5, 3, 10, 100], b)])
    scores = random.random([b, n], np.float32)
    boxes[0::8] = BOX  # all equal
    boxes[1::8] = boxes[1::8].round()  # sums of areas are exact, and IoU may be the threshold
    boxes[2::8, ::3, 2] = boxes[2::8, ::3, 0]  # no width
    boxes[3::8, ::2] = 0  # no extent
    scores[4::8] = scores[4::8].round(1)  # ties
    scores[5::8] = 0.5  # nothing but ties
    boxes[6::8] = np.tile(random.integers(0, 6, [b, n, 2]), 2)[6::8] + [0, 0, 3, 2]
    return boxes, scores


def hostile(b, n, seed):
    """The same with NaN, infinities and both zeros."""
    boxes, scores = ordinary(b, n, seed)
    random = np.random.default_rng(seed + 1)
    scores[0::5][random.random(scores[0::5].shape) < 0.3] = np.nan
    scores[1::5] = np.where(random.random(scores[1::5].shape) < 0.5, 0.0, -0.0)
    scores[2::5, ::3], scores[2::5, 1::3] = -np.inf, np.inf
    boxes[3::5, ::4, 1], boxes[3::5, 1::4, 2] = np.nan, np.inf
    scores[4] = np.nan
    return boxes, scores


@pytest.mark.parametrize("impl", FORMS)
def test_every_form_equals_the_loop_on_400_images(impl):
    easy, hard = ordinary(200, 70, 0), hostile(200, 70, 1)
    boxes, scores = (np.concatenate(pair) for pair in zip(easy, hard, strict=True))
    options = {"k": 75, "iou_threshold": 0.5}
    np.testing.assert_array_equal(ops.nms(boxes, scores, impl=impl, **options),
                                  slow(boxes, scores, **options))


@pytest.mark.parametrize("impl", ["tiles", "matrix"])
def test_many_boxes_of_several_classes(impl):
    boxes, scores = hostile(24, 330, 3)
    classes = np.random.default_rng(4).integers(0, 3, scores.shape)
    options = {"k": 50, "iou_threshold": 0.3, "score_threshold": 0.05}
    expected = slow(boxes, scores, classes, **options)
    assert (expected >= 0).any(1).sum() > 15
    np.testing.assert_array_equal(ops.nms(boxes, scores, classes=classes, impl=impl, **options),
                                  expected)


@pytest.mark.parametrize("impl", ["tiles", "matrix"])
def test_the_compiled_graph_takes_any_number_of_images_and_of_boxes(impl):
    function = tf.function(
        partial(ops.nms, k=20, iou_threshold=0.6, impl=impl), jit_compile=True, autograph=False,
        input_signature=[tf.TensorSpec([None, None, 4]), tf.TensorSpec([None, None])],
    )
    for b, n in ((3, 70), (2, 0)):
        boxes, scores = ordinary(b, n, 1) if n else (np.zeros([b, 0, 4]), np.zeros([b, 0]))
        expected = slow(boxes, scores, k=20, iou_threshold=0.6)
        np.testing.assert_array_equal(function(boxes, scores), expected)


@pytest.mark.parametrize("impl", FORMS)
def test_in_a_chain_of_neighbours_every_second_one_stays(impl):
    x = np.arange(80) * 5.0
    boxes = np.stack([x, 0 * x, x + 12, 0 * x + 9], -1)[None]
    found = ops.nms(boxes, -x[None], k=40, iou_threshold=0.3, impl=impl)
    np.testing.assert_array_equal(found, [np.arange(0, 80, 2)])


def test_where_the_best_boxes_do_not_suffice_all_are_looked_at():
    boxes, scores = np.tile(np.float32(BOX), [2, 900, 1]), np.ones([2, 900], np.float32)
    classes = np.zeros([2, 900], np.int32)
    boxes[:, 700] += 500
    classes[1, 3] = 1
    select = tf.function(
        lambda boxes, scores, classes: ops.nms(boxes, scores, k=4, classes=classes, impl="hybrid"),
        autograph=False, input_signature=[
            tf.TensorSpec([None, None, 4]), tf.TensorSpec([None, None]),
            tf.TensorSpec([None, None], tf.int32)],
    )
    found = select(boxes, scores, classes)
    np.testing.assert_array_equal(found, [[0, 700, -1, -1], [0, 3, 700, -1]])
    found = select(boxes[:, :5], scores[:, :5], classes[:, :5])
    np.testing.assert_array_equal(found, [[0, -1, -1, -1], [0, 3, -1, -1]])


def onnx_runtime(boxes, scores, k, iou_threshold):
    """Its NonMaxSuppression, one class."""
    onnx, runtime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    make, kinds = onnx.helper, onnx.TensorProto
    graph = make.make_graph(
        [make.make_node("NonMaxSuppression", ["boxes", "scores", "k", "threshold"], ["out"])],
        "nms",
        [make.make_tensor_value_info("boxes", kinds.FLOAT, [None, None, 4]),
         make.make_tensor_value_info("scores", kinds.FLOAT, [None, 1, None])],
        [make.make_tensor_value_info("out", kinds.INT64, [None, 3])],
        [make.make_tensor("k", kinds.INT64, [1], [k]),
         make.make_tensor("threshold", kinds.FLOAT, [1], [iou_threshold])],
    )
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=8)
    session = runtime.InferenceSession(model.SerializeToString())
    rows, = session.run(None, {"boxes": boxes, "scores": scores[:, None]})
    return [rows[rows[:, 0] == image, 2].tolist() for image in range(len(boxes))]


@pytest.mark.parametrize("n, k, iou_threshold", [(70, 75, 0.5), (150, 20, 0.7)])
def test_onnx_runtime_selects_the_same_on_240_images(n, k, iou_threshold):
    boxes, scores = ordinary(240, n, n)
    found = ops.nms(boxes, scores, k=k, iou_threshold=iou_threshold, impl="tiles").numpy()
    expected = onnx_runtime(boxes, scores, k, iou_threshold)
    assert [[i for i in row if i >= 0] for row in found.tolist()] == expected


@pytest.mark.parametrize("impl", FORMS)
def test_an_overlap_of_exactly_the_threshold_is_allowed(impl):
    boxes = np.array([[[0, 0, 10, 1], [3, 0, 10, 1], [0, 0, 7.01, 1]]], np.float32)
    found = ops.nms(boxes, [[0.9, 0.8, 0.7]], k=3, iou_threshold=0.7, impl=impl)
    np.testing.assert_array_equal(found, [[0, 1, -1]])


@pytest.mark.parametrize("impl", ["tiles", "matrix"])
def test_classes_far_apart_are_told_apart(impl):
    boxes = np.float32([[BOX, BOX, BOX]])
    classes = [[2**31 - 1, 2**31 - 2, 2**31 - 1]]
    found = ops.nms(boxes, [[0.1, 0.2, 0.3]], k=3, classes=classes, impl=impl)
    np.testing.assert_array_equal(found, [[2, 1, -1]])


def test_whole_numbers_and_half_precision_are_taken():
    boxes = np.int32([[BOX, BOX, [0, 0, 5, 5]]])
    for kind in (np.int32, np.float16, np.float64):
        scores = tf.constant([[1, 3, 2]], tf.bfloat16)
        found = ops.nms(boxes.astype(kind), scores, k=np.int64(3), impl="tiles")
        np.testing.assert_array_equal(found, [[1, 2, -1]])


def test_gradients_pass_by():
    boxes = tf.Variable([[BOX, BOX]])
    with tf.GradientTape() as tape:
        best = ops.nms(boxes, boxes[..., 0], k=1, impl="tiles")
        total = tf.reduce_sum(tf.gather(boxes, best, batch_dims=1))
    gradient = tf.convert_to_tensor(tape.gradient(total, boxes))
    np.testing.assert_array_equal(gradient, [[[1] * 4, [0] * 4]])


@pytest.mark.parametrize("change", [
    {"k": 0}, {"k": 1.5}, {"iou_threshold": 1.1}, {"iou_threshold": np.nan}, {"impl": "fast"},
    {"boxes": np.zeros([3, 4])}, {"scores": np.zeros([1, 2])},
])
def test_what_is_wrong_is_named(change):
    call = {"boxes": np.zeros([1, 3, 4]), "scores": np.zeros([1, 3]), "k": 5} | change
    with pytest.raises(ValueError, match=rf"Expected.*Received.*{next(iter(change))}="):
        ops.nms(**call)
