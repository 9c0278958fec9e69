"""apps.siamese: what the network is trained on is what it is served, and cheats score nothing."""

import dataclasses
import functools
import importlib
import json

import numpy as np
import pytest
import tensorflow as tf

from tfvision import engine
from tfvision.data.synthetic import digits
from tfvision.engine.callbacks import read_history

app = importlib.import_module("tfvision.apps.siamese")
RUNS = dataclasses.replace(app.TINY, split="runs_1_10")


def test_without_changes_a_training_image_is_what_the_served_model_sees():
    config = dataclasses.replace(app.TINY, share=0.0, elastic=0.0)
    model = engine.build(app, config)
    image = app.load("embedded", None, "validation")["image"][:4]
    batch = {"image": tf.constant(image), "label": tf.range(4)}
    batch["index"] = tf.range(4, dtype=tf.int64)
    seen = app.drawn_anew(batch, config, model)["image"]
    np.testing.assert_allclose(seen, model.ink(tf.constant(image)), atol=1e-5)


@pytest.mark.parametrize("split", ["validation", "runs_1_10"])
def test_one_answer_to_everything_is_always_wrong(split):
    model = engine.build(app, app.TINY)
    model.net.layers[-2].kernel.assign(tf.zeros_like(model.net.layers[-2].kernel))
    scores = app.evaluate(model, dataclasses.replace(app.TINY, split=split))
    assert scores["one_shot_error"] == 1.0
    assert scores.get("recall_at_1", 0.0) == 0.0 and scores.get("verification_auc", 0.0) == 0.0


def test_the_baselines_are_measured_on_the_same_trials(monkeypatch):
    few = app.trials("embedded", None, "runs_1_10")[:1]
    monkeypatch.setattr(app, "trials", lambda *_: few)
    peers = app.peers(RUNS)
    assert set(peers) == {"nearest pixels", "modified Hausdorff"}
    assert all(0 <= one["one_shot_error"] <= 1 for one in peers.values())


def test_koch_s_head_decides_trials_by_its_logit():
    config = dataclasses.replace(RUNS, loss="cross_entropy", mining="none", unit_length=False)
    model = engine.build(app, config)
    distances, answers = app.compared(model, app.trials("embedded", None, "runs_1_10")[:2])
    assert [matrix.shape for matrix in distances] == [(20, 20)] * 2 and len(answers) == 2
    assert set(app.evaluate(model, config)) == {"one_shot_error", "one_shot_standard_error"}


def test_a_split_that_was_trained_on_is_not_measured():
    config = dataclasses.replace(app.TINY, train_split="background")
    with pytest.raises(ValueError, match="trained on"):
        app.evaluate(engine.build(app, app.TINY), config)


@pytest.mark.parametrize("size", [15, 18])
def test_a_batch_of_no_whole_groups_is_refused(size):
    with pytest.raises(ValueError, match=f"batch_size={size}"):
        app.build(dataclasses.replace(app.TINY, batch_size=size))


@pytest.fixture
def digital(monkeypatch):
    """The embedded digits in place of MNIST's files."""
    parts = {"train": "fit", "background": "train"}
    load = functools.cache(lambda split: digits.load(parts.get(split, split)))
    monkeypatch.setattr(app, "load", lambda data, root, split: load(split))
    app.trials.cache_clear()
    yield dataclasses.replace(app.TINY, data="mnist", batch_size=20)
    app.trials.cache_clear()


def test_digits_are_found_and_verified_far_above_chance_after_some_steps(digital, tmp_path):
    config = dataclasses.replace(
        digital, run=tmp_path, steps=30, epoch_steps=30, dimensions=8, widths=(8, 16),
        loss="triplet", mining="all",
    )
    model = engine.build(app, config)
    app.train(model, config)
    assert model.bright_ink
    scores = app.evaluate(model, config)
    assert set(scores) == {"recall_at_1", "recall_at_5", "map_at_r", "r_precision",
                           "verification_auc", "verification_eer"}
    assert scores["recall_at_1"] > 0.6 and scores["map_at_r"] > 0.2
    assert 0 < app.peers(config)["nearest pixels"]["recall_at_1"] < 1
    with pytest.raises(ValueError, match="trained on mnist.* split=one_shot"):
        app.evaluate(model, dataclasses.replace(config, split="one_shot"))


def test_a_network_of_characters_names_digits_in_its_own_ink(digital, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"config": {"data": "omniglot"}}))
    config = dataclasses.replace(digital, run=tmp_path, split="one_shot")
    model = engine.build(app, config)
    assert not model.bright_ink
    scores = app.evaluate(model, config)
    assert scores["accuracy"] > 0.1 and 0 < scores["standard_error"] < 0.1
    image = app.load("mnist", None, "test")["image"][:3]
    known = app.as_known(model, config, image)
    np.testing.assert_allclose(model.shade(known), image / np.float32(255), atol=1e-6)
    assert set(app.peers(config)["nearest pixels"]) == set(scores)


def test_more_digits_than_there_are_make_no_batch(digital):
    with pytest.raises(ValueError, match="at most 10 digits"):
        app.build(dataclasses.replace(digital, batch_size=24))


@pytest.mark.parametrize("options, told", [
    ({"mining": "semihard"}, "mining='semihard'"), ({"soft": True}, "loss=contrastive"),
    ({"loss": "triplet", "mining": "none"}, "mining='none'"),
    ({"loss": "triplet", "mining": "semihard", "soft": True}, "soft=True"),
])
def test_flags_that_do_not_go_together_are_refused(options, told):
    with pytest.raises(ValueError, match=told):
        app.build(dataclasses.replace(app.TINY, **options))


def test_a_collapse_is_told_once_and_kept_in_the_history(capsys, tmp_path):
    config = dataclasses.replace(app.TINY, run=tmp_path, learning_rate=0.0)
    model = engine.build(app, config)
    model.net.layers[-2].kernel.assign(tf.zeros_like(model.net.layers[-2].kernel))
    app.train(model, config)
    assert capsys.readouterr().out.count("collapsed. Lower") == 1
    rows = read_history(tmp_path / "history.csv")
    assert [row["collapsed"] for row in rows] == [1.0, 1.0]
