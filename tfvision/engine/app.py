"""The contract of an application: what a module apps/<name>.py defines."""

import contextlib
import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol

import keras
import numpy as np
import tensorflow as tf


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunConfig:
    """The flags that every application has; its own Config adds to them."""

    run: Path  # Folder of the run: flags, checkpoints, logs, pictures, metrics.
    data: str = "embedded"  # A data set: its reader's name, or the procedural one.
    root: Path | None = None  # Folder of the data set's files [default: $TFVISION_DATA/<data>].
    split: str = "validation"  # The part of the data that `evaluate` measures.
    steps: int = 1000  # Optimisation steps.
    batch_size: int = 8  # Examples per step, of all workers together.
    epoch_steps: int = 100  # Steps between checkpoints, log lines and pictures.
    learning_rate: float = 1e-3  # The optimiser's, at the start of its schedule.
    seed: int = 0  # Decides weights, order of the data and noise.
    precision: Literal["float32", "mixed_bfloat16"] = "float32"  # Of layers; losses are float32.
    strategy: Literal["none", "mirrored", "multi_worker"] = "none"  # See docs/training.md.


@dataclasses.dataclass(frozen=True)
class Signature:
    """One function that is exported, with the shapes it takes.

    fn      named tensors in, dict of named tensors out; output names are none of the inputs'
    inputs  name -> TensorSpec, unknown where any size is fine
    fixed   name -> shape of the TFLite file's inputs; None where that file is dynamic, too
    fit     how a picture is made to fit a fixed shape: "letterbox", "stretch" or "tile"
    margin  what a tile sees beyond the part that counts, px at each side
    """

    fn: Callable[..., dict[str, tf.Tensor]]
    inputs: dict[str, tf.TensorSpec]
    fixed: dict[str, list[int]] | None = None
    fit: Literal["letterbox", "stretch", "tile"] | None = None
    margin: int = 0


class App(Protocol):
    """A module apps/<name>.py. There is nothing to inherit and nothing to register."""

    TASK: str  # What comes out: segmentation, detection, ... (decides names and drawing)
    Config: type[RunConfig]  # The flags: comments of the fields are their help.
    TINY: RunConfig  # A whole run in seconds on one core; the tests use it.

    def build(self, config) -> keras.Model:
        """The compiled model, weights and optimisers created."""

    def train(self, model, config) -> None:
        """Often one line: engine.fit(model, data, config)."""

    def evaluate(self, model, config) -> dict[str, float]:
        """Metrics on config.split of config.data."""

    def examples(self, config) -> list[dict[str, np.ndarray]]:
        """At least 8 inputs of serving_default, of two sizes and batches where it allows."""

    def serve(self, model) -> dict[str, Signature]:
        """What is exported, "serving_default" first."""

    def draw(self, model, config) -> np.ndarray:
        """uint8 [h, w, 3]: what the model does, for the docs and while it trains."""


def build(app, config):
    """app.build(config) in a clean session, with the seed, precision and strategy of config.

    The session is cleared because the names Keras gives to layers would otherwise depend on what
    was built before, and with them the last bits of every training step.
    """
    scope = _scope(config.strategy)
    keras.utils.clear_session()
    keras.utils.set_random_seed(config.seed)
    keras.mixed_precision.set_global_policy(config.precision)
    with scope:
        return app.build(config)


def _scope(strategy):
    """The strategy's scope. Several workers must be set up before any other use of TensorFlow."""
    if strategy == "mirrored":
        return tf.distribute.MirroredStrategy().scope()
    if strategy == "multi_worker":
        cluster = json.loads(os.environ.get("TF_CONFIG") or "{}").get("cluster")
        if not cluster:
            raise ValueError(
                "Expected the addresses of all workers and this one's number in the environment "
                "variable TF_CONFIG, see docs/training.md. "
                f"Received: TF_CONFIG={os.environ.get('TF_CONFIG')!r}"
            )
        return tf.distribute.MultiWorkerMirroredStrategy().scope()
    return contextlib.nullcontext()


def is_chief(model):
    """Whether this process writes the run folder: of several workers, the first one."""
    resolver = model.distribute_strategy.cluster_resolver
    return resolver is None or resolver.task_id in (None, 0)
