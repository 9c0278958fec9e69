"""apps.spatial_transformer: what is measured is what the paper measured, and only once."""

import dataclasses
import importlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow as tf

from tfvision import engine
from tfvision.commands import export, flags
from tfvision.data import distorted_mnist, mnist

app = importlib.import_module("tfvision.apps.spatial_transformer")
BIRDS = dataclasses.replace(
    app.TINY, network="fine_grained", transform="location", parallel=2, batch_size=4
)


@pytest.fixture
def few(monkeypatch):
    """Forty digits in place of the embedded ones."""
    whole = app.read("embedded", None, "validation", 28, "R")
    monkeypatch.setattr(app, "read", lambda *_: {k: v[:40] for k, v in whole.items()})
    app.measured.cache_clear()
    yield
    app.measured.cache_clear()


def saved(config, folder, seed=0):
    """A run of an untrained model in a folder."""
    config = dataclasses.replace(config, run=folder, seed=seed)
    flags.write_config(app, config, [])
    model = engine.build(app, config)
    engine.save(model, folder / "checkpoints", config.steps)
    return model, config


@pytest.mark.parametrize("data, side", [("mnist_R", 28), ("mnist_RTS", 42), ("mnist_TC", 60)])
def test_a_data_set_s_name_says_how_digits_are_distorted(data, side):
    config = dataclasses.replace(app.TINY, data=data, distortion="E")
    assert app.kind(config) == data[6:] and app.shape_of(config) == (side, side, 1)
    assert app.kind(app.TINY) == "R" and app.kind(BIRDS) is None


@pytest.mark.parametrize("network", ["cnn", "fcn", "st_cnn", "st_fcn"])
@pytest.mark.parametrize("data", ["mnist_RTS", "mnist_P"])
def test_what_a_transformer_magnifies_is_averaged_before_it_is_classified(network, data):
    config = dataclasses.replace(app.TINY, network=network, data=data)
    front, classifier = app.networks(config, app.shape_of(config), 10)
    pooled = [type(layer).__name__ for layer in classifier.layers].count("AveragePooling2D")
    assert pooled == (network.startswith("st_") and data == "mnist_RTS")
    assert (front is not None) == network.startswith("st_")


def test_metrics_are_named_after_the_network():
    names = {app.metric(dataclasses.replace(app.TINY, network=n, transform=t))
             for n in ("cnn", "st_cnn") for t in ("affine", "projective", "tps")}
    assert names == {"cnn", "st_cnn_affine", "st_cnn_projective", "st_cnn_tps"}


def test_the_error_is_of_digits_distorted_by_one_seed_for_all_runs(few):
    model = engine.build(app, app.TINY)
    image, label = app.measured(app.TINY, "validation")
    truth = distorted_mnist.fixed(app.read()["image"], kind="R", seed=app.FIXED)
    np.testing.assert_array_equal(image, truth)
    found = model.look(tf.constant(image))["label"].numpy()
    for seed in (0, 1):
        config = dataclasses.replace(app.TINY, seed=seed)
        error = app.evaluate(model, config)["st_cnn_affine_error_percent"]
        np.testing.assert_allclose(error, 100 * np.mean(found != label))


def test_several_runs_give_the_mean_of_their_errors_and_its_spread(few, tmp_path):
    runs = [saved(app.TINY, tmp_path / str(seed), seed) for seed in (0, 1)]
    alone = [app.evaluate(*run)["st_cnn_affine_error_percent"] for run in runs]
    model, config = runs[0]
    found = app.evaluate(model, dataclasses.replace(config, runs=(tmp_path / "1",)))
    np.testing.assert_allclose(found["st_cnn_affine_error_percent"], np.mean(alone))
    spread = abs(alone[0] - alone[1]) / np.sqrt(2)
    np.testing.assert_allclose(found["st_cnn_affine_standard_deviation"], spread, atol=1e-9)
    assert found["runs"] == 2
    content = json.loads((tmp_path / "1" / "config.json").read_text())
    content["config"]["network"] = "cnn"
    (tmp_path / "1" / "config.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match="network='cnn' instead of 'st_cnn'"):
        app.evaluate(model, dataclasses.replace(config, runs=(tmp_path / "1",)))


def test_a_split_that_was_trained_on_is_not_measured():
    config = dataclasses.replace(app.TINY, train_split="train")
    with pytest.raises(ValueError, match="trained on"):
        app.evaluate(engine.build(app, app.TINY), config)


def test_digits_are_no_fine_grained_data():
    with pytest.raises(ValueError, match="Received: --data mnist_R"):
        app.build(dataclasses.replace(BIRDS, data="mnist_R"))


def test_photographs_are_cropped_and_mirrored_by_their_numbers():
    image = np.random.default_rng(0).integers(0, 256, [6, 8, 8, 3], np.uint8)
    batch = {"image": tf.constant(image), "index": tf.range(6, dtype=tf.int64)}
    found = app.changed(batch, BIRDS)["image"].numpy()
    mirrored = [not np.array_equal(a, b) for a, b in zip(found, image, strict=True)]
    assert 0 < sum(mirrored) < 6
    for one, whole, turned in zip(found, image, mirrored, strict=True):
        np.testing.assert_array_equal(one, whole[:, ::-1] if turned else whole)
    cropped = app.changed(batch, dataclasses.replace(BIRDS, crop=0.5, mirror=False))["image"]
    assert cropped.shape == (6, 8, 8, 3) and np.mean(cropped.numpy() != image) > 0.5
    assert all(one.min() >= whole.min() and one.max() <= whole.max()
               for one, whole in zip(cropped.numpy(), image, strict=True))


def test_birds_are_trained_drawn_and_served_with_the_same_commands(tmp_path, monkeypatch):
    whole = app.read("embedded", None, "validation", 64, None)
    monkeypatch.setattr(app, "read", lambda *_: {k: v[:24] for k, v in whole.items()})
    model, config = saved(BIRDS, tmp_path)
    app.train(model, dataclasses.replace(config, steps=6))
    assert set(app.evaluate(model, config)) == {"fine_grained_error_percent"}
    assert app.draw(model, config).dtype == np.uint8
    served = app.serve(model)["serving_default"].fn(tf.constant(app.examples(config)[-1]["image"]))
    assert served["transformed"].shape == (2, 2, 32, 32, 3) and served["theta"].shape == (2, 2, 2)
    assert served["probabilities"].shape == (2, len(app.classes(config)))


def test_a_single_window_is_enough():
    config = dataclasses.replace(BIRDS, parallel=1)
    model, known = engine.build(app, config), app.load(config, "validation")
    batch = {name: tf.constant(known[name][:4]) for name in ("image", "label")}
    model.train_step(batch)
    assert model.look(batch["image"])["transformed"].shape == (4, 1, 32, 32, 3)
    with pytest.raises(ValueError, match="Expected at least 1 part"):
        engine.build(app, dataclasses.replace(BIRDS, parallel=0))


@pytest.mark.parametrize("options, told", [
    ({"crop": 0.0}, "Expected 0 < crop <= 1. Received: crop=0.0"),
    ({"weights": Path("w.h5")}, "Expected --backbone inception with --weights"),
])
def test_flags_that_make_no_sense_are_refused(options, told):
    with pytest.raises(ValueError, match=told):
        app.build(dataclasses.replace(BIRDS, **options))


def folders(root, *splits):
    """Six grey pictures for each of two classes, in folders named after splits."""
    for split in splits:
        for name in ("a", "b"):
            (root / split / name).mkdir(parents=True)
            for i in range(6):
                cv2.imwrite(str(root / split / name / f"{i}.png"), np.full([32, 32], 40 * i))
    return dataclasses.replace(
        app.TINY, data="class_folders", root=root, size=32, steps=2, run=root / "run"
    )


def test_folders_for_training_and_test_alone_are_enough_to_train(tmp_path):
    config = folders(tmp_path, "train", "test")
    app.train(engine.build(app, config), config)
    assert list((config.run / "pictures").glob("*.png"))


def test_pictures_that_cannot_be_drawn_are_told_before_the_training(tmp_path, monkeypatch):
    config = dataclasses.replace(folders(tmp_path, "train"), split="test")
    model = engine.build(app, config)
    monkeypatch.setattr(app.engine, "fit", lambda *_, **__: pytest.fail("the training began"))
    with pytest.raises(ValueError, match="Received: split='test'"):
        app.train(model, config)


def test_birds_are_of_the_size_that_is_asked_for():
    config = dataclasses.replace(BIRDS, size=48)
    model = engine.build(app, config)
    for image in (app.measured(config, "validation")[0], app.examples(config)[-1]["image"]):
        assert image.shape[1:] == app.shape_of(config) == (48, 48, 3)
    assert model.look(tf.constant(image))["transformed"].shape == (2, 2, 24, 24, 3)


def test_an_odd_size_cannot_be_halved():
    with pytest.raises(ValueError, match="Expected an even --size.*Received: size=65"):
        app.build(dataclasses.replace(BIRDS, size=65))


def test_so_many_images_are_held_at_once_as_500_digits_have_pixels(monkeypatch):
    counts = [[len(part) for part in app.parts(np.zeros([n, side, side, c], np.uint8))]
              for n, side, c in ((1100, 28, 1), (300, 64, 3), (2, 700, 3))]
    assert counts == [[500, 500, 100], [95, 95, 95, 15], [1, 1]]
    whole, model = app.read("embedded", None, "validation", 64, None), engine.build(app, BIRDS)
    monkeypatch.setattr(app, "measured", lambda *_: (whole["image"][:12], whole["label"][:12]))
    error, picture = app.evaluate(model, BIRDS), app.draw(model, BIRDS)
    monkeypatch.setattr(app, "PIXELS", 5 * 64**2)
    seen, pixels = [], model.pixels
    monkeypatch.setattr(model, "pixels", lambda x: seen.append(x.shape[0]) or pixels(x))
    assert app.evaluate(model, BIRDS) == error
    np.testing.assert_allclose(app.draw(model, BIRDS), picture, atol=1)
    assert set(seen) == {5, 2}


PUBLISHED = "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"


def test_the_help_and_the_page_name_inception_s_weights_as_they_are_published():
    page = Path(__file__).parents[2] / "docs" / "apps" / "spatial_transformer.md"
    assert PUBLISHED in page.read_text() and PUBLISHED in flags.comments(app.Config)["weights"]


@pytest.mark.slow
def test_inception_learns_where_to_look_at_birds():
    """One step moves what places the parts, what sees each of them, and what names the bird."""
    config = dataclasses.replace(BIRDS, backbone="inception", size=150, batch_size=2)
    model = engine.build(app, config)
    known, front = app.load(config, "validation"), model.transformer
    front.head.kernel.assign(np.random.default_rng(0).normal(0, 0.01, front.head.kernel.shape))
    before = [weight.numpy() for weight in model.trainable_weights]
    model.train_step({name: tf.constant(known[name][:2]) for name in ("image", "label")})
    moved = {id(weight) for old, weight in zip(before, model.trainable_weights, strict=True)
             if np.any(old != weight.numpy())}
    nets = [front.localisation, front.head, model.classifier]
    nets = [layer for net in nets for layer in getattr(net, "layers", [net])]
    still = [layer.name for layer in nets for weight in layer.trainable_weights
             if id(weight) not in moved]
    assert not still and len(moved) > 500


def test_the_card_names_the_licence_of_the_digits_that_were_distorted():
    assert export.licence("mnist_RTS") == export.licence("mnist") == mnist.LICENCE
