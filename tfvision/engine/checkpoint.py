"""Checkpoints: every variable of a model and of its optimisers, written whole or not at all."""

import os
import shutil
import zipfile
from pathlib import Path

import keras
import numpy as np

KEPT = 2


def save(model, folder, step, *, write=True, optimised=True):
    """Writes folder/<step>/state.npz and keeps the newest two.

    All variables of the model (weights, running averages, states of seed generators) and of its
    optimisers are saved. Checkpoints are made at the ends of epochs, where metrics start anew.

    write      False for all workers but the chief: reading a variable may need every worker
    optimised  False leaves the optimisers out, which then start anew: for weights from elsewhere
    """
    found = variables(model, optimised)
    values = {f"{i:05d}": variable.numpy() for i, variable in enumerate(found)}
    if write:
        _write(values, Path(folder), step)


def _write(values, folder, step):
    hidden = folder / f".{step:08d}"
    shutil.rmtree(hidden, ignore_errors=True)
    hidden.mkdir(parents=True)
    with open(hidden / "state.npz", "wb") as file:
        np.savez(file, step=step, **values)
        file.flush()
        os.fsync(file.fileno())
    shutil.rmtree(folder / f"{step:08d}", ignore_errors=True)
    os.replace(hidden, folder / f"{step:08d}")
    for old in steps(folder)[:-KEPT]:
        shutil.rmtree(folder / f"{old:08d}")


def restore(model, folder):
    """Sets the model to its newest readable checkpoint and returns its step; 0 without any."""
    for step in reversed(steps(folder)):
        file = Path(folder, f"{step:08d}", "state.npz")
        try:
            with open(file, "rb") as content, np.load(content) as state:
                values = [state[name] for name in sorted(state.files) if name != "step"]
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            print(f"{file}: damaged ({error}); trying the one before")
            continue
        _assign(model, values, file)
        return step
    return 0


def steps(folder):
    """The steps that have a checkpoint, oldest first."""
    return sorted(int(path.name) for path in Path(folder).glob("[0-9]*") if path.is_dir())


def variables(model, optimised=True):
    """What a checkpoint holds, in an order that only the model's code decides."""
    means = {id(v) for v in model.metrics_variables}
    found = [v for v in model.variables if id(v) not in means]
    for optimizer in optimizers(model) if optimised else ():
        found += optimizer.variables
    seen = set()
    return [v for v in found if id(v) not in seen and not seen.add(id(v))]


def optimizers(model):
    """The optimisers among the model's attributes, by name."""
    named = sorted(vars(model).items())
    return [value for _, value in named if isinstance(value, keras.optimizers.Optimizer)]


def _assign(model, values, file):
    weights = variables(model, optimised=False)
    targets = weights if len(values) == len(weights) else variables(model)
    if [tuple(v.shape) for v in targets] != [v.shape for v in values]:
        raise ValueError(
            f"Expected a checkpoint of this model ({len(targets)} variables). "
            f"Received: {file} with {len(values)}, or of other shapes. Train anew with --fresh"
        )
    for variable, value in zip(targets, values, strict=True):
        variable.assign(value)
