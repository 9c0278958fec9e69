"""apps.siamese: what the network is trained on is what it is served, and cheats score nothing."""

import dataclasses
import importlib

import numpy as np
import pytest
import tensorflow as tf

from tfvision import engine

app = importlib.import_module("tfvision.apps.siamese")
RUNS = dataclasses.replace(app.TINY, split="runs_1_10")


def test_without_changes_a_training_image_is_what_the_served_model_sees():
    config = dataclasses.replace(app.TINY, share=0.0, elastic=0.0)
    model = engine.build(app, config)
    image = app.load("embedded", None, "validation")["image"][:4]
    batch = {"image": tf.constant(image), "label": tf.range(4)}
    batch["index"] = tf.range(4, dtype=tf.int64)
    seen = app.drawn_anew(batch, config, size=15)["image"]
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
