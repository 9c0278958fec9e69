"""ops.boxes: areas, overlaps, codes; defined and differentiable at boxes that are none."""

import numpy as np
import pytest
import tensorflow as tf

from tfvision import ops

NAN, INF = np.nan, np.inf
ODD = np.array([  # boxes that a network may well produce
    [3, 3, 3, 9], [5, 5, 5, 5], [9, 9, 2, 2], [0, 0, 0, 0], [0, 0, 4, 4], [4, 0, 8, 4],
    [1e-30, 0, 2e-30, 1e-30], [-1e9, -1e9, 1e9, 1e9], [2, 2, 2 + 1e-7, 3],
])


def boxes(*shape, seed=0, size=100.0):
    random = np.random.default_rng(seed)
    corner, side = random.uniform(0, size, [*shape, 2]), random.uniform(0.1, size / 2, [*shape, 2])
    return np.concatenate([corner, corner + side], -1)


def slow_iou(a, b):
    shared = max(min(a[2], b[2]) - max(a[0], b[0]), 0) * max(min(a[3], b[3]) - max(a[1], b[1]), 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return shared / (sum(areas) - shared)


def gradients(function, *inputs):
    inputs = [tf.constant(x) for x in inputs]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        total = tf.reduce_sum(function(*inputs))
    return [tf.convert_to_tensor(g).numpy() for g in tape.gradient(total, inputs)]


def test_the_area_of_the_first_pixel_is_1_and_that_of_no_box_0():
    found = ops.box_area([[0.0, 0, 1, 1], [2, 3, 7, 5], [5, 5, 5, 9], [9, 9, 2, 2], [0, NAN, 9, 9]])
    np.testing.assert_array_equal(found, [1, 10, 0, 0, 0])


@pytest.mark.parametrize("kind, within", [(np.float32, 1e-5), (np.float64, 1e-12)])
def test_iou_is_the_quotient_of_areas(kind, within):
    a, b = boxes(3, 8).astype(kind), boxes(3, 9, seed=1).astype(kind)
    found = ops.box_iou(a, b).numpy()
    assert found.dtype == kind and found.shape == (3, 8, 9)
    for image, i, j in np.ndindex(found.shape):
        expected = slow_iou(a[image, i], b[image, j])
        np.testing.assert_allclose(found[image, i, j], expected, atol=within)


def test_iou_equals_pycocotools_on_250_sets_of_boxes():
    mask = pytest.importorskip("pycocotools.mask")
    a, b = boxes(250, 6), boxes(250, 7, seed=1)
    found = ops.box_iou(a, b).numpy()
    lists = (np.concatenate([x[..., :2], x[..., 2:] - x[..., :2]], -1) for x in (a, b))
    for one, detections, truth in zip(found, *lists, strict=True):
        expected = mask.iou(detections, truth, [0] * len(truth))
        np.testing.assert_allclose(one, expected, atol=1e-12)


def test_boxes_that_are_none_overlap_nothing_not_even_themselves():
    none = [[5.0, 5, 5, 5], [3, 3, 3, 9], [9, 9, 2, 2], [NAN, 0, 9, 9], [0, 0, INF, 9],
            [0, 0, 1e30, 1e30], [NAN] * 4]
    np.testing.assert_array_equal(ops.box_iou(none, [[0.0, 0, 9, 9], *none]), np.zeros([7, 8]))


def test_no_boxes_give_an_empty_matrix():
    assert ops.box_iou(np.zeros([2, 0, 4]), np.zeros([2, 3, 4])).shape == (2, 0, 3)


def test_generalized_iou_has_the_known_values():
    a = [[4.0, 3, 7, 5], [5, 6, 10, 7], [0, 0, 2, 2], [0, 0, 2, 2], [5, 5, 5, 5], [5, 5, 5, 5]]
    b = [[3.0, 4, 6, 8], [14, 14, 15, 15], [0, 0, 2, 2], [2, 0, 4, 2], [5, 5, 5, 5], [4, 4, 6, 6]]
    found = ops.generalized_iou(a, b)
    np.testing.assert_allclose(found, [-0.075, -84 / 90, 1, 0, 0, 0], atol=1e-6)


def test_generalized_iou_is_at_most_the_iou_and_symmetric():
    a, b = boxes(300), boxes(300, seed=1)
    found = ops.generalized_iou(a, b).numpy()
    iou = np.array([slow_iou(*pair) for pair in zip(a, b, strict=True)])
    assert (found <= iou + 1e-12).all() and (found > -1).all()
    np.testing.assert_allclose(found, ops.generalized_iou(b, a), atol=1e-12)
    np.testing.assert_allclose(found, ops.generalized_iou(a * 3 + 7, b * 3 + 7), atol=1e-9)


def test_generalized_iou_shows_a_nan():
    found = ops.generalized_iou([[0.0, NAN, 2, 2], [0, 0, 2, 2]], [[0.0, 0, 2, 2]])
    np.testing.assert_array_equal(np.isnan(found), [True, False])


@pytest.mark.parametrize("function", [ops.generalized_iou, ops.encode_boxes, ops.decode_boxes])
def test_gradients_equal_finite_differences(function):
    a, b = boxes(6, size=8), boxes(6, seed=1, size=8)
    a = a / 20 if function is ops.decode_boxes else a
    theory, numeric = tf.test.compute_gradient(function, [tf.constant(a), tf.constant(b)], 1e-6)
    for x, y in zip(theory, numeric, strict=True):
        np.testing.assert_allclose(x, y, atol=1e-5)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("function", [
    ops.generalized_iou, ops.box_iou, ops.encode_boxes, ops.decode_boxes])
def test_values_and_gradients_are_finite_at_odd_boxes(function, kind):
    a, b = (x.reshape(-1, 4).astype(kind) for x in np.broadcast_arrays(ODD[:, None], ODD[None]))
    assert np.isfinite(function(a, b)).all()
    assert all(np.isfinite(g).all() for g in gradients(function, a, b))


def test_an_inverted_prediction_is_led_back():
    to_prediction, _ = gradients(ops.generalized_iou, [[12.0, 5, 11, 8]], [[4.0, 4, 9, 9]])
    assert to_prediction[0, 2] < 0  # The right edge is to move left: it is outside the true box.


def test_codes_are_those_of_the_paper():
    found = ops.encode_boxes([[10.0, 20, 30, 60]], [[0.0, 0, 10, 20]], weights=(10, 10, 5, 5))
    np.testing.assert_allclose(found, [[15, 15, 5 * np.log(2), 5 * np.log(2)]], rtol=1e-6)


@pytest.mark.parametrize("weights", [(1, 1, 1, 1), (10, 10, 5, 5)])
@pytest.mark.parametrize("kind, within", [(np.float32, 1e-4), (np.float64, 1e-11)])
def test_decoding_undoes_encoding(weights, kind, within):
    a, anchors = boxes(2, 500).astype(kind), boxes(2, 500, seed=1).astype(kind)
    anchors[..., 2:] += 3  # no side below a 62.5th of the box's
    codes = ops.encode_boxes(a, anchors, weights=weights)
    found = ops.decode_boxes(codes, anchors, weights=weights)
    assert found.dtype == kind
    np.testing.assert_allclose(found, a, atol=within)


def test_a_side_grows_to_at_most_1000_sixteenths():
    far = [[0.0, 0, 4.2, 900], [0, 0, -1e30, 4.135]]
    found = ops.decode_boxes(far, [[0.0, 0, 16, 16]])
    np.testing.assert_allclose(found[0], [-492, -492, 508, 508], rtol=1e-6)
    np.testing.assert_allclose(found[1, 2] - found[1, 0], 0, atol=1e-6)
    assert 999 < found[1, 3] - found[1, 1] < 1000
    assert gradients(lambda d: ops.decode_boxes(d, [[0.0, 0, 16, 16]]), far)[0][0, 2] == 0


def test_a_nan_in_a_code_stays_visible():
    found = ops.decode_boxes([[0, NAN, 0, 0], [0, 0, NAN, 0.0]], [[0.0, 0, 2, 2]])
    assert np.isnan(found).all()
    assert np.isfinite(ops.decode_boxes([[0.0] * 4], [[0.0, 0, 2, 2]])).all()


def test_half_precision_is_decoded_in_float32():
    found = ops.decode_boxes(tf.zeros([1, 4], tf.bfloat16), tf.constant([[1001.0, 1, 1003, 5]]))
    assert found.dtype == tf.float32
    np.testing.assert_array_equal(found, [[1001, 1, 1003, 5]])


def test_clipping_keeps_boxes_in_their_images():
    inside, outside = [1.0, 2, 3, 4], [-5.0, -1, 50, 60]
    found = ops.clip_boxes([inside, outside, [90, 5, 99, NAN]], (20, 30))
    np.testing.assert_array_equal(found, [inside, [0, 0, 30, 20], [30, 5, 30, NAN]])
    found = ops.clip_boxes([[outside], [outside]], [[20, 30], [8, 9]])
    np.testing.assert_array_equal(found, [[[0, 0, 30, 20]], [[0, 0, 9, 8]]])


def test_a_flip_mirrors_the_pixels_and_undoes_itself():
    image = np.zeros([6, 9])
    image[1:3, 2:7] = 1
    rows, columns = np.nonzero(image[:, ::-1])
    expected = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    np.testing.assert_array_equal(ops.flip_boxes([2.0, 1, 7, 3], 9), expected)
    a = boxes(5)
    np.testing.assert_allclose(ops.flip_boxes(ops.flip_boxes(a, 640), 640), a, atol=1e-12)


def test_centres_and_boxes_are_two_forms_of_one_thing():
    np.testing.assert_array_equal(ops.centres_from_boxes([[0.0, 0, 4, 2]]), [[2, 1, 4, 2]])
    a = boxes(7)
    np.testing.assert_allclose(ops.boxes_from_centres(ops.centres_from_boxes(a)), a, atol=1e-12)
