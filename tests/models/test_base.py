"""models.base.System: every optimiser and seed survives; what cannot work is refused."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfvision.models.base import System


@keras.saving.register_keras_serializable("tests")
class Game(System):
    """Two nets that pull at one number each, with an optimiser of its own for each."""

    def __init__(self, left, right, **options):
        super().__init__(**options)
        self.left, self.right = left, right
        self.make_means("left", "right")
        self.built = True

    def get_config(self):
        return {"left": self.left, "right": self.right}

    def updates(self):
        return {
            "left_optimizer": self.left.trainable_weights,
            "right_optimizer": self.right.trainable_weights,
        }

    def train_step(self, batch):
        losses = {}
        for side in ("left", "right"):
            net = getattr(self, side)
            with tf.GradientTape() as tape:
                losses[side] = tf.reduce_mean((net(batch["x"], training=True) - 1) ** 2)
            optimizer = getattr(self, f"{side}_optimizer")
            self.descend(tape, losses[side], optimizer, net.trainable_weights)
        return self.track(**losses)


def net():
    return keras.Sequential([keras.Input([3]), keras.layers.Dense(4), keras.layers.Dropout(0.5)])


def game(**options):
    keras.utils.set_random_seed(1)
    model = Game(net(), net())
    model.compile(
        left_optimizer=keras.optimizers.Adam(0.01),
        right_optimizer=keras.optimizers.RMSprop(0.02, momentum=0.9),
        **options,
    )
    return model


def data(batches):
    x = np.random.default_rng(0).normal(size=[batches, 4, 3]).astype(np.float32)
    return tf.data.Dataset.from_tensor_slices({"x": x})


def weights_and_slots(model):
    found = [*model.left.variables, *model.right.variables]
    found += [*model.left_optimizer.variables, *model.right_optimizer.variables]
    return [v.numpy() for v in found]


def assert_equal(a, b):
    for x, y in zip(weights_and_slots(a), weights_and_slots(b), strict=True):
        np.testing.assert_array_equal(x, y)


def test_a_loaded_model_goes_on_as_the_saved_one(tmp_path):
    model = game()
    model.fit(data(5), shuffle=False, verbose=0)
    model.save(tmp_path / "game.keras")
    loaded = keras.models.load_model(tmp_path / "game.keras")
    assert int(loaded.left_optimizer.iterations.numpy()) == 5
    assert_equal(model, loaded)
    for one in (model, loaded):
        one.fit(data(3), shuffle=False, verbose=0)
    assert_equal(model, loaded)


def test_weights_files_hold_all_optimisers_and_seeds(tmp_path):
    model, other = game(), game()
    model.fit(data(4), shuffle=False, verbose=0)
    model.save_weights(tmp_path / "game.weights.h5")
    other.load_weights(tmp_path / "game.weights.h5")
    assert_equal(model, other)
    for a, b in zip(model.seed_states, other.seed_states, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    assert model.seed_states


def test_keras_s_own_backup_resumes_exactly(tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    def backup():
        return keras.callbacks.BackupAndRestore(tmp_path / "backup")

    whole, stopped, resumed = game(), game(), game()
    whole.fit(data(3), epochs=4, shuffle=False, verbose=0)
    with pytest.raises(KeyboardInterrupt):
        stopped.fit(data(3), epochs=4, shuffle=False, verbose=0, callbacks=[backup(), Stop()])
    resumed.fit(data(3), epochs=4, shuffle=False, verbose=0, callbacks=[backup()])
    assert_equal(whole, resumed)


def test_the_means_are_of_the_epoch_and_reset_between():
    model = game()
    first = model.fit(data(6), epochs=2, shuffle=False, verbose=0).history
    assert set(first) == {"left", "right"} and first["left"][1] < first["left"][0]


def test_a_wrong_set_of_optimisers_is_refused():
    model = Game(net(), net())
    with pytest.raises(ValueError, match="left_optimizer"):
        model.compile(optimizer="adam")


@pytest.mark.parametrize("options", [{"steps_per_execution": 4}, {"jit_compile": True}])
def test_what_cannot_work_under_a_strategy_is_refused(options):
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        with pytest.raises(ValueError, match="MirroredStrategy"):
            game(**options)
