"""tfvision train APP: a run folder from data, resumed where it stopped."""

import json
import os
import shutil

import tensorflow as tf

from tfvision import engine
from tfvision.commands import flags as read
from tfvision.commands.errors import UsageError


def main(app, args):
    """Trains the app by its flags; goes on where a run of the same flags stopped."""
    config, own = read.parse(
        app,
        "train",
        args,
        fresh=read.flag(bool, False, "Delete what the run folder holds and start anew."),
        deterministic=read.flag(bool, False, "Bit-equal from run to run, at some cost of speed."),
    )
    if first_worker():
        if own["fresh"] and config.run.exists():
            delete_run(config.run)
        refuse_other(app, config)
        read.write_config(app, config, [arg for arg in args if arg not in OWN])
    if own["deterministic"]:
        tf.config.experimental.enable_op_determinism()
    train(app, config)
    print(f"Trained: {config.run}. Next: tfvision evaluate {read.name_of(app)} --run {config.run}")


def first_worker():
    """Whether this process may write the run folder: of several workers, the first."""
    return json.loads(os.environ.get("TF_CONFIG") or "{}").get("task", {}).get("index", 0) == 0


OWN = ("--fresh", "--no-fresh", "--deterministic", "--no-deterministic")


def train(app, config):
    """Builds and trains; Ctrl-C says how to go on."""
    model = engine.build(app, config)
    try:
        app.train(model, config)
    except KeyboardInterrupt:
        raise UsageError("Stopped. The same command goes on from the last checkpoint") from None
    except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError) as error:
        raise UsageError(
            f"Lost another worker ({type(error).__name__}). Start all workers again with the same "
            "command; they go on from the last checkpoint"
        ) from None
    return model


def refuse_other(app, config):
    """A run folder trained with other flags is not continued."""
    other = read.differences(app, config)
    if other:
        told = ", ".join(f"{name} was {a!r}, now {b!r}" for name, (a, b) in other.items())
        raise UsageError(
            f"{config.run} was trained with other flags: {told}. "
            "Choose another --run, or start anew with --fresh"
        )


def delete_run(folder):
    """Deletes a run folder, and nothing that is none."""
    if not (folder / "config.json").exists() and any(folder.iterdir()):
        raise UsageError(f"{folder}: has no config.json, so it is no run that --fresh may delete")
    shutil.rmtree(folder)
