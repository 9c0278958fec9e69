"""Small detectors that torchvision made and ran, tests/golden/record_torchvision.py."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfvision.data import coco_names, state_dict
from tfvision.models import roi_heads, torchvision_rcnn, torchvision_weights

GOLDEN = Path(__file__).parents[1] / "golden"
FILES = {
    1: ("torchvision_1.pth", "torchvision_1_old.pth", "torchvision_1.safetensors"),
    2: ("torchvision_2.safetensors",),
}
KEPT = tuple(coco_names.NAMES)
SPARSE, CHANNELS = 4, np.arange(1, 91, 13)  # As in the script.


def converted(file, kept=KEPT, masks=True):
    """The detector of a file."""
    raw = state_dict.load(GOLDEN / file)
    state = torchvision_weights.current(raw)
    if not masks:
        state = {name: value for name, value in state.items() if "mask" not in name}
    plan = torchvision_rcnn.plan_of(state)
    keras.utils.clear_session()
    model = torchvision_rcnn.detector(plan, kept, size=(160, 224))
    torchvision_weights.load(model, plan, kept, state, torchvision_weights.epsilon_of(raw))
    return model


@pytest.fixture(scope="module", params=[1, 2])
def pair(request):
    """(a converted detector, what torchvision's gave)."""
    with np.load(GOLDEN / f"torchvision_{request.param}.npz") as arrays:
        return converted(f"torchvision_{request.param}.safetensors"), dict(arrays)


@pytest.fixture(scope="module")
def levels(pair):
    model, golden = pair
    return model.backbone(tf.constant(golden["image"][None], tf.float32))


def rows(channels_first, numbers):
    """[h, w, anchors, numbers] from torch's [1, anchors * numbers, h, w]."""
    _, c, h, w = channels_first.shape
    return channels_first.reshape(c // numbers, numbers, h, w).transpose(2, 3, 0, 1)


def test_scores_and_numbers_of_all_anchors_are_torchvisions(pair, levels):
    model, golden = pair
    logits, deltas = model.scored(levels)
    for i, level in enumerate(levels):
        h, w = level.shape[1:3]
        theirs = rows(golden[f"logits_{i}"], 1).reshape(1, -1)
        np.testing.assert_allclose(logits[i], theirs, atol=1e-4)
        ours = np.reshape(deltas[i], [h, w, 3, 4])[::SPARSE, ::SPARSE]
        np.testing.assert_allclose(ours, rows(golden[f"deltas_{i}"], 4), atol=1e-4)


def test_proposals_are_torchvisions(pair, levels):
    model, golden = pair
    boxes, scores = model.propose(
        *model.scored(levels), model.anchors(levels), golden["image"].shape[:2], 1000)
    count = int((scores.numpy() > 0).sum())
    assert count == len(golden["proposals"]) > 200
    np.testing.assert_allclose(boxes[0, :count], golden["proposals"], atol=1e-3)


def test_classes_and_boxes_of_regions_are_torchvisions(pair, levels):
    model, golden = pair
    theirs, numbers = golden["class_logits"], golden["box_numbers"]
    regions = tf.constant(golden["proposals"][None, : len(theirs)])
    logits, deltas = roi_heads.over_rois(model.head, model.features(levels, regions, model.head))
    np.testing.assert_allclose(logits[0, :, 1:], theirs[:, KEPT], atol=1e-4)
    np.testing.assert_allclose(
        deltas[0], numbers.reshape(len(theirs), -1, 4)[:, KEPT], atol=1e-4)
    unused = [i for i in range(91) if i not in KEPT]
    background = np.log(np.exp(theirs[:, unused].astype(np.float64)).sum(1))
    np.testing.assert_allclose(logits[0, :, 0], background, atol=1e-4)


def test_masks_of_objects_are_torchvisions(pair, levels):
    model, golden = pair
    theirs = golden["mask_logits"]
    boxes = tf.constant(golden["boxes"][None, : len(theirs)])
    ours = roi_heads.over_rois(model.masks, model.features(levels, boxes, model.masks))
    there = [i for i, channel in enumerate(CHANNELS) if channel in KEPT]
    places = [KEPT.index(channel) for channel in CHANNELS[there]]
    ours = np.transpose(ours[0], [0, 3, 1, 2])[:, places]
    np.testing.assert_allclose(ours, theirs[:, there], atol=1e-4)


def test_what_is_found_is_what_torchvision_finds(pair):
    model, golden = pair
    found = {name: value[0].numpy() for name, value in model.look(golden["image"][None]).items()}
    names = np.array([KEPT.index(label) for label in golden["labels"]])
    assert found["count"] == len(names) > 20 and len(set(names)) > 1
    np.testing.assert_array_equal(found["class_ids"][: len(names)], names)
    np.testing.assert_allclose(found["boxes"][: len(names)], golden["boxes"], atol=1e-2)
    np.testing.assert_allclose(found["scores"][: len(names)], golden["scores"], atol=1e-4)
    masks = golden["mask_crops"]
    np.testing.assert_allclose(found["mask_crops"][: len(masks)], masks, atol=1e-4)
