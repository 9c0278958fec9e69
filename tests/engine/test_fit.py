"""engine.fit: epochs, logs and pictures; stop at NaN; go on where it stopped."""

import dataclasses
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfvision import engine
from tfvision.engine import callbacks, checkpoint
from tfvision.engine.fit import _legs


def model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input([2]), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss="mse")
    model.optimizer.build(model.trainable_variables)
    return model


def data(start_step):
    def batch(step):
        x = tf.random.stateless_normal([4, 2], tf.stack([step, 7]))
        return x, tf.reduce_sum(x, -1, keepdims=True)

    return tf.data.Dataset.range(start_step, 10**6).map(batch)


@pytest.fixture
def config(tmp_path):
    return engine.RunConfig(run=tmp_path / "run", steps=25, epoch_steps=10)


@pytest.mark.parametrize("start, legs", [
    (0, [(0, 2, 10), (20, 1, 5)]), (10, [(10, 1, 10), (20, 1, 5)]), (20, [(20, 1, 5)]), (25, [])])
def test_what_is_left_of_a_training(start, legs):
    assert list(_legs(start, 25, 10)) == legs


def test_a_training_shorter_than_an_epoch_has_one_short_epoch():
    assert list(_legs(0, 7, 100)) == [(0, 1, 7)]


def test_the_run_folder_has_a_line_per_epoch_and_the_last_state(config):
    engine.fit(model(), data, config)
    rows = callbacks.read_history(config.run / "history.csv")
    assert [row["step"] for row in rows] == [10, 20, 25]
    assert rows[-1]["loss"] < rows[0]["loss"]
    assert checkpoint.steps(config.run / "checkpoints") == [20, 25]
    facts = json.loads((config.run / "environment.json").read_text())
    assert facts["packages"]["keras"] == keras.__version__
    assert list((config.run / "tensorboard").glob("events*"))


def test_it_goes_on_behind_the_newest_checkpoint_and_rewrites_later_rows(config):
    whole, half = model(), model()
    engine.fit(whole, data, config)
    other = dataclasses.replace(config, run=config.run.with_name("other"))
    engine.fit(half, data, dataclasses.replace(other, steps=20))
    file = other.run / "history.csv"
    file.write_text(file.read_text() + "30,9.9,0.5\n")  # of a step that was never saved
    resumed = model()
    engine.fit(resumed, data, other)
    for a, b in zip(whole.variables, resumed.variables, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6)
    assert [row["step"] for row in callbacks.read_history(file)] == [10, 20, 25]


def test_a_finished_run_is_left_as_it_is(config):
    engine.fit(model(), data, config)
    before = (config.run / "history.csv").read_text()
    engine.fit(model(), data, config)
    assert (config.run / "history.csv").read_text() == before


def test_a_loss_of_nan_ends_the_training_before_it_is_saved(config):
    def poisoned(start_step):
        return data(start_step).map(lambda x, y: (x, y / tf.zeros([])))

    engine.fit(model(), data, dataclasses.replace(config, steps=10))
    with pytest.raises(FloatingPointError, match="learning-rate"):
        engine.fit(model(), poisoned, config)
    assert checkpoint.steps(config.run / "checkpoints") == [10]


def test_pictures_are_drawn_about_ten_times_and_at_the_end(config):
    long = dataclasses.replace(config, steps=400)
    engine.fit(model(), data, long, picture=lambda: np.zeros([2, 2, 3], np.uint8))
    names = sorted(file.stem for file in (config.run / "pictures").glob("*.png"))
    assert len(names) == 10 and names[-1] == "00000400"


def test_progress_tells_step_speed_and_time_left(config, capsys):
    engine.fit(model(), data, config)
    last = capsys.readouterr().out.splitlines()[-1]
    assert "step 25/25 100%" in last and "loss" in last and "steps/s" in last and "left" in last
    assert callbacks.clock(3723.4) == "1:02:03" and callbacks.clock(59.6) == "1:00"
