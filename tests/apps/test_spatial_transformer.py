"""apps.spatial_transformer: what is measured is what the paper measured, and only once."""

import dataclasses
import importlib
import json

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


def test_the_card_names_the_licence_of_the_digits_that_were_distorted():
    assert export.licence("mnist_RTS") == export.licence("mnist") == mnist.LICENCE
