"""Several workers train as one: equal weights, equal to one process; a lost worker ends all."""

import pkgutil
import time

import numpy as np
import pytest
import tfvision.apps
import workers

APPS = [m.name for m in pkgutil.iter_modules(tfvision.apps.__path__) if not m.name.startswith("_")]
pytestmark = pytest.mark.slow


def finish(processes):
    """Waits for all; their exit codes and what they wrote to stderr."""
    said = [process.communicate(timeout=200)[1] for process in processes]
    return [process.returncode for process in processes], said


def weights(folder, count, index):
    with np.load(folder / f"weights_{count}_{index}.npz") as values:
        return [values[name] for name in values.files]


@pytest.mark.parametrize("name", APPS)
def test_two_workers_with_plain_descent_equal_one_on_the_joint_batch(name, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
    for folder, count in ((one, 1), (two, 2)):
        codes, said = finish(workers.start(name, folder, count, sgd=True))
        assert codes == [0] * count, said[0][-2000:] + said[-1][-2000:]
    for a, b in zip(weights(two, 2, 0), weights(two, 2, 1), strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(weights(one, 1, 0), weights(two, 2, 0), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5, rtol=1e-5)


def test_a_lost_worker_ends_the_others_and_a_restart_equals_an_uninterrupted_run(tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for folder in (whole, broken):
        folder.mkdir()
    assert finish(workers.start("unet", whole, 2))[0] == [0, 0]
    processes = workers.start("unet", broken, 2, kill_at=3)
    assert processes[1].wait(200) == -9
    begin = time.monotonic()
    said = processes[0].communicate(timeout=60)[1]
    assert time.monotonic() - begin < 30
    assert processes[0].returncode == 1 and "Start all workers again" in said, said[-2000:]
    processes[1].communicate()
    assert finish(workers.start("unet", broken, 2))[0] == [0, 0]
    for a, b in zip(weights(whole, 2, 0), weights(broken, 2, 0), strict=True):
        np.testing.assert_array_equal(a, b)


def test_without_addresses_the_message_names_the_variable(tmp_path):
    import dataclasses
    import importlib

    from tfvision import engine

    app = importlib.import_module("tfvision.apps.unet")
    config = dataclasses.replace(app.TINY, run=tmp_path, strategy="multi_worker")
    with pytest.raises(ValueError, match="TF_CONFIG"):
        engine.build(app, config)
