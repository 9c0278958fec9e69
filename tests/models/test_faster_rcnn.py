"""Faster R-CNN as a whole."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfvision.data.object_batches import object_batches
from tfvision.data.synthetic import scenes
from tfvision.models import backbones, faster_rcnn, proposals, roi_heads


def model(masks=False, **options):
    """Two levels for scenes of 64 px, its weights random."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    body = backbones.pyramid(backbones.small(widths=(4, 6, 8)), channels=8)
    classes = len(scenes.CLASSES)
    made = faster_rcnn.FasterRCNN(
        body,
        proposals.network(8, 3),
        roi_heads.box_head(classes=classes, channels=8, units=(16,)),
        roi_heads.mask_head(classes=classes, channels=8, width=6, depth=1) if masks else None,
        size=(64, 64), strides=(4, 8), sizes=(12, 24), regions=16, proposed=(20, 10), count=5,
        **options,
    )
    made.compile(optimizer=keras.optimizers.Adam(2e-3))
    return made


@pytest.fixture(scope="module")
def batch():
    objects = scenes.load("train", size=64, count=4)
    return next(iter(object_batches(objects, size=64, batch_size=4, seed=0, mask_side=16)))


@pytest.fixture(scope="module")
def finder():
    """A model with masks that says much, never trained."""
    return model(masks=True, threshold=0.01)


def trainer(made, batch, **how):
    """() -> the values of one more step; traced once."""
    step = tf.function(made.train_step, autograph=False, **how)

    def once():
        for mean in made.metrics:
            mean.reset_state()
        return {name: float(value) for name, value in step(batch).items()}

    return once


@pytest.mark.parametrize("options", [
    {"masks": True}, {"masks": True, "mask_distance": "l2", "distance": "giou"},
    {"rule": "lecture", "coding": "corners", "distance": "l2"},
])
def test_the_loss_falls_on_images_it_sees_again(batch, options):
    step = trainer(model(**options), batch)
    first = step()
    for _ in range(25):
        last = step()
    assert set(first) == set(last) and ("masks" in first) == ("masks" in options)
    assert last["loss"] < 0.8 * first["loss"]


def test_boxes_and_masks_come_in_the_pixels_of_the_image(finder):
    image = np.random.default_rng(0).integers(0, 256, [2, 50, 90, 3], np.uint8)
    found = finder.detect(tf.constant(image))
    boxes = found["boxes"].numpy()
    assert boxes.shape == (2, 5, 4) and found["masks"].shape == [2, 5, 50, 90]
    assert (boxes >= 0).all() and (boxes <= [90, 50, 90, 50]).all()
    for i, count in enumerate(found["count"].numpy()):
        assert not boxes[i, count:].any() and not found["masks"].numpy()[i, count:].any()
        assert not found["scores"].numpy()[i, count:].any()


def test_an_image_is_seen_the_same_alone_and_in_a_batch(finder, batch):
    together = finder.look(batch["image"])
    alone = finder.look(batch["image"][1:2])
    for name in together:
        np.testing.assert_allclose(together[name][1:2], alone[name], rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (300, 7)])
def test_odd_images_are_no_trouble(finder, size):
    found = finder.detect(tf.zeros([1, *size, 3], tf.uint8))
    assert found["masks"].shape == [1, 5, *size]
    assert np.isfinite(found["boxes"].numpy()).all()


def test_it_is_kept_in_a_file(batch, tmp_path):
    made = model(masks=True, threshold=0.01)
    step = trainer(made, batch)
    step(), step()
    made.save(tmp_path / "it.keras")
    again = keras.models.load_model(tmp_path / "it.keras")
    for name, value in made.look(batch["image"]).items():
        np.testing.assert_allclose(again.look(batch["image"])[name], value, atol=1e-5)
    assert int(again.optimizer.iterations) == 2


@pytest.mark.slow  # Compiling takes most of a minute.
def test_training_and_inference_compile_under_xla(batch):
    told = trainer(model(), batch)()
    for name, value in trainer(model(), batch, jit_compile=True)().items():
        assert value == pytest.approx(told[name], rel=0.2, abs=1e-3), name  # XLA draws others.
    made = model(threshold=0.01)
    look = tf.function(lambda image: made(image), jit_compile=True, autograph=False)
    image = tf.cast(batch["image"], tf.float32)
    for name, value in look(image).items():
        np.testing.assert_allclose(value, made(image)[name], rtol=1e-3, atol=1e-2)
