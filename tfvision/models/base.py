"""The base of models with a train_step of their own.

Keras 3.15 loses every optimiser but `model.optimizer` when a model is loaded, does not save the
states of seed generators, and its `fit` fails under MultiWorkerMirroredStrategy (keras#20585).
All three are mended here, once.
"""

import keras
import tensorflow as tf


class System(keras.Model):
    """A keras.Model whose optimisers are all kept and whose steps are right under every strategy.

    A subclass creates its sub-networks in `__init__`, sets `self.built = True` at its end, says in
    `updates` which optimiser moves which weights, writes `train_step` as its paper's algorithm,
    calling `descend` for each update, and returns `self.track(...)`. Its `get_config` returns the
    arguments of `__init__`, sub-networks as they are. Never use it as a functional model
    (`System(inputs, outputs)`): Keras would rewrite its base classes.
    """

    def updates(self):
        """Optimiser's name in `compile` -> the weights that it moves."""
        return {"optimizer": self.trainable_weights}

    def compile(
        self, *, jit_compile="auto", steps_per_execution=1, run_eagerly=False, **optimizers
    ):
        """Takes one optimiser for each name in `updates` and creates all its variables.

        raises   ValueError for other names, and for what cannot work under the strategy in scope
        """
        wanted = self.updates()
        if set(optimizers) != set(wanted):
            raise ValueError(f"Expected {sorted(wanted)}. Received: {sorted(optimizers)}")
        strategy = tf.distribute.get_strategy()
        _refuse_impossible(strategy, jit_compile, steps_per_execution)
        super().compile(
            optimizer=optimizers.pop("optimizer", None),
            jit_compile=jit_compile,
            steps_per_execution=steps_per_execution,
            run_eagerly=run_eagerly,
        )
        for name, optimizer in optimizers.items():
            setattr(self, name, keras.optimizers.get(optimizer))
        for name, weights in wanted.items():
            getattr(self, name).build(weights)
        self.seed_states = [v for v in self.variables if "seed_generator" in v.path]

    def get_compile_config(self):
        return {
            name: keras.saving.serialize_keras_object(getattr(self, name))
            for name in self.updates()
        }

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))

    @classmethod
    def from_config(cls, config):
        return cls(**keras.saving.deserialize_keras_object(config))

    def descend(self, tape, loss, optimizer, weights):
        """One step of `optimizer` down the gradient of `loss`, this replica's mean.

        Optimisers add the gradients of all replicas up, so each gives its share.
        """
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        gradients = tape.gradient(loss, weights)
        if replicas > 1:
            gradients = [gradient / replicas for gradient in gradients]
        optimizer.apply_gradients(zip(gradients, weights, strict=True))

    def make_means(self, *names):
        """Running means for `track`, made once in `__init__`."""
        self._means = {name: keras.metrics.Mean(name) for name in names}

    def track(self, **values):
        """Epoch means of the step's values, under their names, for the logs."""
        for name, value in values.items():
            self._means[name].update_state(value)
        return {name: mean.result() for name, mean in self._means.items() if name in values}

    def make_train_function(self, force=False):
        if not self._has_workers():
            return super().make_train_function(force)
        if self.train_function is None or force:
            self.train_function = self._on_workers(self.train_step)
        return self.train_function

    def make_test_function(self, force=False):
        if not self._has_workers():
            return super().make_test_function(force)
        if self.test_function is None or force:
            self.test_function = self._on_workers(self.test_step)
        return self.test_function

    def _has_workers(self):
        return isinstance(self.distribute_strategy, tf.distribute.MultiWorkerMirroredStrategy)

    def _on_workers(self, step):
        """One step on every worker; Keras's own reduces scalar logs along an axis they lack."""
        strategy = self.distribute_strategy

        def one_step(iterator):
            logs = strategy.run(step, args=(next(iterator),))
            return keras.tree.map_structure(
                lambda value: strategy.reduce("MEAN", value, axis=None), logs
            )

        return one_step if self.run_eagerly else tf.function(one_step, reduce_retracing=True)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        """Nothing to do: a System is built before it is compiled."""


def _refuse_impossible(strategy, jit_compile, steps_per_execution):
    """Says before training what would fail, or silently do half the work, in it."""
    workers = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
    mirrored = isinstance(strategy, tf.distribute.MirroredStrategy)
    if (workers or mirrored) and steps_per_execution != 1:
        raise ValueError(
            f"Expected one step per execution under {type(strategy).__name__}. "
            f"Received: steps_per_execution={steps_per_execution}"
        )
    if (workers or mirrored) and jit_compile is True:
        raise ValueError(
            f"Expected no forced XLA under {type(strategy).__name__}. Received: jit_compile=True"
        )
