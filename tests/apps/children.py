"""Trainings in processes of their own: they can be killed, and their determinism is theirs alone.

A fork server that has imported TensorFlow once makes a child cost a tenth of a second.
"""

import dataclasses
import importlib
import multiprocessing
import os
import signal


def context():
    """Where children come from."""
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["tensorflow", "keras", "tfvision.engine"])
    return server


def run(function, *args):
    """Calls the function in a child and returns the child's exit code."""
    child = context().Process(target=function, args=args)
    child.start()
    child.join(300)
    return child.exitcode


def train(name, folder, kill_at=None):
    """Trains TINY in the folder, deterministically; SIGKILL after `kill_at` steps of this start."""
    import tensorflow as tf

    from tfvision import engine
    from tfvision.engine import callbacks

    tf.config.experimental.enable_op_determinism()
    if kill_at is not None:
        arm(callbacks.Progress, kill_at)
    app = importlib.import_module(f"tfvision.apps.{name}")
    config = dataclasses.replace(app.TINY, run=folder)
    app.train(engine.build(app, config), config)


def arm(progress, kill_at):
    """Makes the process kill itself, without a chance to clean up, at the end of a step."""
    plain = progress.on_train_batch_end

    def on_train_batch_end(self, batch, logs=None):
        plain(self, batch, logs)
        if self.done == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    progress.on_train_batch_end = on_train_batch_end
