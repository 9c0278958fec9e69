"""Boxes and masks go where the image goes, and nothing of them is left outside."""

import numpy as np
import pytest
import tensorflow as tf

from tfvision import ops
from tfvision.data import box_augment, box_geometry
from tfvision.data.synthetic import scenes
from tfvision.data.views import shown, slotted

SIDE = 56


def example_of(record, slots=8, mask_side=SIDE):
    arrays = slotted(record, slots, mask_side) | {"image": record.pixels()}
    return {name: tf.constant(value) for name, value in arrays.items()}


SCENES = [one for one in scenes.load("validation", count=30) if len(one.boxes)]


def drawn(example):
    """The masks over the whole image: uint8 [m, h, w]."""
    masks, boxes = tf.cast(example["masks"], tf.float32)[None], example["boxes"][None]
    return ops.paste_masks(masks, boxes, size=tuple(example["image"].shape[:2]))[0].numpy()


def box_of(mask):
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])


def checked(example):
    """What must hold for every example, whatever was done to it."""
    h, w = example["image"].shape[:2]
    boxes, classes = example["boxes"].numpy(), example["classes"].numpy()
    here = classes >= 0
    x1, y1, x2, y2 = boxes[here].T
    assert ((0 <= x1) & (x1 < x2) & (x2 <= w) & (0 <= y1) & (y1 < y2) & (y2 <= h)).all()
    assert not boxes[~here].any() and not example["ignore"].numpy()[~here].any()
    assert example["masks"].dtype == tf.uint8 and not example["masks"].numpy()[~here].any()
    return here


@pytest.mark.parametrize("record", SCENES[:4], ids=lambda one: one.name)
def test_mirrored_twice_is_as_before(record):
    example = example_of(record)
    once = box_geometry.flipped(example)
    assert (once["image"].numpy() == record.pixels()[:, ::-1]).all()
    np.testing.assert_allclose(once["boxes"][0, ::2], 128 - record.boxes[0, [2, 0]])
    twice = box_geometry.flipped(once)
    for name in example:
        np.testing.assert_array_equal(twice[name], example[name])
    checked(once)


def test_placed_at_its_own_size_and_place_an_image_is_as_before():
    example = example_of(SCENES[0])
    same = box_geometry.placed(example, [1.0, 1.0], [0.0, 0.0], (128, 128))
    np.testing.assert_allclose(same["image"], SCENES[0].pixels(), atol=1e-3)
    np.testing.assert_array_equal(same["boxes"], example["boxes"])


@pytest.mark.parametrize("scale, corner", [((0.5, 0.5), (10, 20)), ((2.0, 1.5), (-50.3, -30.8)),
                                           ((0.13, 0.2), (90.0, 0.5)), ((3.0, 3.0), (5.0, -200.0))])
def test_the_image_is_read_where_the_boxes_say(scale, corner):
    """A bright rectangle stays inside its box, to a pixel, and grey is what lies beyond."""
    image = np.zeros([60, 80, 3], np.uint8)
    image[20:40, 30:50] = 250
    example = {"image": tf.constant(image), "boxes": tf.constant([[30.0, 20, 50, 40]]),
               "classes": tf.constant([0]), "ignore": tf.constant([False])}
    moved = box_geometry.placed(example, scale, corner, (100, 120))
    x1, y1, x2, y2 = moved["boxes"].numpy()[0]
    bright = moved["image"].numpy()[..., 0] > 200
    y, x = np.mgrid[:100, :120] + 0.5
    inside = (x > x1) & (x < x2) & (y > y1) & (y < y2)
    slack = max(1.5, *scale)
    deep = (x > x1 + slack) & (x < x2 - slack) & (y > y1 + slack) & (y < y2 - slack)
    assert bright[deep].all() and not (bright & ~inside).any()
    beyond = (y < corner[0]) | (y > corner[0] + 60 * scale[0]) | (x < corner[1]) | (
        x > corner[1] + 80 * scale[1])
    assert (moved["image"].numpy()[beyond] == 128).all()


def test_the_box_of_a_changed_mask_is_the_changed_box():
    """To a pixel and two cells; but for tips that are thinner than a pixel."""
    differences = []
    for seed in range(4):
        for record in SCENES[:8]:
            place = tf.constant([seed, 7])
            example = box_augment.jittered(example_of(record), place, (128, 128), (0.5, 2.0), 0.4)
            example = box_geometry.cut(example, smallest=4.0, visible=0.1)
            here = checked(example)
            boxes = example["boxes"].numpy()[here]
            for mask, box in zip(drawn(example)[here], boxes, strict=True):
                cells = 2 * (box[2:] - box[:2]).max() / SIDE
                differences.append(np.abs(box_of(mask) - box).max() - cells)
    assert len(differences) > 60 and np.mean(np.array(differences) > 1) < 0.05


def test_a_cut_mask_is_what_of_the_mask_lies_inside():
    for record in SCENES[:12]:
        example = box_geometry.placed(example_of(record), [1.0, 1.0], [-40.0, -30.0], (70, 80))
        example = box_geometry.cut(example, smallest=3.0)
        here = checked(example)
        truth = record.bitmaps()[:, 40:110, 30:110]
        found = drawn(example)[: len(truth)]
        for mask, other, kept in zip(truth, found, here, strict=False):
            if kept and mask.sum() > 60:
                assert (mask & other).sum() > 0.85 * (mask | other).sum()
            if not kept:
                assert mask.sum() < 60 or min(np.ptp(np.nonzero(mask), 1)) < 4


def test_boxes_that_become_too_small_or_too_hidden_are_gone():
    boxes = tf.constant([[-10.0, 10, 10, 30], [-30, 10, 3, 30], [5, 5, 6, 30], [50, 50, 60, 60]])
    example = {"image": tf.zeros([40, 40, 3]), "boxes": boxes, "classes": tf.range(4),
               "ignore": tf.constant([False, False, False, True])}
    kept = box_geometry.cut(example, smallest=2.0, visible=0.2)
    assert kept["classes"].numpy().tolist() == [0, -1, -1, -1]
    assert kept["boxes"].numpy()[0].tolist() == [0, 10, 10, 30]
    assert not kept["boxes"][1:].numpy().any()
    assert not kept["ignore"].numpy().any()


@pytest.mark.parametrize("slots", [1, 3, 4, 9])
def test_packed_objects_stand_first_in_their_order_or_are_the_largest(slots):
    boxes = tf.constant([[0.0, 0, 0, 0], [0, 0, 5, 5], [0, 0, 0, 0], [0, 0, 9, 9], [0, 0, 2, 2],
                         [0, 0, 7, 7]])
    example = {"image": tf.zeros([9, 9, 3]), "boxes": boxes,
               "classes": tf.constant([-1, 1, -1, 3, 4, 5]), "ignore": tf.constant([False] * 6)}
    packed = box_geometry.packed(example, slots)
    expected = {1: [3], 3: [1, 3, 5], 4: [1, 3, 4, 5], 9: [1, 3, 4, 5] + [-1] * 5}[slots]
    assert packed["classes"].numpy().tolist() == expected
    assert packed["boxes"].shape == (slots, 4)
    widths = {1: 5, 3: 9, 4: 2, 5: 7, -1: 0}
    assert packed["boxes"].numpy()[:, 2].tolist() == [widths[c] for c in expected]


def test_an_image_without_objects_stays_one():
    empty = next(one for one in scenes.load("validation", count=30) if not len(one.boxes))
    example = box_augment.jittered(example_of(empty), tf.constant([1, 2]), (64, 64), (0.1, 2.0))
    example = box_geometry.packed(box_geometry.cut(box_geometry.flipped(example)), 5)
    assert not checked(example).any() and example["image"].shape == (64, 64, 3)


@pytest.mark.parametrize("size", [(1, 1), (1, 90), (90, 1)])
def test_images_of_one_pixel_and_of_one_line_pass(size):
    example = {"image": tf.fill([*size, 3], tf.constant(7, tf.uint8)),
               "boxes": tf.constant([[0.0, 0, size[1], size[0]]]), "classes": tf.constant([0]),
               "ignore": tf.constant([False]), "masks": tf.ones([1, 8, 8], tf.uint8)}
    example = box_augment.jittered(example, tf.constant([3, 4]), (32, 32), (0.8, 1.2))
    checked(box_geometry.cut(example, smallest=0.0))
    assert np.isfinite(example["image"].numpy()).all()


def test_the_letterbox_of_a_graph_is_that_of_evaluation():
    record = SCENES[0]

    def fetch(row):
        return example_of(record)

    size = (80, 112)
    example = box_augment.letterbox(fetch, 0, None, size=size, slots=8)
    truth = shown(record, size, 8, SIDE)
    np.testing.assert_allclose(example["boxes"], truth["boxes"], atol=1e-4)
    np.testing.assert_array_equal(example["classes"], truth["classes"])
    np.testing.assert_array_equal(example["masks"], truth["masks"])
    difference = np.abs(example["image"].numpy().astype(float) - truth["image"])
    assert difference.mean() < 4 and example["image"].dtype == tf.uint8
