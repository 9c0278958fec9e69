"""Trainings of several workers on this computer's loopback, for test_workers.py."""

import dataclasses
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path


def free_ports(count):
    """Ports that nobody listens at."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def start(name, folder, count, **options):
    """`count` processes that train TINY together; each writes its weights into the folder.

    options  sgd: plain descent; kill_at: step of this start at which the second process dies
    """
    addresses = [f"127.0.0.1:{port}" for port in free_ports(count)]
    processes = []
    for index in range(count):
        cluster = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        environment = os.environ | ({"TF_CONFIG": json.dumps(cluster)} if count > 1 else {})
        job = {"name": name, "folder": str(folder), "count": count, "index": index, **options}
        processes.append(subprocess.Popen(
            [sys.executable, __file__, json.dumps(job)], env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ))
    return processes


def main(job):
    """Trains TINY with plain gradient descent or the app's own optimisers; saves all weights."""
    import numpy as np
    import tensorflow as tf

    from tfvision.commands.errors import UsageError
    from tfvision.commands.train import train
    from tfvision.engine import checkpoint

    tf.config.experimental.enable_op_determinism()
    app = importlib.import_module(f"tfvision.apps.{job['name']}")
    config = shared_config(app, job)
    if job.get("kill_at") and job["index"] == 1:
        arm(job["kill_at"])
    if job.get("sgd"):
        app.build = with_plain_descent(app.build)
    try:
        model = train(app, config)
    except UsageError as error:
        raise SystemExit(f"told: {error}") from None
    values = [variable.numpy() for variable in checkpoint.variables(model)]
    np.savez(f"{job['folder']}/weights_{job['count']}_{job['index']}.npz", *values)


def with_plain_descent(build):
    """The app's build, with an SGD in place of each optimiser: it hides no factor of a gradient."""
    import keras

    def build_with_sgd(config):
        model = build(config)
        model.compile(**{name: keras.optimizers.SGD(0.01) for name in model.updates()})
        return model

    return build_with_sgd


def arm(kill_at):
    """Makes this process kill itself at the end of a step, as a machine that loses its power."""
    from tfvision.engine import callbacks

    def on_train_batch_end(self, batch, logs=None):
        self.done = getattr(self, "done", 0) + 1
        if self.done == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    callbacks.StopAtNaN.on_train_batch_end = on_train_batch_end


def shared_config(app, job):
    """TINY without what depends on the device: dropout's masks are drawn per process."""
    fixed = {"dropout": 0.0, "mining": "none"}
    if job["name"] == "spatial_transformer":  # The sampler's derivative jumps at whole pixels,
        fixed["steps"] = 2  # so later steps magnify what the order of a sum rounds.
    names = {field.name for field in dataclasses.fields(app.Config)}
    strategy = "multi_worker" if job["count"] > 1 else "none"
    return dataclasses.replace(
        app.TINY, run=Path(job["folder"]) / "run", strategy=strategy,
        **{name: value for name, value in fixed.items() if name in names},
    )


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
