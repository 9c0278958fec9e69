"""R-CNN: what is warped, and what is fitted behind the network."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfvision.data.objects import ObjectSet, record
from tfvision.data.proposal_batches import in_order_with
from tfvision.models import rcnn, rcnn_fitting


def test_a_warped_box_has_16_of_227_pixels_around_it():
    boxes = tf.constant([[16.0, 16, 211, 211], [0, 0, 195, 390]])
    np.testing.assert_allclose(
        rcnn.with_context(boxes), [[0, 0, 227, 227], [-16, -32, 211, 422]], atol=1e-4)


def test_a_box_of_195_pixels_is_cut_out_as_it_is():
    image = np.random.default_rng(0).uniform(0, 255, [1, 240, 250, 3]).astype(np.float32)
    crop = rcnn.warp(image, tf.constant([[[26.0, 18, 221, 213]]]), 227)[0, 0]
    np.testing.assert_allclose(crop, image[0, 2:229, 10:237], atol=0.02)


def test_beyond_the_image_is_grey():
    image = np.full([1, 240, 240, 3], 9, np.float32)
    crop = rcnn.warp(image, tf.constant([[[0.0, 0, 195, 195]]]), 227)[0, 0].numpy()
    assert (crop[:15] == 128).all() and (crop[:, :15] == 128).all()
    np.testing.assert_allclose(crop[16:, 16:], 9, atol=1e-3)


def test_boxes_are_stretched_to_a_square():
    image = np.tile(np.arange(100, dtype=np.float32)[:, None, None], [1, 300, 3])[None]
    crop = rcnn.warp(image, tf.constant([[[50.0, 20, 250, 60]]]), 32)[0, 0].numpy()
    step = 40 * 227 / 195 / 32  # px of the image along y for each of the crop
    np.testing.assert_allclose(np.diff(crop[:, 5, 0]), step, atol=1e-3)
    np.testing.assert_allclose(crop[:, 0], crop[:, -1], atol=1e-3)


def colours():
    """A network whose map and features are the mean colour of what is warped, 0..1."""
    crops = keras.Input([8, 8, 3])
    mean = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(crops))
    return keras.Model(crops, [keras.layers.Reshape([3])(mean), mean])


def squares(count=12):
    """Red and blue squares on grey, each with proposals: itself half a square off, and others."""
    random, records, proposals = np.random.default_rng(0), [], []
    for i in range(count):
        image, boxes = np.full([64, 64, 3], 128, np.uint8), []
        for label, x in enumerate((4, 36)):
            x1, y1 = x + random.integers(0, 4), random.integers(4, 36)
            image[y1 : y1 + 20, x1 : x1 + 20] = [[220, 20, 20], [20, 20, 220]][label]
            boxes.append([x1, y1, x1 + 20, y1 + 20])
        records.append(record(str(i), image, (64, 64), boxes, [0, 1]))
        boxes = np.array(boxes, np.float32)
        near = [boxes + random.uniform(-3, 3, [2, 4]) for _ in range(4)]
        proposals.append(np.concatenate([*near, boxes + [0, 20, 0, 20], boxes - [0, 20, 0, 20]]))
    return ObjectSet(("red", "blue"), records), [p.clip(0, 64).astype(np.float32)
                                                 for p in proposals]


@pytest.fixture(scope="module")
def fitted():
    keras.utils.clear_session()
    model = rcnn.RCNN(colours(), classes=2, size=(64, 64), proposed=12, count=5)
    model.compile(optimizer=keras.optimizers.Adam())
    model.optimizer.iterations.assign(7)
    objects, proposals = squares()

    def batches():
        return in_order_with(objects, proposals, size=64, count=12, batch_size=5)

    rcnn_fitting.fit(model, batches, cost=1.0)
    return model, next(iter(batches()))


def test_the_machines_tell_the_classes(fitted):
    model, batch = fitted
    features = model.described(tf.cast(batch["image"], tf.float32), batch["boxes"])[1]
    scores = model.machines(features).numpy()
    assert (scores[:, 0, 0] > 0.9).all() and (scores[:, 1, 1] > 0.9).all()
    assert (scores[:, 0, 1] < -0.9).all() and (scores[:, 1, 0] < -0.9).all()
    assert int(model.fitted) == 7 and model.is_fitted()


def test_objects_are_found_with_the_machines_scores(fitted):
    model, batch = fitted
    found = model.look(batch["image"], tf.constant(batch["proposals"]))
    assert (found["class_ids"].numpy()[:, :2].sum(1) == 1).all(), "one of each class comes first"
    assert (found["scores"].numpy()[:, :2] > 0.5).all()


def test_further_training_makes_the_fit_stale(fitted):
    model, _ = fitted
    model.optimizer.iterations.assign(8)
    assert not model.is_fitted()
    model.optimizer.iterations.assign(7)


def test_regressions_move_boxes_to_objects():
    keras.utils.clear_session()
    model = rcnn.RCNN(colours(), classes=2, size=(64, 64), proposed=12, count=5)
    model.compile(optimizer=keras.optimizers.Adam())
    objects, _ = squares()
    # Proposals that are too large by a quarter on each side: one answer mends them all.
    proposals = [np.float32(one.boxes + np.array([-2.5, -2.5, 2.5, 2.5])) for one in objects]

    def batches():
        return in_order_with(objects, proposals, size=64, count=12, batch_size=4)

    rcnn_fitting.fit(model, batches, cost=1.0)
    batch = next(iter(batches()))
    found = model.look(batch["image"], tf.constant(batch["proposals"]))
    for i in range(4):
        for box, label in zip(found["boxes"][i, :2].numpy(), found["class_ids"][i, :2].numpy(),
                              strict=True):
            np.testing.assert_allclose(box, batch["boxes"][i, label], atol=0.1)


def test_crowds_are_neither_positive_nor_negative():
    part = {
        "boxes": np.float32([[0, 0, 20, 20], [30, 30, 60, 60]]), "classes": np.int32([0, 0]),
        "ignore": np.array([False, True]),
        "proposals": np.float32([[40, 40, 50, 50], [0, 0, 20, 19], [0, 30, 20, 60]]),
    }
    seen = []

    class Kept:
        def look(self, x):
            seen.append(x)

        def add(self, x, y):
            seen.append((x, y))

    numbers = np.arange(3.0)[:, None]
    rcnn_fitting.use(part, numbers, numbers, [Kept()], [Kept()])
    np.testing.assert_array_equal(seen[0], [[2.0]])
    np.testing.assert_array_equal(seen[1][0], [[1.0]])
    np.testing.assert_allclose(seen[1][1], [[0, 0.5 / 19, 0, np.log(20 / 19)]], atol=1e-6)
