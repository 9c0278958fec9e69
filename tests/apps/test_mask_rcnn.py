"""apps.mask_rcnn: one file that answers as the network does, however many objects there are."""

import dataclasses
import importlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfvision import engine, runtime
from tfvision.commands import export
from tfvision.data import object_tasks
from tfvision.data.synthetic import scenes
from tfvision.models.faster_rcnn import FasterRCNN

app = importlib.import_module("tfvision.apps.mask_rcnn")
SIDE, CELL = 80, 4
NAMES = ("red", "green")


def spots(count, size=(SIDE, SIDE)):
    """Red and green squares of a cell, at most 10 x 10, on black: uint8 [*size, 3]."""
    image = np.zeros([SIDE, SIDE, 3], np.uint8)
    shades = np.random.default_rng(0).integers(215, 256, 100)
    for i in range(count):
        y, x = (2 * CELL * place for place in divmod(i, 10))
        image[y : y + CELL, x : x + CELL, i % 2] = shades[i]
    return image[: size[0], : size[1]]


def finder(**options):
    """A Mask R-CNN of two classes whose networks are sums: it finds the spots, and nothing else."""
    image = keras.Input([None, None, 3])
    level = keras.layers.AveragePooling2D(CELL)(keras.layers.Rescaling(1 / 255)(image))
    place, roi, cells = (keras.Input(shape) for shape in ([None, None, 3], [7, 7, 3], [4, 4, 3]))
    logits = keras.layers.Reshape([-1])(20 * keras.ops.sum(place, -1) - 10)
    still = keras.layers.Reshape([-1, 4])(0 * keras.ops.take(place, [0, 0, 0, 0], -1))
    mean = keras.ops.mean(roi, (1, 2))
    classes = keras.ops.take(mean, [2, 0, 1], -1) * 40 - np.float32([0, 14, 14])
    moved = keras.layers.Reshape([2, 4])(keras.ops.take(mean, [0, 1, 0, 1, 1, 0, 1, 0], -1))
    drawn = keras.layers.UpSampling2D(2, interpolation="bilinear")(cells)[..., :2] * 40 - 14
    return FasterRCNN(
        keras.Model(image, [level]), keras.Model(place, [logits, still]),
        keras.Model(roi, [classes, moved]), keras.Model(cells, drawn), size=(SIDE, SIDE),
        strides=(CELL,), sizes=(CELL,), ratios=(1.0,), proposed=(240, 120), count=100, **options,
    )


def images():
    """Inputs with 0, 1, 3 and 100 spots, alone and together, and of other sizes."""
    counts = [[0], [1], [3], [100], [0, 1, 3, 100], [100, 0, 1, 3]]
    whole = [np.stack([spots(count) for count in row]) for row in counts]
    doubled = [np.repeat(np.repeat(spots(n), 2, 0), 2, 1)[None] for n in (3, 100)]
    return [*whole, *doubled, np.stack([spots(n, (48, 60)) for n in (0, 1, 3, 100)])]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The finder, its export and the card."""
    model, root = finder(), tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app, "examples", lambda config: [{"image": image} for image in images()])
        patch.setattr(app, "classes", lambda config: NAMES)
        card = engine.export(app, model, None, root)
    return model, root / "mask_rcnn", card


def test_0_1_3_and_100_objects_are_the_same_in_every_format_alone_and_in_batches_of_4(exported):
    model, _, card = exported
    batch = np.stack([spots(n) for n in (0, 1, 3, 100)])
    assert model.detect(tf.constant(batch))["count"].numpy().tolist() == [0, 1, 3, 100]
    assert {"saved_model", "tflite", "onnx"} <= set(card["parity"])
    for signatures in card["parity"].values():
        for found in signatures.values():
            assert all(how["within"] for how in found.values()), found
            assert {"boxes", "scores", "class_ids", "count", "masks"} <= set(found)


def test_the_saved_model_names_what_it_finds_from_pixels_and_from_files(exported):
    _, folder, card = exported
    signatures = tf.saved_model.load(str(folder / "1")).signatures
    batch = np.stack([spots(3), spots(0)])
    files = [tf.io.encode_png(image) for image in batch]
    for found in (signatures["serving_default"](image=tf.constant(batch)),
                  signatures["serve_bytes"](image_bytes=tf.stack(files))):
        names = found["class_names"].numpy()
        assert sorted(names[0, :3]) == [b"green", b"red", b"red"]
        assert set(names[0, 3:]) == set(names[1]) == {b""}
    outputs = card["signatures"]["serving_default"]["outputs"]
    assert outputs["class_names"] == {"dtype": "string", "shape": [None, 100]}


@pytest.mark.parametrize("count", [0, 1, 3, 100])
def test_the_file_on_a_device_finds_boxes_and_masks_in_the_pixels_of_a_photograph(exported, count):
    _, folder, _ = exported
    image = np.repeat(np.repeat(spots(count), 3, 0), 3, 1)
    found = runtime.predict(runtime.load(folder), {"image": image})
    assert found["count"].tolist() == [count] and found["masks"].shape == (1, count, 240, 240)
    true = np.array([(x, y) for y, x in (divmod(i, 10) for i in range(count))]).reshape(-1, 2)
    true = (true * 2 + 0.5) * CELL * 3
    centres = found["boxes"][0, :count].reshape(-1, 2, 2).mean(1)
    assert all(np.abs(true - centre).max(1).min() < 6 for centre in centres)
    for mask, (x, y) in zip(found["masks"][0], centres, strict=True):
        assert mask[int(y), int(x)] and 0.02 < mask.sum() / (3 * CELL) ** 2 < 1.5


def test_scenes_is_the_name_of_the_embedded_data():
    config = dataclasses.replace(app.TINY, data="scenes")
    assert app.classes(config) == app.classes(app.TINY) == scenes.CLASSES
    one, other = app.load(config, "validation"), app.load(app.TINY, "validation")
    assert [record.name for record in one] == [record.name for record in other]
    assert export.licence("scenes") == export.licence("embedded")


def test_data_without_masks_is_refused(monkeypatch):
    plain = [dataclasses.replace(one, masks=None) for one in scenes.load("train", count=2)]
    objects = dataclasses.replace(scenes.load("train", count=2), records=plain)
    monkeypatch.setattr(object_tasks, "load", lambda *_, **options: objects)
    config = dataclasses.replace(app.TINY, data="coco")
    with pytest.raises(ValueError, match="Expected masks in the split train of coco"):
        app.train(None, config)


def test_sizes_that_the_last_level_cannot_have_are_refused():
    with pytest.raises(ValueError, match="multiples of 8"):
        app.build(dataclasses.replace(app.TINY, size=(32, 36)))


@pytest.mark.slow
def test_four_scenes_are_learned_by_heart(tmp_path):
    config = app.Config(
        run=tmp_path, images=4, split="train", steps=300, epoch_steps=300, batch_size=4,
        size=(64, 64), widths=(8, 16, 32), channels=16, convolutions=(16,), units=(64,),
        mask_width=16, mask_depth=1, anchors=(10, 24), learning_rate=3e-3, proposed=30, count=10,
        flip=0.0, scale=(1.0, 1.0), colour=0.0,
    )
    model = engine.build(app, config)
    app.train(model, config)
    scores = app.evaluate(model, config)
    assert scores["box_ap50"] >= 0.99 and scores["box_ap"] >= 0.85 and scores["mask_ap"] >= 0.8
