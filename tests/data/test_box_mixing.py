"""Mosaic and copy-paste: what comes from where, and what lies below is hidden."""

import numpy as np
import pytest
import tensorflow as tf

from tfvision import ops
from tfvision.data import box_mixing
from tfvision.data.box_geometry import packed

SIZE, SIDE = (60, 80), 16


def plain(colour, boxes, classes):
    """One colour everywhere; every mask fills its box."""
    n = len(boxes)
    return {
        "image": tf.fill([*SIZE, 3], float(colour)), "boxes": tf.constant(boxes, tf.float32),
        "classes": tf.constant(classes), "ignore": tf.zeros([n], tf.bool),
        "masks": tf.ones([n, SIDE, SIDE], tf.uint8),
    }


def drawn(example):
    masks = tf.cast(example["masks"], tf.float32)[None]
    return ops.paste_masks(masks, example["boxes"][None], size=SIZE)[0].numpy()


@pytest.mark.parametrize("seed", range(4))
def test_a_mosaic_has_four_quarters_with_their_own_objects(seed):
    whole = [(0.0, 0.0, 80.0, 60.0)]
    parts = [plain(10 * (i + 1), whole, [i]) for i in range(4)]
    mixed = box_mixing.tiled(parts, tf.constant([seed, 1]), SIZE, smallest=2.0)
    image = mixed["image"].numpy()[..., 0]
    assert sorted(np.unique(np.round(image))) == [10, 20, 30, 40]
    for i in range(4):
        x1, y1, x2, y2 = mixed["boxes"].numpy()[i]
        region = np.zeros(SIZE, bool)
        region[round(y1) : round(y2), round(x1) : round(x2)] = True
        np.testing.assert_array_equal(np.round(image) == 10 * (i + 1), region)
    assert mixed["classes"].numpy().tolist() == [0, 1, 2, 3]
    x1, y1, x2, y2 = mixed["boxes"].numpy()[0]
    assert (x1, y1) == (0, 0) and 20 <= x2 <= 60 and 15 <= y2 <= 45, "the middle half"


def test_pasted_objects_hide_what_lies_below():
    below = plain(10, [(10, 10, 40, 40), (50, 5, 70, 25), (22, 22, 28, 28)], [0, 1, 2])
    above = plain(200, [(20, 10, 45, 40)] * 9, [5] * 9)
    mixed = box_mixing.paste(below, above, tf.constant([0, 1]), visible=0.1)
    image, masks = mixed["image"].numpy()[..., 0], drawn(mixed)
    assert (image[12:38, 22:43] == 200).all() and (image[:, :18] == 10).all()
    assert mixed["classes"].numpy()[:3].tolist() == [0, 1, -1], "the third is hidden"
    np.testing.assert_allclose(mixed["boxes"][0], (10, 10, 20, 40), atol=2)
    assert mixed["boxes"].numpy()[1].tolist() == [50, 5, 70, 25]
    pasted = (mixed["classes"].numpy() == 5).sum()
    assert 0 < pasted < 9 and not (masks[0] & masks[3:].max(0))[12:38, 22:43].any()


def test_crowds_are_not_pasted_and_nothing_changes_without_objects():
    below = plain(10, [(10, 10, 40, 40)], [0])
    crowd = plain(200, [(20, 10, 45, 40)] * 9, [5] * 9) | {"ignore": tf.ones([9], tf.bool)}
    mixed = box_mixing.paste(below, crowd, tf.constant([0, 1]))
    assert packed(mixed, 3)["classes"].numpy().tolist() == [0, -1, -1]
    np.testing.assert_array_equal(mixed["image"], below["image"])
    np.testing.assert_array_equal(mixed["masks"][0], below["masks"][0])


def test_what_has_no_mask_stays_under_what_is_pasted():
    below = plain(10, [(10, 10, 40, 40)], [0])
    below |= {"masks": tf.zeros_like(below["masks"]), "ignore": tf.constant([True])}
    above = plain(200, [(0, 0, 80, 60)] * 9, [5] * 9)
    mixed = box_mixing.paste(below, above, tf.constant([0, 1]))
    assert mixed["classes"].numpy()[0] == 0 and mixed["ignore"].numpy()[0]


def test_copy_paste_without_masks_is_refused():
    one = {k: v for k, v in plain(1, [(0, 0, 9, 9)], [0]).items() if k != "masks"}
    with pytest.raises(ValueError, match="Expected masks for copy-paste"):
        box_mixing.paste(one, one, tf.constant([0, 1]))
