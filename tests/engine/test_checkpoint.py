"""engine.checkpoint: whole or not at all, every variable, the newest that can be read."""

import keras
import numpy as np
import pytest

from tfvision.engine import checkpoint


def model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input([3]), keras.layers.Dense(2), keras.layers.Dropout(0.5)])
    model.compile(optimizer=keras.optimizers.Adam(0.1), loss="mse")
    model.optimizer.build(model.trainable_variables)
    return model


def trained():
    found = model()
    found.fit(np.ones([8, 3]), np.ones([8, 2]), batch_size=4, shuffle=False, verbose=0)
    return found


def values(model):
    return [variable.numpy() for variable in checkpoint.variables(model)]


def test_weights_optimiser_and_seeds_come_back_bit_equal(tmp_path):
    before = trained()
    checkpoint.save(before, tmp_path, 2)
    after = model()
    assert checkpoint.restore(after, tmp_path) == 2
    for a, b in zip(values(before), values(after), strict=True):
        np.testing.assert_array_equal(a, b)
    assert any("seed" in v.path for v in checkpoint.variables(after))
    assert int(after.optimizer.iterations.numpy()) == 2


def test_every_optimiser_among_the_attributes_is_saved(tmp_path):
    found = model()
    found.second = keras.optimizers.SGD(0.1, momentum=0.9)
    found.second.build(found.trainable_variables)
    paths = [variable.path for variable in checkpoint.variables(found)]
    assert any("adam" in path for path in paths) and any("momentum" in path for path in paths)
    assert len(paths) == len({id(v) for v in checkpoint.variables(found)})


def test_weights_alone_come_back_and_the_optimiser_starts_anew(tmp_path):
    before, after = trained(), model()
    checkpoint.save(before, tmp_path, 1, optimised=False)
    assert checkpoint.restore(after, tmp_path) == 1
    for a, b in zip(before.get_weights(), after.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert int(after.optimizer.iterations.numpy()) == 0


def test_the_newest_two_are_kept(tmp_path):
    found = model()
    for step in (10, 20, 30, 100):
        checkpoint.save(found, tmp_path, step)
    assert checkpoint.steps(tmp_path) == [30, 100]


def test_without_a_checkpoint_training_starts_at_zero(tmp_path):
    assert checkpoint.restore(model(), tmp_path / "none") == 0


def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(tmp_path, capsys):
    found = trained()
    checkpoint.save(found, tmp_path, 1)
    checkpoint.save(found, tmp_path, 2)
    file = tmp_path / "00000002" / "state.npz"
    file.write_bytes(file.read_bytes()[:-200])
    assert checkpoint.restore(model(), tmp_path) == 1
    assert str(file) in capsys.readouterr().out


def test_what_a_killed_writer_left_is_no_checkpoint(tmp_path):
    checkpoint.save(model(), tmp_path, 5)
    (tmp_path / ".00000010").mkdir()
    (tmp_path / ".00000010" / "state.npz").write_bytes(b"half")
    assert checkpoint.restore(model(), tmp_path) == 5
    checkpoint.save(model(), tmp_path, 10)
    assert checkpoint.steps(tmp_path) == [5, 10]


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    checkpoint.save(model(), tmp_path, 1)
    other = keras.Sequential([keras.Input([3]), keras.layers.Dense(5)])
    other.compile(optimizer="sgd", loss="mse")
    with pytest.raises(ValueError, match="--fresh"):
        checkpoint.restore(other, tmp_path)
