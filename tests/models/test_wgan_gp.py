"""models.wgan_gp: the steps of algorithm 1, on fresh images, and what is kept of them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfvision.models import ema, wgan_gp


def model(k=3, critic=None, size=8, rate=0.01, **options):
    keras.utils.set_random_seed(0)
    generator = wgan_gp.generator_network(size=size, latent=4, filters=2, widest=4)
    critic = critic or wgan_gp.critic_network(size=size, filters=2, widest=4)
    made = wgan_gp.WGANGP(generator, critic, critic_steps=k, **options)
    made.compile(
        critic_optimizer=keras.optimizers.SGD(rate), generator_optimizer=keras.optimizers.SGD(rate)
    )
    return made


def batch(count, size=8, first=0):
    images = np.random.default_rng(first).integers(0, 256, [count, size, size, 1], np.uint8)
    return {"image": tf.constant(images), "index": tf.range(first, first + count, dtype=tf.int64)}


@pytest.mark.parametrize("size, channels", [(28, 1), (32, 3), (8, 1), (40, 3), (6, 1)])
def test_networks_make_and_judge_images_of_the_size(size, channels):
    generator = wgan_gp.generator_network(size=size, channels=channels, latent=5, filters=2)
    critic = wgan_gp.critic_network(size=size, channels=channels, filters=2)
    images = generator(tf.random.stateless_normal([3, 5], [0, 0]) * 50)
    assert images.shape == (3, size, size, channels)
    assert float(tf.reduce_max(tf.abs(images))) <= 1.0
    assert critic(images).shape == (3, 1)


@pytest.mark.parametrize("size", [3, 27, 0, 36 + 1])
def test_sizes_that_cannot_be_halved_are_refused(size):
    with pytest.raises(ValueError, match=f"size={size}"):
        wgan_gp.generator_network(size=size)


@pytest.mark.parametrize("norm", [False, True])
def test_a_score_is_its_own_image_s_alone(norm):
    critic = wgan_gp.critic_network(size=12, filters=3, norm=norm)
    images = tf.random.stateless_normal([5, 12, 12, 1], [1, 2])
    alone = tf.concat([critic(images[i : i + 1], training=True) for i in range(5)], 0)
    np.testing.assert_allclose(critic(images, training=True), alone, atol=1e-5)


def test_the_critic_makes_k_steps_and_the_generator_one():
    made = model(k=3)
    step = tf.function(made.train_step)
    for turn in range(2):
        step(batch(6, first=6 * turn))
    assert int(made.critic_optimizer.iterations.numpy()) == 6
    assert int(made.generator_optimizer.iterations.numpy()) == 2


class Seen(keras.layers.Layer):
    """Keeps the means of the images that pass through it."""

    means = []

    def call(self, images):
        tf.numpy_function(lambda x: self.means.append(x.mean((1, 2, 3))), [images], [])
        return images


def test_every_critic_step_sees_images_of_its_own():
    images = keras.Input([8, 8, 1])
    scores = keras.layers.Dense(1)(keras.layers.Flatten()(Seen()(images)))
    made = model(k=3, critic=keras.Model(images, scores))
    data = batch(6)
    data["image"] = tf.constant(np.full([6, 8, 8, 1], np.arange(6).reshape(6, 1, 1, 1), np.uint8))
    Seen.means.clear()
    made.train_step(data)
    real = np.arange(6, dtype=np.float32) / 127.5 - 1
    judged = Seen.means[0::3][:3]  # Of a step: real, generated, points of the penalty.
    np.testing.assert_allclose(judged, [real[[0, 3]], real[[1, 4]], real[[2, 5]]], atol=1e-6)
    noise = np.concatenate(Seen.means[1::3][:3] + Seen.means[9:])
    assert len(set(noise.tolist())) == len(noise) == 8, "noise is never used twice"


def linear_critic(w):
    images = keras.Input([8, 8, 1])
    head = keras.layers.Dense(1)
    critic = keras.Model(images, head(keras.layers.Flatten()(images)))
    head.kernel.assign(w.reshape(64, 1))
    return critic


@pytest.mark.parametrize("at", wgan_gp.PENALTY_AT)
def test_one_step_on_a_linear_critic_is_the_one_on_paper(at):
    w = np.random.default_rng(5).normal(size=64).astype(np.float32) / 4
    made = model(k=1, critic=linear_critic(w), rate=0.1, penalty_at=at, penalty_weight=7.0)
    data = batch(4)
    z = made.noise(data["index"], wgan_gp.CRITIC)
    fake = made.generator(z).numpy().reshape(4, 64)
    real = data["image"].numpy().reshape(4, 64) / 127.5 - 1
    norm = np.linalg.norm(w)
    gradient = fake.mean(0) - real.mean(0) + 7 * 2 * (norm - 1) * w / norm
    logs = made.train_step(data)
    expected = w - 0.1 * gradient
    np.testing.assert_allclose(made.critic.layers[-1].kernel.numpy()[:, 0], expected, atol=1e-5)
    np.testing.assert_allclose(logs["penalty"], (norm - 1) ** 2, rtol=1e-4)
    np.testing.assert_allclose(logs["distance"], (real - fake).mean(0) @ w, rtol=1e-4)


def test_the_generator_climbs_the_critic_and_leaves_it_alone():
    made = model()
    critic = [v.numpy() for v in made.critic.variables]
    z = made.noise(tf.range(16, dtype=tf.int64), wgan_gp.GENERATOR)
    before = float(tf.reduce_mean(made.critic(made.generator(z))))
    for _ in range(5):
        made.improve_generator(z)
    assert float(tf.reduce_mean(made.critic(made.generator(z)))) > before
    for old, new in zip(critic, made.critic.variables, strict=True):
        np.testing.assert_array_equal(old, new.numpy())


def test_the_average_lags_behind_and_is_what_samples():
    made = model(k=1, half_life=8.0, warm_up=0, rate=0.1)
    start = made.average.get_weights()
    made.train_step(batch(8))
    expected = [(a + b) / 2 for a, b in zip(start, made.generator.get_weights(), strict=True)]
    for ours, value in zip(made.average.get_weights(), expected, strict=True):
        np.testing.assert_allclose(ours, value, atol=1e-6)
    z = np.ones([2, 4], np.float32)
    pixels = wgan_gp.to_pixels(made.average(z))
    np.testing.assert_array_equal(made.sample(z), pixels)
    assert pixels.dtype == tf.uint8


def test_the_warm_up_forgets_the_first_weights():
    made = model(k=1, half_life=8e4, warm_up=10_000, rate=0.1)
    for turn in range(3):
        made.train_step(batch(8, first=8 * turn))
    ours, first = made.average.get_weights(), ema.frozen_clone(model().generator).get_weights()
    now = made.generator.get_weights()
    moved = sum(np.abs(a - b).sum() for a, b in zip(ours, first, strict=True))
    whole = sum(np.abs(a - b).sum() for a, b in zip(now, first, strict=True))
    assert moved > 0.3 * whole


def test_pixels_survive_the_way_there_and_back():
    images = tf.constant(np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1))
    np.testing.assert_array_equal(wgan_gp.to_pixels(wgan_gp.from_pixels(images)), images)
    np.testing.assert_array_equal(wgan_gp.to_pixels(tf.constant([-9.0, 9.0])), [0, 255])


def test_noise_is_the_example_s_however_the_batch_is_cut():
    """Two halves of the joint batch, each with its own noise, are what one process sees."""
    made, index = model(k=2), tf.range(8, dtype=tf.int64)
    whole = made.noise(index, wgan_gp.CRITIC)
    parts = tf.concat([made.noise(index[:4], 0), made.noise(index[4:], 0)], 0)
    np.testing.assert_array_equal(whole, parts)
    halves = [index[:4][t::2].numpy().tolist() + index[4:][t::2].numpy().tolist() for t in (0, 1)]
    assert halves == [index[t::2].numpy().tolist() for t in (0, 1)]


def test_a_saved_model_goes_on_as_the_one_that_was_saved(tmp_path):
    made = model(k=2)
    step = [batch(4, first=4 * i) for i in range(4)]
    for data in step[:2]:
        made.train_step(data)
    made.save(tmp_path / "game.keras")
    loaded = keras.models.load_model(tmp_path / "game.keras")
    assert loaded.get_config().keys() == made.get_config().keys() and loaded.critic_steps == 2
    for one in (made, loaded):
        for data in step[2:]:
            one.train_step(data)
    for ours, theirs in zip(made.variables, loaded.variables, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), atol=1e-7)


def test_a_mixed_precision_step_has_finite_float32_losses():
    keras.config.set_dtype_policy("mixed_bfloat16")
    logs = model(k=1).train_step(batch(4))
    assert all(value.dtype == tf.float32 and np.isfinite(value) for value in logs.values())


@pytest.mark.parametrize("options", [{"penalty_at": "fake"}, {"k": 0}])
def test_impossible_games_are_refused(options):
    with pytest.raises(ValueError, match="penalty_at in"):
        model(**options)
