"""Averages of a network's weights over its training: they make better pictures than the last ones.

The average is a network of its own: `frozen_clone` makes it, `follow` moves it in a train_step,
and it is saved, restored and exported as any other part of the model.
"""

import keras
import tensorflow as tf


def frozen_clone(net):
    """A network with the structure and the weights of `net` that no optimiser moves."""
    clone = keras.models.clone_model(net)
    clone.set_weights(net.get_weights())
    clone.trainable = False
    return clone


def decay_for(half_life, images):
    """The factor that halves the weight of a step's past after `half_life` images.

    half_life  in images, a number or a float scalar; 0 forgets the past at once
    images     images per step, of all workers together
    return     float32 scalar in 0..1
    """
    per_step = tf.cast(images, tf.float32) / tf.maximum(tf.cast(half_life, tf.float32), 1e-6)
    return 0.5**per_step


def follow(average, source, *, decay):
    """One step of the average behind its source, inside of a train_step and under any strategy.

    Weights become decay * average + (1 - decay) * source; what is not trained (running moments,
    states of seed generators) is copied.

    average  keras.Model from `frozen_clone(source)`
    decay    float scalar in 0..1, from `decay_for`
    """
    trained = {id(variable) for variable in source.trainable_variables}
    pairs = [
        (old.value, new.value, id(new) in trained)
        for old, new in zip(average.variables, source.variables, strict=True)
    ]
    tf.distribute.get_replica_context().merge_call(_move_all, args=(pairs, decay))


def _move_all(strategy, pairs, decay):
    """Moves each average where it is stored; all replicas have the same source."""
    for old, new, trained in pairs:
        strategy.extended.update(old, _move, args=(new, decay, trained), group=False)


def _move(old, new, decay, trained):
    if trained:
        rest = tf.cast(1 - decay, old.dtype)
        old.assign_add(rest * (new - old))  # Exact where both are equal.
    else:
        old.assign(new)
