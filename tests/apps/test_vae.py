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
    for name, all_at_once in whole.items():
        one_by_one = np.concatenate([part[name] for part in parts])
        np.testing.assert_allclose(one_by_one, all_at_once, rtol=1e-4, atol=1e-6)


def test_codes_are_weighted_alike_in_any_parts(digits, monkeypatch):
    model = engine.build(app, app.TINY)
    whole = app.log_weights(app.weigher(model, 60), digits, slice(0, 9))
    monkeypatch.setattr(app, "ROWS", 25)
    parts = [app.log_weights(app.weigher(model, 60), digits, slice(i, i + 3)) for i in (0, 3, 6)]
    assert whole.shape == (60, 9)
    np.testing.assert_allclose(np.concatenate(parts, 1), whole, rtol=1e-5)


def test_the_likelihood_lies_above_every_bound(digits, monkeypatch):
    monkeypatch.setattr(app, "load", lambda config, split: digits)
    config = tiny(app.TINY, importance=500)
    scores = app.evaluate(engine.build(app, config), config)
    ladder = [scores[f"negative_bound_{k}"] for k in (1, 5, 50)] + [scores["nll_500"]]
    assert np.all(np.diff(ladder) < 0)
    assert scores["negative_bound_1"] == pytest.approx(scores["negative_elbo"], rel=0.01)
    assert scores["posterior_divergence"] == pytest.approx(ladder[0] - ladder[-1], rel=1e-4)
    assert 1 < scores["effective_samples"] <= 500


def test_burda_s_rate_falls_by_a_seventh_of_a_decade_after_3_to_the_i_epochs():
    rate = app.schedule(app.Config(schedule="burda", learning_rate=1e-3, steps=3280))
    for i, end in enumerate((1, 4, 13, 40, 121, 364, 1093, 3280)):
        assert float(rate(end - 0.5)) == pytest.approx(1e-3 * 10 ** (-i / 7), rel=1e-5)
    assert float(app.schedule(app.Config(steps=100))(100)) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("flags", [{"samples": 0}, {"importance": -1}])
def test_a_number_of_codes_that_makes_no_sense_is_refused(flags):
    with pytest.raises(ValueError, match="Expected samples >= 1 and importance >= 0"):
        app.evaluate(None, tiny(app.TINY, **flags))


@pytest.mark.parametrize("flags, name", [
    ({}, "nll_5000"),
    ({"objective": "stl"}, "nll_5000"),
    ({"codes": 5}, "nll_5000_vae5"),
    ({"objective": "iwae", "codes": 5}, "nll_5000_iwae5"),
    ({"objective": "dreg", "codes": 50}, "nll_5000_iwae50"),
])
def test_a_likelihood_is_named_after_the_bound_that_was_trained(flags, name):
    assert app.nll_name(app.Config(importance=5000, **flags)) == name


@pytest.mark.parametrize("objective", ["stl", "dreg"])
def test_every_objective_trains_by_its_flag(objective, tmp_path):
    config = tiny(app.TINY, objective=objective, codes=2, run=tmp_path, steps=2)
    model = engine.build(app, config)
    before = [weight.numpy() for weight in model.trainable_weights]
    app.train(model, config)
    assert all(np.any(a != b) for a, b in zip(before, model.trainable_weights, strict=True))


def test_a_collapse_is_told_once_and_its_end_as_well(digits, capsys):
    model = engine.build(app, app.TINY)
    alarm = app.CollapseAlarm(digits)
    alarm.set_model(model)
    features = model.encoder.get_layer("features")
    learned = features.kernel.numpy()
    features.kernel.assign(learned * 0)
    alarm.on_epoch_end(0)
    alarm.on_epoch_end(1)
    assert capsys.readouterr().out.count("the posterior has collapsed") == 1
    features.kernel.assign(learned)
    alarm.on_epoch_end(2)
    assert capsys.readouterr().out == "The posterior is no longer collapsed: units are active.\n"
    features.kernel.assign(learned * 0)
    app.evaluate(model, tiny(app.TINY, importance=0))
    assert "WARNING: the posterior has collapsed" in capsys.readouterr().out


def test_two_units_are_drawn_everywhere():
    configs = [tiny(app.TINY, units=units) for units in (3, 2)]
    pictures = [app.draw(engine.build(app, config), config) for config in configs]
    assert pictures[1].shape[0] > pictures[0].shape[0] + 16 * 56
    z = app.lattice(40)
    np.testing.assert_allclose(z.mean(0), 0, atol=1e-9)
    np.testing.assert_allclose(z.std(0), 1, atol=0.05)  # As random codes.
    assert z[0, 0] < 0 < z[0, 1]  # The second unit grows upwards.


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
    config = tiny(app.TINY, likelihood="gaussian", sigma_is="learned", covariance="full", units=5)
    scores = app.evaluate(engine.build(app, config), config)
    assert scores["sigma"] == pytest.approx(0.1, rel=1e-5) and 0 < scores["mse"] < 1
    both = scores["reconstruction"] + scores["kl"]
    assert scores["negative_elbo"] == pytest.approx(both, rel=1e-4)
    peers = {name: value["negative_elbo"] for name, value in app.peers(config).items()}
    assert peers["probabilistic PCA"] < peers["independent pixels"]


def test_a_decoder_may_draw_its_own_sigmas():
    config = tiny(app.TINY, likelihood="gaussian", sigma_is="pixel")
    model = engine.build(app, config)
    model.start_at(np.zeros([28, 28, 1]))
    scores = app.evaluate(model, config)
    assert scores["sigma"] == pytest.approx(0.1, abs=0.03)
    assert np.isfinite(scores["nll_10"]) and scores["nll_10"] < scores["negative_elbo"]


def test_independent_pixels_know_little_of_digits():
    assert 150 < app.peers(app.TINY)["independent pixels"]["negative_elbo"] < 300
