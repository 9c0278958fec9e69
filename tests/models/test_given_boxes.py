"""Fast R-CNN and R-CNN: detectors of boxes that are given."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfvision.data.proposal_batches import in_order_with, proposal_batches
from tfvision.data.synthetic import scenes
from tfvision.models import backbones, fast_rcnn, given_boxes, rcnn, rcnn_fitting, roi_heads

SCENES = scenes.load("train", size=64, count=6)
COUNT = len(scenes.CLASSES)
ROOM = 24  # Proposals that a model looks at.


def proposals():
    """Around the objects, and anywhere: a list of float32 [24, 4]."""
    random, found = np.random.default_rng(0), []
    for one in SCENES:
        near = np.repeat(one.boxes, 2, 0)
        near = near + random.normal(0, 2, near.shape)
        corner = random.uniform(0, 40, [ROOM, 2])
        anywhere = np.concatenate([corner, corner + random.uniform(6, 24, [ROOM, 2])], 1)
        found.append(np.concatenate([near, anywhere])[:ROOM].clip(0, 64).astype(np.float32))
    return found


def fast(**options):
    body = fast_rcnn.one_map(backbones.small(widths=(4, 6), depth=1))
    head = roi_heads.box_head(classes=COUNT, channels=6, units=(16,))
    return compiled(fast_rcnn.FastRCNN(
        body, head, size=(64, 64), stride=4, regions=16, proposed=ROOM, count=8, **options))


def slow(**options):
    net = rcnn.network(side=12, widths=(6, 8), depth=0, units=16)
    return compiled(rcnn.RCNN(
        net, classes=COUNT, size=(64, 64), regions=16, proposed=ROOM, count=8, **options))


def seeded(make):
    """The same weights each time."""
    keras.utils.set_random_seed(0)
    return make()


def compiled(made):
    made.compile(optimizer=keras.optimizers.Adam(3e-3))
    return made


@pytest.fixture(scope="module")
def batch():
    data = proposal_batches(SCENES, proposals(), size=64, count=ROOM, batch_size=6, seed=0)
    return next(iter(data))


def ordered():
    return in_order_with(SCENES, proposals(), size=64, count=ROOM, batch_size=4)


@functools.lru_cache
def step_of(made, jit_compile=False):
    return tf.function(made.train_step, autograph=False, jit_compile=jit_compile)


def steps(made, batch, count, **how):
    step = step_of(made, **how)
    for mean in made.metrics:
        mean.reset_state()
    return [{name: float(value) for name, value in step(batch).items()} for _ in range(count)]


@pytest.mark.parametrize("make, options", [
    (fast, {}), (fast, {"pooling": "align", "background": 0.1}),
    (fast, {"coding": "corners", "distance": "l2"}), (slow, {}),
])
def test_the_loss_falls_on_images_it_sees_again(batch, make, options):
    keras.utils.set_random_seed(0)
    made = make(**options)
    first = steps(made, batch, 1)[0]["loss"]
    steps(made, batch, 30)
    assert steps(made, batch, 1)[0]["loss"] < 0.8 * first


def trained(make, batch):
    """A model that finds something, with a low threshold."""
    keras.utils.set_random_seed(0)
    made = make(threshold=0.02)
    steps(made, batch, 10)
    if make is slow:
        rcnn_fitting.fit(made, ordered, cost=0.1)
    return made


@pytest.fixture(scope="module", params=[fast, slow])
def made(request, batch):
    return trained(request.param, batch)


def test_the_order_of_the_proposals_does_not_matter(made, batch):
    order = np.random.default_rng(3).permutation(ROOM)
    one = made.look(batch["image"], batch["proposals"])
    other = made.look(batch["image"], tf.gather(batch["proposals"], order, axis=1))
    assert int(tf.reduce_sum(one["count"])) > 10
    for name, value in one.items():
        np.testing.assert_allclose(other[name], value, atol=1e-3)


@pytest.mark.parametrize("rows", [0, 40])
def test_proposals_without_size_find_nothing(made, batch, rows):
    found = made.detect(batch["image"], tf.zeros([6, rows, 4]))
    assert not found["count"].numpy().any()
    assert not found["boxes"].numpy().any() and not found["scores"].numpy().any()


def test_only_as_many_proposals_are_looked_at_as_there_is_room_for(made, batch):
    more = tf.concat([batch["proposals"], tf.fill([6, 9, 4], 7.0) + [0.0, 0, 20, 20]], 1)
    one, other = (made.detect(batch["image"], boxes) for boxes in (batch["proposals"], more))
    for name, value in one.items():
        np.testing.assert_array_equal(other[name], value)


@pytest.mark.parametrize("size", [(1, 1), (300, 7)])
def test_boxes_come_in_the_pixels_of_odd_images(made, size):
    h, w = size
    found = made.detect(
        tf.zeros([1, h, w, 3], tf.uint8), tf.constant([[[0.0, 0, w, h], [0, 0, w / 2, h]]]))
    boxes = found["boxes"].numpy()
    assert np.isfinite(boxes).all() and (boxes >= 0).all() and (boxes <= [w, h, w, h]).all()


def test_it_is_kept_in_a_file(made, batch, tmp_path):
    made.save(tmp_path / "it.keras")
    again = keras.models.load_model(tmp_path / "it.keras")
    for name, value in made.look(batch["image"], batch["proposals"]).items():
        np.testing.assert_allclose(
            again.look(batch["image"], batch["proposals"])[name], value, atol=1e-4)
    assert int(again.optimizer.iterations) == 10


@pytest.mark.slow  # Compiling takes most of a minute.
@pytest.mark.parametrize("make", [fast, slow])
def test_training_and_inference_compile_under_xla(make, batch):
    told = steps(seeded(make), batch, 1)[0]
    for name, value in steps(seeded(make), batch, 1, jit_compile=True)[0].items():
        two = 2 / 96  # Regions; XLA draws others.
        assert value == pytest.approx(told[name], rel=0.2, abs=two), name
    made = trained(make, batch)
    look = tf.function(lambda image, boxes: made(image, boxes), jit_compile=True, autograph=False)
    image = tf.cast(batch["image"], tf.float32)
    for name, value in look(image, batch["proposals"]).items():
        np.testing.assert_allclose(value, made(image, batch["proposals"])[name], rtol=1e-3,
                                   atol=1e-2)


def test_boxes_follow_their_image_into_the_letterbox_and_back():
    image = np.zeros([1, 30, 60, 3], np.uint8)
    boxes = np.float32([[[6, 3, 30, 15], [0, 0, 0, 0]]])
    sheet, moved, view = given_boxes.seen(tf.constant(image), tf.constant(boxes), (40, 40), 3)
    assert sheet.shape == [1, 40, 40, 3]
    np.testing.assert_allclose(moved, [[[4, 12, 20, 20], [0] * 4, [0] * 4]], atol=1e-5)
    found = {"boxes": moved, "scores": tf.constant([[0.5, 0, 0]])}
    back = given_boxes.restored(found, tf.constant(image), view)["boxes"]
    np.testing.assert_allclose(back, [[[6, 3, 30, 15], [0] * 4, [0] * 4]], atol=1e-5)
