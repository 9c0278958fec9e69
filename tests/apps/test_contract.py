"""What every module of apps/ promises, from a killed training to the exported file."""

import dataclasses
import importlib
import json
import pkgutil
import signal

import children
import numpy as np
import pytest
import tfvision.apps

from tfvision import engine
from tfvision.commands import evaluate, export, flags
from tfvision.engine import checkpoint
from tfvision.engine.callbacks import read_history

APPS = [m.name for m in pkgutil.iter_modules(tfvision.apps.__path__) if not m.name.startswith("_")]


@pytest.fixture(scope="module", params=APPS)
def app(request):
    return importlib.import_module(f"tfvision.apps.{request.param}")


@pytest.fixture(scope="module")
def config(app, tmp_path_factory):
    """TINY, trained by a process that was killed in its second epoch and then by another one."""
    config = dataclasses.replace(app.TINY, run=tmp_path_factory.mktemp("killed"))
    name = app.__name__.rpartition(".")[2]
    killed = children.run(children.train, name, config.run, config.epoch_steps + 1)
    assert killed == -signal.SIGKILL
    assert checkpoint.steps(config.run / "checkpoints") == [config.epoch_steps]
    assert children.run(children.train, name, config.run) == 0
    flags.write_config(app, config, [])
    return config


@pytest.fixture(scope="module")
def models(app, config, tmp_path_factory):
    """The folder of exported models."""
    root = tmp_path_factory.mktemp("savedmodels")
    export.export(app, config, root)
    return root


def test_a_killed_and_resumed_training_equals_an_uninterrupted_one(app, config, tmp_path):
    assert children.run(children.train, app.__name__.rpartition(".")[2], tmp_path) == 0
    whole, resumed = (final_state(folder, config.steps) for folder in (tmp_path, config.run))
    assert whole.keys() == resumed.keys()
    for key in whole:
        np.testing.assert_array_equal(whole[key], resumed[key])
    assert means(tmp_path) == means(config.run)


def final_state(folder, steps):
    with np.load(folder / "checkpoints" / f"{steps:08d}" / "state.npz") as state:
        return dict(state)


def means(folder):
    rows = read_history(folder / "history.csv")
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


@pytest.mark.slow
def test_training_in_bfloat16_keeps_its_weights_and_its_losses_in_float32(app, tmp_path):
    config = dataclasses.replace(app.TINY, run=tmp_path, precision="mixed_bfloat16")
    model = engine.build(app, config)
    app.train(model, config)
    assert {weight.dtype for weight in model.trainable_variables} == {"float32"}
    last = read_history(tmp_path / "history.csv")[-1]
    assert last["step"] == config.steps and np.all(np.isfinite(list(last.values())))


def test_training_changes_every_trainable_weight(app, config):
    fresh, trained = engine.build(app, config), engine.build(app, config)
    engine.restore(trained, config.run / "checkpoints")
    for before, after in zip(fresh.trainable_variables, trained.trainable_variables, strict=True):
        assert np.any(before.numpy() != after.numpy()), before.path


def test_the_run_folder_holds_what_a_user_looks_for(config):
    for name in ("config.json", "environment.json", "history.csv", "tensorboard", "pictures"):
        assert (config.run / name).exists(), name


def test_evaluation_gives_finite_numbers_and_writes_them(app, config):
    entry = evaluate.evaluate(app, config, "the command")
    assert entry["metrics"] and np.all(np.isfinite(list(entry["metrics"].values())))
    assert json.loads((config.run / "metrics.json").read_text()) == entry


def test_export_proves_all_formats_and_describes_them(app, models):
    folder = models / app.__name__.rpartition(".")[2]
    card = json.loads((folder / "card.json").read_text())
    assert card["task"] == app.TASK
    assert {"saved_model", "tflite", "onnx"} <= set(card["parity"])
    within = [how["within"] for f in card["parity"].values() for s in f.values()
              for how in s.values()]
    assert within and all(within)
    assert not [op for op in card["operations"]["tflite"] if "Flex" in op or "CUSTOM" in op]
    warmup = folder / "1" / "assets.extra" / "tf_serving_warmup_requests"
    assert warmup.stat().st_size > 0


def test_the_exported_model_predicts_by_command(app, models, config, tmp_path):
    predict = importlib.import_module("tfvision.commands.predict")
    name = app.__name__.rpartition(".")[2]
    inputs = example_files(app, config, tmp_path)
    model = ["--model", str(models / name), "--out", str(tmp_path / "out")]
    assert not predict.main([name, *inputs, *model])
    assert list((tmp_path / "out").glob("*.png")) and list((tmp_path / "out").glob("*.json"))


def example_files(app, config, folder):
    """An example as a file that `predict` takes; nothing for generators, which draw their own."""
    from tfvision.viz.files import write_image

    example = app.examples(config)[0]
    if "image" in example:
        write_image(folder / "example.png", np.squeeze(example["image"][0]))
        return [str(folder / "example.png")]
    if "z" in example:
        return []
    np.savez(folder / "example.npz", **example)
    return [str(folder / "example.npz")]


def test_the_drawing_is_a_picture_and_the_same_twice(app, config):
    model = export.restored(app, config)
    picture = app.draw(model, config)
    assert picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[-1] == 3
    np.testing.assert_array_equal(picture, app.draw(model, config))
