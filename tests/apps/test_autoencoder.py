"""apps.autoencoder: what it measures, and against what."""

import dataclasses
import importlib

import cv2
import numpy as np
import pytest

from tfvision import engine

app = importlib.import_module("tfvision.apps.autoencoder")
tiny = dataclasses.replace


@pytest.fixture(scope="module")
def model():
    return engine.build(app, app.TINY)


@pytest.fixture(scope="module")
def image():
    return app.load(app.TINY, "test")["image"][:70]


def identity(x):
    return x


def test_errors_are_alike_in_any_parts(model, image, monkeypatch):
    found = []
    for part in (70, 30):
        monkeypatch.setattr(app, "PART", part)
        found.append(app.errors(model, app.TINY, lambda x: model(x).numpy(), image))
    assert found[0] == pytest.approx(found[1], rel=1e-5)


def test_who_changes_nothing_has_no_error_but_the_corruption_s(model, image):
    found = app.errors(model, app.TINY, identity, image)
    x = image / 255
    assert found == {"mse": 0, "restored_mse": pytest.approx(np.mean(x**2) / 2, rel=0.05)}
    plain = tiny(app.TINY, corruption="none")
    assert app.errors(engine.build(app, plain), plain, identity, image) == {"mse": 0}


def test_what_is_measured_does_not_depend_on_the_run_s_seed(image):
    for kind in ("masking", "salt_and_pepper", "gaussian"):
        configs = [tiny(app.TINY, corruption=kind, seed=seed) for seed in (0, 1)]
        seen = [app.corrupted(engine.build(app, config), image) for config in configs]
        np.testing.assert_array_equal(*seen)


def test_what_was_trained_on_is_no_measure(model):
    with pytest.raises(ValueError, match="Expected --split test"):
        app.evaluate(model, tiny(app.TINY, train_split="train"))


def test_a_gain_is_what_the_code_knows_beyond_the_pixels(model, monkeypatch):
    scores = app.evaluate(model, app.TINY)
    peers = app.peers(app.TINY)
    pixels = peers["raw pixels"]["linear_probe_accuracy"]
    assert scores["linear_probe_gain"] == scores["linear_probe_accuracy"] - pixels
    assert 0.5 < pixels < 1
    monkeypatch.setattr(app, "encoded", lambda model, image: image / np.float32(255))
    assert app.evaluate(model, app.TINY)["linear_probe_gain"] == 0


def test_the_untrained_peer_is_the_model_before_its_first_step(model):
    for a, b in zip(app.untrained(app.TINY).weights, model.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_peers_are_as_good_as_linear_ways_can_be(model):
    config = tiny(app.TINY, units=40, probe_images=0)
    small, whole = app.peers(config), app.peers(tiny(config, units=784))
    assert 0.003 < small["PCA"]["mse"] < 0.05 and whole["PCA"]["mse"] < 1e-9
    found = {name: value["restored_mse"] for name, value in small.items()}
    assert found["linear filter"] < 0.8 * found["PCA"] and found["PCA"] < found["as it is"]


@pytest.mark.parametrize("options", [
    {"network": "dense", "units": 9, "tied": True, "hidden": (), "code": "sigmoid"},
    {"network": "dense", "units": 5, "hidden": (9,), "corruption": "none", "code": "sigmoid",
     "sparsity": "kl"},
    {"units": 7, "pixels": "linear", "loss": "squared", "corruption": "gaussian", "level": 0.2,
     "sparsity": "l1", "probe_images": 0},
])
def test_every_kind_is_built_measured_and_drawn(options):
    config = tiny(app.TINY, **options)
    built = engine.build(app, config)
    scores = app.evaluate(built, config)
    assert np.all(np.isfinite(list(scores.values())))
    assert ("linear_probe_gain" in scores) == (config.probe_images > 0)
    assert ("mean_activation" in scores) == (config.sparsity != "none")
    assert ("restored_mse" in scores) == (config.corruption != "none")
    assert app.draw(built, config).dtype == np.uint8


@pytest.mark.parametrize("options, message", [
    ({"sparsity": "kl"}, "Expected --code sigmoid"),
    ({"tied": True}, "Expected --network dense"),
    ({"network": "dense"}, "Expected --units >= 1"),
    ({"size": 32}, "Expected --size 28"),
])
def test_what_does_not_go_together_is_refused(options, message):
    config = tiny(app.TINY, **options)
    with pytest.raises(ValueError, match=message):
        app.train(app.build(config), config)


def test_a_folder_of_pictures_needs_no_labels(tmp_path):
    random = np.random.default_rng(0)
    for i in range(12):
        cv2.imwrite(str(tmp_path / f"{i:02d}.png"), random.integers(0, 255, [20, 30, 3], np.uint8))
    config = tiny(app.TINY, data="folder", root=tmp_path, size=16)
    model = engine.build(app, config)
    assert app.load(config, "fit")["image"].shape == (11, 16, 16, 3)
    scores, peers = app.evaluate(model, config), app.peers(config)
    assert set(scores) == {"mse", "restored_mse"} and set(peers) == {
        "PCA", "linear filter", "as it is"}
    assert app.draw(model, config).shape[-1] == 3
    assert app.examples(config)[0]["image"].shape == (1, 16, 16, 3)
