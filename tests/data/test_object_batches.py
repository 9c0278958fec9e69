"""Batches are dense, a function of the step, and hold what the records hold."""

import itertools
from functools import partial

import cv2
import numpy as np
import pytest
import tensorflow as tf

from tfvision import ops
from tfvision.data import box_augment
from tfvision.data.instance_masks import Patch
from tfvision.data.object_batches import Fetch, in_order, object_batches
from tfvision.data.objects import ObjectSet, Record, record
from tfvision.data.synthetic import scenes

SCENES = scenes.load("train", count=9)
ALL = partial(
    box_augment.change, flip=0.5, scale=(0.3, 2.0), stretch=0.3, brightness=0.3, contrast=0.3,
    saturation=0.5, hue=0.1, mosaic=0.4, copy_paste=0.5,
)


def batches(count, **options):
    options = {"size": 64, "batch_size": 4, "seed": 3, "mask_side": 14} | options
    data = object_batches(SCENES, **options)
    return [{k: v.numpy() for k, v in b.items()} for b in itertools.islice(data, count)]


@pytest.fixture(scope="module")
def changed():
    return batches(4, change=ALL)


def assert_equal(some, others):
    for one, other in zip(some, others, strict=True):
        assert one.keys() == other.keys()
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])


def test_batches_have_the_shapes_and_types_of_the_contract(changed):
    m = SCENES.most
    for batch in (*changed, *batches(1, change=None)):
        shapes = {name: (values.shape, values.dtype) for name, values in batch.items()}
        assert shapes == {
            "image": ((4, 64, 64, 3), np.uint8), "boxes": ((4, m, 4), np.float32),
            "classes": ((4, m), np.int32), "ignore": ((4, m), bool),
            "masks": ((4, m, 14, 14), np.uint8), "index": ((4,), np.int64),
        }


def test_nothing_lies_outside_and_empty_slots_are_empty(changed):
    for batch in changed:
        here = batch["classes"] >= 0
        assert (np.diff(here.astype(int), axis=1) <= 0).all(), "empty slots stand behind"
        x1, y1, x2, y2 = np.moveaxis(batch["boxes"][here], -1, 0)
        assert ((x2 - x1 >= 1.99) & (y2 - y1 >= 1.99)).all()
        assert batch["boxes"].min() >= 0 and batch["boxes"].max() <= 64
        assert not batch["boxes"][~here].any() and not batch["masks"][~here].any()
        assert batch["masks"][here].any((1, 2)).all()


def test_a_worker_that_starts_later_yields_its_part_of_what_the_run_from_0_yields(changed):
    parts = batches(2, change=ALL, start_step=2, worker=1, workers=2)
    assert_equal([{k: v[2:] for k, v in batch.items()} for batch in changed[2:]], parts)


def test_another_seed_and_another_epoch_make_other_pictures(changed):
    one, other = batches(1), batches(1, seed=4)
    assert (one[0]["image"] != other[0]["image"]).any()
    pictures = [one.tobytes() for batch in changed for one in batch["image"]]
    assert len(set(pictures)) == len(pictures)


def test_without_a_change_a_batch_shows_the_letterboxed_records():
    batch = batches(1, batch_size=9)[0]
    ordered = next(in_order(SCENES, size=64, batch_size=9, mask_side=14))
    rows = [int(np.abs(ordered["image"].astype(int) - one).mean((1, 2, 3)).argmin())
            for one in batch["image"].astype(int)]
    assert sorted(rows) == list(range(9))
    np.testing.assert_allclose(batch["boxes"], ordered["boxes"][rows], atol=1e-4)
    np.testing.assert_array_equal(batch["masks"], ordered["masks"][rows])


def test_evaluation_sees_every_image_once_in_batches_of_one_size():
    found = list(in_order(SCENES, size=(48, 64), batch_size=4))
    assert [batch["row"].tolist() for batch in found] == [[0, 1, 2, 3], [4, 5, 6, 7],
                                                         [8, -1, -1, -1]]
    for batch in found:
        assert batch["image"].shape == (4, 48, 64, 3) and "masks" not in batch
        back = batch["boxes"] - np.tile(batch["view"][:, None, 2:], 2)
        back /= np.tile(batch["view"][:, None, :2], 2)
        for row, boxes in zip(batch["row"], back, strict=True):
            if row >= 0:
                truth = SCENES[int(row)].boxes
                np.testing.assert_allclose(boxes[: len(truth)], truth, atol=1e-3)


@pytest.mark.parametrize("memory, expected", [(100, 3), (3, 4), (0, 6)])
def test_files_are_read_once_while_there_is_room(tmp_path, monkeypatch, memory, expected):
    records, reads = [], []
    for i in range(3):
        file = tmp_path / f"{i}.png"
        cv2.imwrite(str(file), np.full([500, 700, 3], 50 * i, np.uint8))  # 1.05 MB decoded.
        records.append(record(str(i), file, (500, 700), [], []))
    read = Record.pixels
    monkeypatch.setattr(Record, "pixels", lambda self: reads.append(self.name) or read(self))
    fetch = Fetch(ObjectSet(("x",), records), memory=memory)
    for row in (0, 1, 2, 0, 1, 2):
        assert (fetch(tf.constant(row))["image"].numpy() == 50 * row).all()
    assert len(reads) == expected


def test_an_image_that_cannot_be_decoded_ends_training_by_its_name(tmp_path):
    file = tmp_path / "gone.png"
    objects = ObjectSet(("x",), [record("a", file, (5, 5), [], [])])
    with pytest.raises(tf.errors.InvalidArgumentError, match="gone.png"):
        next(iter(object_batches(objects, size=8, batch_size=1, seed=0)))


def test_too_few_slots_and_masks_that_are_not_there_are_refused():
    with pytest.raises(ValueError, match=f"Expected slots >= {SCENES.most}"):
        object_batches(SCENES, size=64, batch_size=1, seed=0, slots=1)
    bare = ObjectSet(("x",), [record("a", np.zeros([5, 5, 3], np.uint8), (5, 5), [], [])])
    with pytest.raises(ValueError, match="Expected a data set with masks"):
        object_batches(bare, size=64, batch_size=1, seed=0, mask_side=14)


def test_mask_targets_as_the_module_says_are_what_lies_inside_the_region():
    """The formula of the docstring, against the masks at full size."""
    random, size, s = np.random.default_rng(0), 96, 56
    for one in [r for r in SCENES if len(r.boxes)][:5]:
        batch = next(in_order(ObjectSet(scenes.CLASSES, [one]), size=128, batch_size=1,
                              mask_side=s))
        boxes, masks, n = batch["boxes"], batch["masks"], len(one.boxes)
        j = random.integers(0, n, [1, 20]).astype(np.int32)
        regions = (boxes[0][j] + random.uniform(-6, 6, [1, 20, 4])).astype(np.float32)
        own = tf.gather(boxes, j, batch_dims=1)
        sides = tf.maximum(own[..., 2:] - own[..., :2], 1e-6)
        cells = (regions - tf.tile(own[..., :2], [1, 1, 2])) / tf.tile(sides, [1, 1, 2]) * s + 1
        rim = tf.pad(masks, [[0, 0], [0, 0], [1, 1], [1, 1]])
        targets = ops.crop_masks(rim, cells, j, size=28).numpy()
        truth = ops.crop_masks(one.bitmaps()[None], regions, j, size=28).numpy()
        union, both = (targets | truth).sum((2, 3)), (targets & truth).sum((2, 3))
        assert (both / np.maximum(union, 1)).mean() > 0.93, size


def test_colours_change_nothing_at_strength_0_and_keep_grey_grey():
    image = np.random.default_rng(0).integers(0, 256, [6, 7, 3], np.uint8)
    seed = tf.constant([1, 2])
    np.testing.assert_array_equal(box_augment.recoloured(image, seed), image)
    grey = np.repeat(image[..., :1], 3, -1)
    turned = box_augment.recoloured(grey, seed, saturation=1.0, hue=0.5)
    np.testing.assert_allclose(turned, grey, atol=1e-2)
    moved = box_augment.recoloured(image, seed, 0.5, 0.5, 0.9, 0.5).numpy()
    assert moved.min() >= 0 and moved.max() <= 255 and np.abs(moved - image).mean() > 5


def test_a_mask_of_a_patch_alone_is_enough_for_copy_paste():
    image = np.zeros([20, 20, 3], np.uint8)
    patch = Patch(np.ones([5, 5], np.uint8), 2, 2)
    objects = ObjectSet(("x",), [record("a", image, (20, 20), [(2, 2, 7, 7)], [0], masks=[patch])])
    fetch, size = Fetch(objects, mask_side=8), (20, 20)
    for i in range(6):
        example = box_augment.change(fetch, tf.constant(0, tf.int64), tf.constant([0, i]),
                                     size=size, slots=4, copy_paste=1.0, flip=0.0)
        assert (example["classes"].numpy() >= 0).sum() == 1, "an object pasted on itself hides it"
