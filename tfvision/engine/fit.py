"""Training in a run folder: it can be killed at any moment and goes on as if it had not been."""

import json
import os
import platform
import sys
from importlib import metadata
from pathlib import Path

import tensorflow as tf

from tfvision.engine import callbacks, checkpoint
from tfvision.engine.app import is_chief


def fit(model, data, config, *, picture=None, extra=()):
    """model.fit with checkpoints, logs, progress and pictures in config.run.

    An epoch is config.epoch_steps steps. At its end history.csv gets a line, TensorBoard its
    values, and the state is saved. Where the run folder has checkpoints, training goes on behind
    the newest one, bit for bit as it would have gone.

    model    compiled, with the optimisers' variables created
    data     (start_step=) -> tf.data.Dataset of batches from that step on
    config   an engine.RunConfig
    picture  () -> uint8 [h, w, 3], drawn and kept about ten times per training
    extra    more Keras callbacks
    """
    folder, chief = Path(config.run), is_chief(model)
    start = checkpoint.restore(model, folder / "checkpoints")
    if chief:
        write_environment(folder)
    writers = [*extra, *callbacks.standard(folder, config, picture, chief=chief)]
    for first, epochs, length in _legs(start, config.steps, config.epoch_steps):
        model.fit(
            on_workers(model.distribute_strategy, data, first),
            initial_epoch=first // config.epoch_steps,
            epochs=first // config.epoch_steps + epochs,
            steps_per_epoch=length,
            shuffle=False,
            verbose=0,
            callbacks=writers,
        )


def on_workers(strategy, data, first):
    """The batches from step `first` on; of several workers, each makes its own share only."""
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return data(start_step=first)

    def share(_):
        with strategy.scope():  # Tells the data which worker this is.
            return data(start_step=first)

    return strategy.distribute_datasets_from_function(share)


def _legs(start, steps, length):
    """What is left of a training, as (first step, epochs, their length): whole ones, a rest."""
    whole = steps // length * length
    if start < whole:
        yield start, (whole - start) // length, length
    if max(start, whole) < steps:
        yield max(start, whole), 1, steps - whole


def write_environment(folder):
    """environment.json: the versions and flags that a number may depend on."""
    packages = ("tensorflow", "keras", "numpy", "tensorflow-probability", "tfvision")
    facts = {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "devices": [device.name for device in tf.config.list_logical_devices()],
        "deterministic": tf.config.experimental.is_op_determinism_enabled()
        if hasattr(tf.config.experimental, "is_op_determinism_enabled")
        else None,
        "packages": {name: metadata.version(name) for name in packages},
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "environment.json").write_text(json.dumps(facts, indent=2) + "\n")
