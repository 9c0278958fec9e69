"""apps.vae: what it measures, and against what."""

import dataclasses
import importlib

import numpy as np
import pytest

from tfvision import engine

app = importlib.import_module("tfvision.apps.vae")
tiny = dataclasses.replace


@pytest.fixture(scope="module")
def digits():
    return app.load(app.TINY, "test")[:120]


def test_images_are_measured_alike_in_any_parts(digits, monkeypatch):
    model = engine.build(app, app.TINY)
    monkeypatch.setattr(app, "PART", 120)
    whole = app.measure(model, digits, 0, 4)
    monkeypatch.setattr(app, "PART", 50)
    parts = [app.measure(model, digits, first, 4) for first in (0, 50, 100)]
    for all_at_once, one_by_one in zip(whole, zip(*parts, strict=True), strict=True):
        np.testing.assert_allclose(np.concatenate(one_by_one), all_at_once, rtol=1e-4, atol=1e-6)


def test_what_is_measured_does_not_depend_on_the_run_s_seed(digits):
    for kind in ("bernoulli", "gaussian"):
        configs = [tiny(app.TINY, likelihood=kind, seed=seed) for seed in (0, 1)]
        seen = [app.observed(engine.build(app, c).likelihood, digits) for c in configs]
        np.testing.assert_array_equal(*seen)


def test_what_was_trained_on_is_no_measure():
    config = tiny(app.TINY, train_split="train")
    with pytest.raises(ValueError, match="Expected --split test"):
        app.evaluate(engine.build(app, config), config)


def test_a_gaussian_run_tells_its_error_and_its_linear_peer():
    config = tiny(app.TINY, likelihood="gaussian", learn_sigma=True, covariance="full", units=5)
    scores = app.evaluate(engine.build(app, config), config)
    assert scores["sigma"] == pytest.approx(0.1, rel=1e-5) and 0 < scores["mse"] < 1
    both = scores["reconstruction"] + scores["kl"]
    assert scores["negative_elbo"] == pytest.approx(both, rel=1e-4)
    peers = {name: value["negative_elbo"] for name, value in app.peers(config).items()}
    assert peers["probabilistic PCA"] < peers["independent pixels"]


def test_independent_pixels_know_little_of_digits():
    assert 150 < app.peers(app.TINY)["independent pixels"]["negative_elbo"] < 300
