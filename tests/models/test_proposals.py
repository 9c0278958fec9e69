"""The first stage: which anchors learn what, and which boxes come of them."""

import numpy as np
import pytest
import tensorflow as tf

from tfvision import ops
from tfvision.models import proposals

ANCHORS = ops.anchor_grid((8, 8), stride=8, sizes=[16], ratios=[0.5, 1, 2])
OBJECTS = {
    "boxes": tf.constant([[[4, 4, 20, 20], [30, 30, 45, 60], [0, 0, 0, 0]]] * 2, tf.float32),
    "classes": tf.constant([[0, 1, -1], [-1, -1, -1]]),
    "ignore": tf.zeros([2, 3], tf.bool),
}


def iou_of(objects=OBJECTS):
    anchors = tf.tile(ANCHORS[None], [2, 1, 1])
    return ops.overlaps(anchors, objects["boxes"], objects["classes"] >= 0)


def noise(seed=0):
    return tf.constant(np.random.default_rng(seed).random([2, len(ANCHORS)], np.float32))


def test_the_paper_learns_from_as_many_anchors_as_asked_for():
    objects, nothing = proposals.paper_rule(iou_of(), noise(), count=20)
    assert not (objects & nothing).numpy().any()
    np.testing.assert_array_equal((objects | nothing).numpy().sum(1), 20)
    assert objects.numpy()[0].sum() >= 2 and not objects.numpy()[1].any()


def test_objects_are_where_the_overlap_is_large_or_the_largest():
    iou = iou_of().numpy()
    objects, nothing = proposals.paper_rule(iou_of(), noise(), count=400)
    most, best = iou.max(2), (iou == iou.max(1, keepdims=True)) & (iou > 0)
    np.testing.assert_array_equal(objects, (most >= 0.7) | best.any(2))
    np.testing.assert_array_equal(nothing, (most < 0.3) & ~best.any(2))


def test_the_lecture_takes_all_anchors_and_any_overlap():
    objects, nothing = proposals.lecture_rule(iou_of(), noise())
    np.testing.assert_array_equal(objects, iou_of().numpy().max(2) > 0)
    assert (objects ^ nothing).numpy().all()


@pytest.mark.parametrize("rule", [proposals.paper_rule, proposals.lecture_rule])
def test_perfect_outputs_have_no_loss(rule):
    iou = iou_of()
    objects, _ = rule(iou, noise())
    boxes = tf.gather(OBJECTS["boxes"], ops.best_object(iou)[1], batch_dims=1)
    deltas = ops.encode_boxes(boxes, tf.tile(ANCHORS[None], [2, 1, 1]))
    logits = tf.where(objects, 40.0, -40.0)
    for term in proposals.loss(logits, deltas, ANCHORS, OBJECTS, rule, noise()):
        np.testing.assert_allclose(term, 0, atol=1e-6)


def test_anchors_in_a_crowd_are_not_background():
    crowd = OBJECTS | {"ignore": tf.constant([[False, True, False]] * 2)}
    logits = tf.Variable(tf.zeros([2, len(ANCHORS)]))
    with tf.GradientTape() as tape:
        total = tf.add_n(proposals.loss(
            logits, tf.zeros([2, len(ANCHORS), 4]), ANCHORS, crowd, proposals.lecture_rule, noise()
        ))
    gradient = tape.gradient(total, logits)
    anchors = tf.tile(ANCHORS[None], [2, 1, 1])
    inside = ops.covered(anchors, crowd["boxes"], crowd["ignore"]).numpy() >= 0.5
    assert inside[0].any() and not gradient.numpy()[0][inside[0]].any()


def test_a_batch_without_objects_has_a_finite_loss_and_gradient():
    empty = {"boxes": tf.zeros([2, 1, 4]), "classes": -tf.ones([2, 1], tf.int32),
             "ignore": tf.zeros([2, 1], tf.bool)}
    deltas = tf.Variable(tf.random.stateless_normal([2, len(ANCHORS), 4], [0, 0]))
    with tf.GradientTape() as tape:
        terms = proposals.loss(
            tf.zeros([2, len(ANCHORS)]), deltas, ANCHORS, empty, proposals.paper_rule, noise()
        )
    np.testing.assert_allclose(terms[0], np.log(2), rtol=1e-6)
    assert not terms[1].numpy().any()
    assert not np.any(tape.gradient(terms[1], deltas))


def test_proposals_are_the_best_boxes_inside_the_image():
    logits = tf.constant(np.random.default_rng(0).normal(size=[2, len(ANCHORS)]), tf.float32)
    deltas = tf.zeros([2, len(ANCHORS), 4])
    boxes, scores = proposals.propose(
        [logits], [deltas], [ANCHORS], (64, 64), before=100, after=20
    )
    first = ops.clip_boxes(ANCHORS[None], (64, 64))[0].numpy()[logits.numpy().argmax(1)]
    np.testing.assert_allclose(boxes[:, 0], first, atol=1e-4)
    assert (np.diff(scores.numpy()) <= 0).all()
    assert boxes.numpy().min() >= 0 and boxes.numpy().max() <= 64


def test_levels_do_not_suppress_each_other():
    box = tf.constant([[8, 8, 24, 24]], tf.float32)
    boxes, scores = proposals.propose(
        [tf.ones([1, 1]), tf.zeros([1, 1])], [tf.zeros([1, 1, 4])] * 2, [box, box], (64, 64),
        before=5, after=3,
    )
    np.testing.assert_allclose(boxes[0], [[8, 8, 24, 24]] * 2 + [[0, 0, 0, 0]], atol=1e-4)
    np.testing.assert_allclose(scores[0], [tf.sigmoid(1.0), 0.5, 0], rtol=1e-6)


def test_the_network_gives_each_anchor_of_a_map_a_score_and_four_numbers():
    net = proposals.network(4, 3)
    features = tf.random.stateless_normal([2, 5, 6, 4], [0, 0])
    logits, deltas = net(features)
    assert logits.shape == [2, 90] and deltas.shape == [2, 90, 4]
    there = net(features[:, 1:4, 2:5])[1]  # What it says of a place depends on its 3 x 3 window.
    np.testing.assert_allclose(
        tf.reshape(deltas, [2, 5, 6, 3, 4])[:, 2, 3], tf.reshape(there, [2, 3, 3, 3, 4])[:, 1, 1],
        atol=1e-5,
    )
