"""apps.pointnet: every task trains and is exported; runs are averaged; nothing seen is measured."""

import dataclasses
import importlib
import json

import numpy as np
import pytest
import tensorflow as tf

from tfvision import engine
from tfvision.commands import flags

app = importlib.import_module("tfvision.apps.pointnet")
TASKS = {"part": "instance_miou", "semantic": "miou"}


@pytest.mark.parametrize("task", TASKS)
def test_points_get_parts_and_a_picture_and_a_signature(task):
    config = dataclasses.replace(app.TINY, task=task)
    model = engine.build(app, config)
    assert 0 <= app.evaluate(model, config)[TASKS[task]] <= 1
    assert app.draw(model, config).shape[2] == 3
    examples, signature = app.examples(config), app.serve(model)["serving_default"]
    assert len(examples) >= 8 and len({e["points"].shape for e in examples}) > 2
    for example in (examples[0], examples[-2]):
        assert set(example) == set(signature.inputs)
        found = signature.fn(**example)
        assert found["labels"].shape == example["points"].shape[:2]
        assert found["probabilities"].shape[-1] == len(app.classes(config))


@pytest.mark.parametrize("task", TASKS)
def test_batches_hold_what_a_step_needs(task):
    config = dataclasses.replace(app.TINY, task=task, rotate="up", scale=0.1, outliers=0.1)
    model = engine.build(app, config)
    known = app.load(config, "fit")
    known = {name: known[name] for name in app.point_tasks.wanted(task)}
    batch = next(iter(app.batches(known, 0, config=config)))
    assert batch["points"].shape == (8, 48, model.channels) and batch["part"].shape == (8, 48)


def test_along_its_axes_a_set_is_told_the_same_however_it_is_turned():
    config = dataclasses.replace(app.TINY, rotate="axes", votes=4)
    model, points = engine.build(app, config), app.load(config, "validation")["points"][:5, :200]
    index = tf.range(5, dtype=tf.int64)
    turned = app.point_changes.turned(tf.constant(points), index, how="any", seed=1).numpy()
    for look in (app.classified, lambda *args: app.voted(*args, config)):
        np.testing.assert_allclose(look(model, points), look(model, turned), atol=1e-3)
    assert np.abs(app.classified(model, points) - app.voted(model, points, config)).max() > 1e-4
    with pytest.raises(ValueError, match="at most 4 --votes"):
        app.voted(model, points, dataclasses.replace(config, votes=5))


@pytest.mark.parametrize("turn, votes, angles", [
    (180, 1, [0]), (180, 4, [-135, -45, 45, 135]), (15, 3, [-10, 0, 10]),
])
def test_votes_turn_sets_evenly_within_the_angle_of_training(monkeypatch, turn, votes, angles):
    config = dataclasses.replace(app.TINY, rotate="up", turn=turn, votes=votes)
    seen = []
    monkeypatch.setattr(app, "classified", lambda model, points: seen.append(points) or 1.0)
    assert app.voted(None, np.float32([[[1, 0, 5]]]), config) == 1
    x, y, z = np.array(seen)[:, 0, 0].T
    np.testing.assert_allclose(np.degrees(np.arctan2(y, x)), angles, atol=1e-3)
    assert (z == 5).all()


@pytest.mark.parametrize("votes, rotate", [(2, "none"), (0, "up")])
def test_votes_that_cannot_be_counted_are_refused(votes, rotate):
    config = dataclasses.replace(app.TINY, rotate=rotate, votes=votes)
    with pytest.raises(ValueError, match=f"Received: votes={votes}, rotate='{rotate}'"):
        app.voted(None, np.zeros([1, 1, 3], np.float32), config)


@pytest.mark.parametrize("other", [{"data": "mnist"}, {"task": "semantic"}])
def test_points_without_three_coordinates_have_no_axes(other):
    with pytest.raises(ValueError, match="3 coordinates"):
        app.build(dataclasses.replace(app.TINY, rotate="axes", **other))


def test_a_task_without_labels_is_refused():
    config = dataclasses.replace(app.TINY, data="mnist", task="part")
    with pytest.raises(ValueError, match="--task of classify for --data mnist"):
        app.build(config)


def test_a_split_that_was_trained_on_is_not_measured():
    config = dataclasses.replace(app.TINY, train_split="train")
    with pytest.raises(ValueError, match="trained on"):
        app.evaluate(engine.build(app, app.TINY), config)


def saved(config, folder, seed, **changes):
    """A run folder with the untrained model of a seed."""
    config = dataclasses.replace(config, run=folder, seed=seed, **changes)
    model = engine.build(app, config)
    engine.save(model, folder / "checkpoints", 1)
    flags.write_config(app, config, [])
    return model, config


def test_of_several_runs_the_mean_and_the_spread_are_told(tmp_path):
    single = []
    for seed in (1, 2):
        model, config = saved(app.TINY, tmp_path / str(seed), seed)
        single.append(app.evaluate(model, config)["accuracy"])
    both = dataclasses.replace(config, runs=(tmp_path / "1",))
    found = app.evaluate(model, both)
    assert found["accuracy"] == pytest.approx(np.mean(single))
    assert found["accuracy_spread"] == pytest.approx(np.std(single, ddof=1))
    assert [found[f"accuracy_run_{i}"] for i in (1, 2)] == single[::-1]
    saved(app.TINY, tmp_path / "3", 3, width=0.07)
    with pytest.raises(ValueError, match="width=0.07 instead of 0.06"):
        app.evaluate(model, dataclasses.replace(config, runs=(tmp_path / "3",)))


def test_robustness_and_sets_are_measured_written_and_drawn(tmp_path):
    model, config = saved(app.TINY, tmp_path, 1)
    plain = app.draw(model, config)
    config = dataclasses.replace(config, robustness=True, sets=2)
    metrics = app.evaluate(model, config)
    assert {"accuracy_missing_furthest_0.5", "accuracy_outliers_0.2"} <= set(metrics)
    files = sorted(file.name for file in (tmp_path / "sets").iterdir())
    names = ("critical", "points", "upper")
    assert files == [f"{i}_{name}.ply" for i in range(2) for name in names]
    (tmp_path / "metrics.json").write_text(json.dumps({"metrics": metrics}))
    assert app.draw(model, config).shape[0] > plain.shape[0]


def test_digits_are_points_of_the_plane():
    config = dataclasses.replace(app.TINY, data="mnist")
    model = engine.build(app, config)
    examples = app.examples(config)
    assert model.channels == 2 and examples[0]["points"].shape == (1, 48, 2)
    found = app.serve(model)["serving_default"].fn(**examples[8])
    assert found["probabilities"].shape == (2, 10)


@pytest.fixture
def few_shapes(tmp_path):
    """Two classes of three files each: none of them every fourth or fifth."""
    random = np.random.default_rng(0)
    for name in ("a", "b"):
        for i in range(3):
            (tmp_path / name).mkdir(exist_ok=True)
            np.save(tmp_path / name / f"{i}.npy", random.normal(size=[60, 3]))
    return dataclasses.replace(app.TINY, data="shapes", root=tmp_path, run=tmp_path / "run")


def test_of_few_shapes_some_are_left_for_the_picture(few_shapes):
    assert app.draw(engine.build(app, few_shapes), few_shapes).shape[2] == 3
    assert [len(app.load(few_shapes, split)["label"]) for split in ("fit", "validation")] == [4, 2]


def test_a_split_without_shapes_is_told_before_the_training(few_shapes, monkeypatch):
    config = dataclasses.replace(few_shapes, split="test")
    monkeypatch.setattr(engine, "fit", lambda *args, **options: pytest.fail("it trains"))
    with pytest.raises(ValueError, match="split 'test' has no shapes"):
        app.train(engine.build(app, config), config)


def test_points_that_could_be_added_change_nothing():
    model = engine.build(app, app.TINY)
    points = app.load(app.TINY, "validation")["points"][:2, :48]
    for own, critical, upper in app.theorem_sets(model, points):
        assert len(upper) and np.linalg.norm(upper, axis=1).max() <= 1
        whole, more, few = (model.logits(some[None]).numpy() for some in
                            (own, np.concatenate([own, upper]), own[critical]))
        np.testing.assert_array_equal(whole, more)
        np.testing.assert_array_equal(whole, few)


@pytest.mark.parametrize("options, told", [
    ({"points": 5000}, "Expected --points of at most .* points=5000"),
    ({"task": "part", "votes": 2, "rotate": "up"}, "Expected --task classify with --votes"),
    ({"task": "semantic", "robustness": True}, "Expected --task classify with --votes"),
    ({"drop": 1.5}, "Expected drop and outliers in 0..1.*drop=1.5"),
    ({"scale": -1.0}, "Expected drop and outliers.*scale=-1.0"),
])
def test_flags_that_make_no_sense_are_refused(options, told):
    config = dataclasses.replace(app.TINY, **options)
    with pytest.raises(ValueError, match=told):
        app.evaluate(engine.build(app, config), config)


def test_digits_have_no_curves_of_robustness():
    config = dataclasses.replace(app.TINY, data="mnist", robustness=True)
    with pytest.raises(ValueError, match="Expected --robustness of points in random order"):
        app.check_measured(config, 256)
