"""The base of models with a train_step of their own."""

import keras
import tensorflow as tf


class System(keras.Model):
    """A keras.Model whose steps are right under every strategy.

    A subclass writes `train_step` as its paper's algorithm and calls `descend` for each update.
    Never use it as a functional model: Keras would rewrite its base classes.
    """

    def descend(self, tape, loss, optimizer, weights):
        """One step of `optimizer` down the gradient of `loss`, this replica's mean.

        Optimisers add the gradients of all replicas up, so each gives its share.
        """
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        gradients = tape.gradient(loss, weights)
        if replicas > 1:
            gradients = [gradient / replicas for gradient in gradients]
        optimizer.apply_gradients(zip(gradients, weights, strict=True))

    def track(self, **values):
        """Epoch means of the step's values, under their names, for the logs."""
        for name, value in values.items():
            self._means[name].update_state(value)
        return {name: mean.result() for name, mean in self._means.items()}

    def make_means(self, *names):
        """Running means for `track`, made once in `__init__`."""
        self._means = {name: keras.metrics.Mean(name) for name in names}
