"""The second stage: regions to learn from, their losses, and the final boxes."""

import numpy as np
import pytest
import tensorflow as tf

from tfvision import ops
from tfvision.models import roi_heads

OBJECTS = {
    "boxes": tf.constant([[[10, 10, 30, 30], [40, 40, 60, 50], [0, 0, 0, 0]]], tf.float32),
    "classes": tf.constant([[2, 0, -1]]),
    "ignore": tf.zeros([1, 3], tf.bool),
}
RANDOM = np.random.default_rng(0)
CORNER = RANDOM.uniform(0, 50, [1, 40, 2])
PROPOSALS = tf.constant(np.concatenate([CORNER, CORNER + RANDOM.uniform(5, 25, [1, 40, 2])], -1),
                        tf.float32)
NOISE = tf.constant(RANDOM.random([1, 43], np.float32))


def test_regions_are_objects_first_and_then_background():
    rois = roi_heads.sample(PROPOSALS, OBJECTS, NOISE, count=16)
    iou = ops.box_iou(rois["boxes"], OBJECTS["boxes"]).numpy()[0].max(1)
    label = rois["label"].numpy()[0]
    assert (iou[label > 0] >= 0.5).all() and (iou[label == 0] < 0.5).all()
    assert set(label[label > 0]) <= {3, 1} and 2 <= (label > 0).sum() <= 4
    assert (np.diff((label > 0).astype(int)) <= 0).all() and rois["counts"].numpy().all()


def test_padding_and_crowds_are_no_regions():
    none = roi_heads.sample(tf.zeros([1, 5, 4]), OBJECTS, NOISE[:, :8], count=6)
    assert none["counts"].numpy().sum() == 1  # Of 6 a quarter: one of the objects' own boxes.
    crowd = OBJECTS | {"ignore": tf.constant([[True, False, False]])}
    rois = roi_heads.sample(PROPOSALS, crowd, NOISE, count=43)
    inside = ops.covered(rois["boxes"], OBJECTS["boxes"][:, :1], tf.constant([[True]])).numpy()
    assert not rois["counts"].numpy()[inside >= 0.5].any()
    assert 3 not in rois["label"].numpy()


@pytest.mark.parametrize("coding", ["delta", "corners"])
def test_what_is_encoded_is_decoded(coding):
    boxes, rois = PROPOSALS[0, :20], PROPOSALS[0, 20:]
    numbers = roi_heads.encode(boxes, rois, coding)
    np.testing.assert_allclose(roi_heads.decode(numbers, rois, coding), boxes, atol=1e-3)


@pytest.mark.parametrize("coding", ["delta", "corners"])
@pytest.mark.parametrize("distance", ["smooth_l1", "l1", "l2", "giou"])
def test_perfect_outputs_have_no_loss_and_background_has_no_box(coding, distance):
    rois = roi_heads.sample(PROPOSALS, OBJECTS, NOISE, count=16)
    target = tf.gather(OBJECTS["boxes"], rois["object"], batch_dims=1)
    numbers = roi_heads.encode(target, rois["boxes"], coding)
    right = tf.one_hot(rois["label"] - 1, 3)[..., None]
    deltas = tf.Variable(right * numbers[:, :, None] + (1 - right) * 7)
    with tf.GradientTape() as tape:
        terms = roi_heads.loss(
            80 * tf.one_hot(rois["label"], 4), deltas, rois, OBJECTS, coding=coding,
            distance=distance,
        )
    for term in terms:
        np.testing.assert_allclose(term, 0, atol=1e-4)
    gradient = tape.gradient(terms[1], deltas).numpy()
    assert not gradient[np.broadcast_to(right == 0, gradient.shape)].any()


def test_the_lecture_s_loss_is_the_squared_distance_of_corners():
    rois = {"boxes": tf.constant([[[0, 0, 10, 20]]], tf.float32), "label": tf.constant([[1]]),
            "object": tf.constant([[0]]), "counts": tf.constant([[True]])}
    objects = {"boxes": tf.constant([[[1, 2, 11, 26]]], tf.float32)}
    _, apart = roi_heads.loss(tf.zeros([1, 1, 2]), tf.zeros([1, 1, 1, 4]), rois, objects,
                              coding="corners", distance="l2")
    np.testing.assert_allclose(apart, 100 * (0.1**2 + 0.1**2 + 0.1**2 + 0.3**2), rtol=1e-5)


@pytest.mark.parametrize("distance", ["cross_entropy", "l2"])
def test_only_the_mask_of_the_right_class_learns(distance):
    rois = {"label": tf.constant([[2, 0]]), "counts": tf.constant([[True, True]])}
    logits = tf.Variable(tf.zeros([1, 2, 3, 3, 4]))
    with tf.GradientTape() as tape:
        loss = roi_heads.mask_loss(logits, rois, tf.ones([1, 2, 3, 3]), distance=distance)
    gradient = tape.gradient(loss, logits).numpy()
    assert (gradient[0, 0, ..., 1] < 0).all()
    gradient[0, 0, ..., 1] = 0
    assert not gradient.any()
    np.testing.assert_allclose(loss, np.log(2) if distance == "cross_entropy" else 0.25, rtol=1e-6)


def outputs(probabilities, boxes):
    """The head's outputs for wanted probabilities [r, classes + 1] and boxes [r, 4]."""
    logits = tf.math.log(tf.constant([probabilities], tf.float32))
    rois = tf.constant([boxes], tf.float32)
    return logits, tf.zeros([1, len(boxes), len(probabilities[0]) - 1, 4]), rois


def test_each_class_is_thinned_out_by_itself():
    near = [[0, 0, 20, 20], [1, 0, 21, 20], [30, 30, 50, 50]]
    found = roi_heads.detections(
        *outputs([[0.1, 0.8, 0.1], [0.1, 0.6, 0.3], [0.97, 0.02, 0.01]], near), (64, 64), count=5
    )
    assert found["count"].numpy().tolist() == [2]  # The second box only as the second class.
    assert found["class_ids"].numpy()[0].tolist() == [0, 1, 0, 0, 0]
    np.testing.assert_allclose(found["scores"][0], [0.8, 0.3, 0, 0, 0], rtol=1e-5)
    np.testing.assert_allclose(found["boxes"][0, :2], near[:2], atol=1e-5)


def test_nothing_is_found_in_nothing():
    found = roi_heads.detections(
        *outputs([[0.1, 0.9]], [[0, 0, 0, 0]]), (64, 64), count=3
    )
    assert found["count"].numpy().tolist() == [0] and not found["boxes"].numpy().any()


def test_boxes_end_at_the_image():
    found = roi_heads.detections(*outputs([[0.1, 0.9]], [[-5, 5, 80, 90]]), (64, 48), count=1)
    np.testing.assert_allclose(found["boxes"][0, 0], [0, 5, 48, 64])


def test_classes_that_nobody_asks_for_count_as_background():
    logits = np.float32(np.random.default_rng(0).normal(0, 3, [5, 8]))
    all_of_them = tf.nn.softmax(logits).numpy()
    found = tf.nn.softmax(roi_heads.joined(tf.constant(logits), 4)).numpy()
    np.testing.assert_allclose(found[:, 1:], all_of_them[:, 1:5], atol=1e-6)
    np.testing.assert_allclose(found[:, 0], all_of_them[:, [0, 5, 6, 7]].sum(1), atol=1e-6)


def test_objects_with_a_shorter_side_are_dropped():
    rois = tf.constant([[[0, 0, 20, 20], [30, 30, 50, 33.0]]])
    logits = tf.constant([[[0, 5], [0, 6.0]]])
    for least, count in ((0.0, 2), (3.5, 1)):
        found = roi_heads.detections(logits, tf.zeros([1, 2, 1, 4]), rois, (60, 60), count=3,
                                     least=least)
        assert found["count"] == count
        np.testing.assert_allclose(found["boxes"][0, count - 1], rois[0, 0], atol=1e-4)
