"""models.vae: a bound that is tight where the posterior is known, and a model that learns."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfvision import layers, ops
from tfvision.data.stream import stream
from tfvision.layers.likelihoods import (
    BernoulliLikelihood,
    GaussianLikelihood,
    PixelGaussianLikelihood,
)
from tfvision.losses import elbo
from tfvision.metrics import importance
from tfvision.models import vae

SHAPE, SIZE, SIGMA = (3, 2, 1), 2, 0.4


def small(likelihood=None, posterior=None, hidden=(16,), **options):
    keras.utils.set_random_seed(0)
    posterior = posterior or layers.DiagonalGaussian(SIZE)
    likelihood = likelihood or BernoulliLikelihood()
    return vae.VAE(
        vae.encoder(posterior.features, shape=SHAPE, hidden=hidden),
        vae.decoder(posterior.size, shape=SHAPE, maps=likelihood.maps, hidden=hidden),
        posterior=posterior,
        likelihood=likelihood,
        **options,
    )


def batch(n=4, seed=0):
    image = np.random.default_rng(seed).integers(0, 256, [n, *SHAPE], np.uint8)
    return {"image": tf.constant(image), "index": tf.range(n, dtype=tf.int64)}


def linear_gaussian(posterior, images=5, **options):
    """A VAE x = W z + c + sigma epsilon; with its exact posterior where that can be expressed."""
    model = small(GaussianLikelihood(SIGMA), posterior, hidden=(), **options)
    random = np.random.default_rng(1)
    w, c = random.normal(size=[6, SIZE]) @ [[1, 0.8], [0, 0.6]], random.normal(size=6)
    precision = np.eye(SIZE) + w.T @ w / SIGMA**2
    covariance = np.linalg.inv(precision)
    slope = w @ covariance / SIGMA**2  # E[z|x] = (x - c) @ slope
    factor = np.linalg.cholesky(covariance)
    if isinstance(posterior, layers.FullGaussian):
        rest = [*np.log(np.diag(factor)), factor[1, 0]]
    else:
        rest = -np.log(np.diag(precision))  # The nearest diagonal Gaussian's.
    kernel = np.concatenate([slope, np.zeros([6, len(rest)])], 1)
    model.encoder.set_weights([kernel, np.concatenate([-c @ slope, rest])])
    model.decoder.set_weights([w.T, c])
    x = random.normal(0, 2, [images, 6])
    truth = tfd.MultivariateNormalTriL(c, np.linalg.cholesky(w @ w.T + SIGMA**2 * np.eye(6)))
    return model, x.reshape([images, *SHAPE]).astype(np.float32), truth.log_prob(x).numpy()


def epsilon(samples, b=5):
    noise = ops.example_normal(tf.range(samples, dtype=tf.int64), b * SIZE, seed=0)
    return tf.reshape(noise, [samples, b, SIZE])


def test_the_bound_is_the_evidence_at_the_exact_posterior():
    model, x, evidence = linear_gaussian(layers.FullGaussian(SIZE))
    log_likelihood, kl = model.bound(x, epsilon(100_000))
    error = np.std(log_likelihood, 0) / 100_000**0.5
    bound = np.mean(log_likelihood, 0) - kl
    np.testing.assert_array_less(np.abs(bound - evidence), 5 * error + 1e-3)


def test_at_the_exact_posterior_every_sample_gives_the_evidence():
    model, x, evidence = linear_gaussian(layers.FullGaussian(SIZE))
    mean, scale = model.posterior(model.encoder(x))
    z = ops.reparametrise(mean, scale, epsilon(7))
    prior = tfd.MultivariateNormalDiag(tf.zeros(SIZE), tf.ones(SIZE)).log_prob(z)
    posterior = tfd.MultivariateNormalTriL(mean, scale).log_prob(z)
    weight = model.pixels(z).log_prob(x) + prior - posterior
    np.testing.assert_allclose(weight, np.stack([evidence] * 7), rtol=1e-4)
    np.testing.assert_allclose(model.log_weight(x, epsilon(7)), weight, rtol=1e-4)


def test_the_evidence_is_estimated_from_5000_weighted_codes():
    model, x, evidence = linear_gaussian(layers.DiagonalGaussian(SIZE), images=60)
    noise = model.noise(tf.range(60, dtype=tf.int64), 5000, seed=0)
    found = importance.bounds(model.log_weight(x, noise).numpy(), (1, 5, 50, 5000))
    assert np.mean(evidence - found[1]) > 0.1  # What the bound is short of.
    assert abs(np.mean(found[5000] - evidence)) < 0.02
    assert np.abs(found[5000] - evidence).max() < 0.2
    ladder = [found[k].mean() for k in (1, 5, 50, 5000)]
    assert np.all(np.diff(ladder) > 0)


def slopes(model, x, noise, kl_weight=1.0, parts=25):
    """The mean gradient of the cost by each weight, and its standard error: two lists."""
    step, found = noise.shape[1] // parts, []
    for i in range(parts):
        with tf.GradientTape() as tape:
            rows = slice(i * step, (i + 1) * step)
            mean, scale = model.posterior(model.encoder(x[rows]))
            z = ops.reparametrise(mean, scale, noise[:, rows])
            cost, _ = model.cost(x[rows], z, mean, scale, kl_weight)
            cost = tf.reduce_mean(cost)
        found.append(tape.gradient(cost, model.trainable_weights))
    columns = [np.stack(column) for column in zip(*found, strict=True)]
    return [(c.mean(0), c.std(0) / max(parts - 1, 1) ** 0.5) for c in columns]


@pytest.mark.parametrize("kl_weight", [1.0, 0.4])
@pytest.mark.parametrize("truth, estimate, codes", [
    ("elbo", "monte_carlo", 1), ("elbo", "stl", 3), ("iwae", "dreg", 4), ("elbo", "iwae", 1),
])
def test_gradients_of_one_bound_agree_in_expectation(truth, estimate, codes, kl_weight):
    n, found = 10_000, []
    for seed, objective in enumerate((truth, estimate)):
        kind = layers.DiagonalGaussian(SIZE)
        model, x, _ = linear_gaussian(kind, images=1, objective=objective, codes=codes)
        for weight in model.encoder.weights:  # Away from where slopes vanish.
            weight.assign_add(tf.fill(weight.shape, 0.05))
        index = tf.range(seed * n, (seed + 1) * n, dtype=tf.int64)  # Noise of its own for each.
        x = tf.repeat(x, n, 0)
        found.append(slopes(model, x, model.noise(index, codes, seed=0), kl_weight))
    for (a, a_error), (b, b_error) in zip(*found, strict=True):
        np.testing.assert_array_less(np.abs(a - b), 5 * np.hypot(a_error, b_error) + 1e-4)
        assert np.abs(a).max() > 20 * a_error.max()  # There is something to agree on.


def test_objectives_of_several_codes_differ_from_those_of_one():
    model, x, _ = linear_gaussian(layers.DiagonalGaussian(SIZE), objective="iwae", codes=4)
    plain, _, _ = linear_gaussian(layers.DiagonalGaussian(SIZE), objective="elbo", codes=4)
    noise = model.noise(tf.range(5, dtype=tf.int64), 4, seed=0)
    pairs = zip(slopes(model, x, noise, parts=1), slopes(plain, x, noise, parts=1), strict=True)
    assert all(np.abs(a - b).max() > 1e-2 for (a, _), (b, _) in pairs)


@pytest.mark.parametrize("objective, codes", [("stl", 1), ("dreg", 3)])
def test_at_the_exact_posterior_the_encoder_s_gradient_is_zero_for_every_sample(objective, codes):
    model, x, _ = linear_gaussian(layers.FullGaussian(SIZE), objective=objective, codes=codes)
    other, _, _ = linear_gaussian(layers.FullGaussian(SIZE), objective="monte_carlo")
    noise = model.noise(tf.range(5, dtype=tf.int64), codes, seed=0)
    quiet, loud = slopes(model, x, noise, parts=1), slopes(other, x, noise[:1], parts=1)
    encoder = len(model.encoder.trainable_weights)
    for (a, _), (b, _) in list(zip(quiet, loud, strict=True))[:encoder]:
        assert np.abs(a).max() < 1e-3 * np.abs(b).max()
    assert all(np.abs(a).max() > 0.1 for a, _ in quiet[encoder:])  # The decoder still learns.


def test_codes_of_an_example_do_not_depend_on_its_batch():
    model = small(codes=3)
    whole = model.noise(tf.range(6, dtype=tf.int64), 3, seed=0)
    assert whole.shape == (3, 6, SIZE)
    np.testing.assert_array_equal(
        model.noise(tf.range(4, 6, dtype=tf.int64), 3, seed=0), whole[:, 4:]
    )
    x, noise = model.observe(batch(6))
    np.testing.assert_array_equal(noise, whole)
    assert x.shape == (6, *SHAPE)


def test_the_bound_of_another_posterior_is_lower_by_its_divergence():
    model, x, evidence = linear_gaussian(layers.DiagonalGaussian(SIZE))
    exact, _, _ = linear_gaussian(layers.FullGaussian(SIZE))
    mean, scale = model.posterior(model.encoder(x))
    true_mean, true_scale = exact.posterior(exact.encoder(x))
    gap = tfd.kl_divergence(
        tfd.MultivariateNormalTriL(mean, tf.linalg.diag(scale)),
        tfd.MultivariateNormalTriL(true_mean, true_scale),
    )
    log_likelihood, kl = model.bound(x, epsilon(100_000))
    error = np.std(log_likelihood, 0) / 100_000**0.5
    assert np.all(gap > 0.02)
    found = evidence - (np.mean(log_likelihood, 0) - kl)
    np.testing.assert_array_less(np.abs(found - gap), 5 * error + 1e-3)


def test_more_codes_per_image_are_the_same_codes_stacked():
    model, x = small(), BernoulliLikelihood().observe(**batch(5), seed=0)
    noise = epsilon(3)
    log_likelihood, kl = model.bound(x, noise)
    assert log_likelihood.shape == (3, 5) and kl.shape == (5,)
    for s in range(3):
        np.testing.assert_allclose(model.bound(x, noise[s])[0], log_likelihood[s], rtol=1e-6)


def test_a_step_goes_down_the_slope_of_the_bound():
    model, data = small(), batch()
    model.compile(optimizer=keras.optimizers.SGD(0.5))
    before = [weight.numpy() for weight in model.trainable_weights]
    x, noise = model.observe(data)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(elbo.negative_elbo(*model.bound(x, noise)))
    slopes = tape.gradient(loss, model.trainable_weights)
    logs = model.train_step(data)
    np.testing.assert_allclose(logs["negative_elbo"], loss, rtol=1e-6)
    np.testing.assert_allclose(logs["reconstruction"] + logs["kl"], loss, rtol=1e-6)
    for old, slope, new in zip(before, slopes, model.trainable_weights, strict=True):
        np.testing.assert_allclose(new, old - 0.5 * slope, atol=1e-5)


def test_the_divergence_warms_up_with_the_optimiser_s_steps():
    model, data = small(warm_up=4), batch()
    model.compile(optimizer=keras.optimizers.SGD(1e-9))
    found = []
    for _ in range(6):
        found.append(float(model.kl_weight()))
        model.reset_metrics()
        logs = model.train_step(data)
        expected = logs["reconstruction"] + found[-1] * logs["kl"]
        np.testing.assert_allclose(logs["loss"], expected, rtol=1e-6)
    np.testing.assert_allclose(found, [0, 0.25, 0.5, 0.75, 1, 1])
    model.reset_metrics()
    logs = model.test_step(data)
    np.testing.assert_allclose(logs["loss"], logs["negative_elbo"])  # Measured without it.


LIKELIHOODS = [BernoulliLikelihood(), GaussianLikelihood(), PixelGaussianLikelihood()]


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_an_untrained_model_starts_at_the_mean_image(likelihood):
    model, mean = small(likelihood), np.linspace(0.1, 0.9, 6).reshape(SHAPE)
    model.start_at(mean)
    drawn = model.decode(tf.zeros([1, SIZE]))[0]
    np.testing.assert_allclose(drawn, np.round(mean * 255), atol=1)


@pytest.mark.parametrize("likelihood, posterior, precision", [
    (BernoulliLikelihood(), layers.DiagonalGaussian(2), "float32"),
    (BernoulliLikelihood(), layers.FullGaussian(2), "mixed_bfloat16"),
    (GaussianLikelihood(0.3, learned=True), layers.DiagonalGaussian(2), "float32"),
    (PixelGaussianLikelihood(0.3), layers.DiagonalGaussian(2), "float32"),
])
def test_it_learns_two_images(likelihood, posterior, precision):
    keras.config.set_dtype_policy(precision)
    model = small(likelihood, posterior, hidden=(32,))
    keras.config.set_dtype_policy("float32")
    image = np.zeros([2, *SHAPE], np.uint8)
    image[0, :, 0], image[1, 1] = 255, 255
    data = stream({"image": image}, batch_size=32, seed=0)
    model.compile(optimizer=keras.optimizers.Adam(0.03))
    model.fit(data, steps_per_epoch=200, shuffle=False, verbose=0)
    redrawn = model.decode(model.encode(tf.constant(image))[0]).numpy().astype(int)
    assert np.abs(redrawn - image).max() < 40
    logs = model.evaluate(data, steps=100, return_dict=True, verbose=0)
    assert logs["kl"] > 0.6  # Its code says which of the two: log 2 = 0.69 nats, and a little.
    if isinstance(likelihood, BernoulliLikelihood):
        assert np.log(2) < logs["negative_elbo"] < 1.4


def test_its_numbers_are_of_the_exported_kind():
    model, image = small(posterior=layers.FullGaussian(SIZE)), batch()["image"]
    mean, log_variance = model.encode(image)
    assert mean.shape == log_variance.shape == (4, SIZE) and mean.dtype == "float32"
    drawn = model.decode(mean)
    assert drawn.shape == (4, *SHAPE) and drawn.dtype == "uint8"
    x = tf.cast(image, tf.float32) / 255
    np.testing.assert_allclose(drawn, np.round(model(x) * 255), atol=1)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_samples_are_of_the_distribution_that_the_decoder_draws(likelihood):
    model, n = small(likelihood), 20_000
    z = tf.zeros([n, SIZE])
    model.start_at(np.linspace(0.4, 0.6, 6).reshape(SHAPE))  # Hardly anything is cut.
    noise = ops.example_normal(tf.range(n, dtype=tf.int64), 6 * likelihood.noise, seed=0)
    drawn = model.sample(z, tf.reshape(noise, [n, *SHAPE[:2], likelihood.noise])).numpy() / 255
    pixels = model.pixels(z[:1])
    np.testing.assert_allclose(drawn.mean(0), pixels.mean()[0], atol=0.02)
    np.testing.assert_allclose(drawn.std(0), pixels.stddev()[0], atol=0.02)
    assert drawn.std() > 0.09
    if isinstance(likelihood, BernoulliLikelihood):
        assert set(np.unique(drawn)) == {0, 1}


def test_networks_that_do_not_fit_the_posterior_are_refused():
    with pytest.raises(ValueError, match="Expected an encoder to 4 features and a decoder from 2"):
        vae.VAE(vae.encoder(5, shape=SHAPE), vae.decoder(2, shape=SHAPE),
                posterior=layers.DiagonalGaussian(2), likelihood=BernoulliLikelihood())


def test_a_decoder_without_a_map_of_sigmas_is_refused():
    with pytest.raises(ValueError, match="Expected a decoder to 2 maps. Received: 1"):
        vae.VAE(vae.encoder(4, shape=SHAPE), vae.decoder(2, shape=SHAPE),
                posterior=layers.DiagonalGaussian(2), likelihood=PixelGaussianLikelihood())


@pytest.mark.parametrize("wrong", [{"objective": "vimco"}, {"codes": 0}])
def test_an_objective_that_is_not_known_is_refused(wrong):
    with pytest.raises(ValueError, match="Expected an objective of elbo, monte_carlo, stl, iwae"):
        small(**wrong)


@pytest.mark.parametrize("objective", vae.OBJECTIVES)
def test_every_objective_learns_and_tells_the_same_bound(objective):
    model, data = small(objective=objective, codes=3), batch(32)
    model.compile(optimizer=keras.optimizers.Adam(0.04))
    start = model.test_step(data)
    if objective not in ("iwae", "dreg"):
        np.testing.assert_allclose(start["loss"], start["negative_elbo"], atol=0.5)
    else:
        assert start["loss"] < start["negative_elbo"]  # L_3 is above L.
    model.fit(tf.data.Dataset.from_tensors(data).repeat(), steps_per_epoch=30, shuffle=False,
              verbose=0)
    model.reset_metrics()
    assert model.test_step(data)["loss"] < start["loss"] - 0.2


def test_a_step_compiles_under_xla():
    model = small(posterior=layers.FullGaussian(SIZE), warm_up=3, objective="dreg", codes=2)
    model.compile(optimizer=keras.optimizers.SGD(0.1), jit_compile=True)
    history = model.fit(tf.data.Dataset.from_tensors(batch()), shuffle=False, verbose=0)
    assert np.isfinite(history.history["loss"][0])


def test_a_saved_model_goes_on_as_it_was(tmp_path):
    data = tf.data.Dataset.from_tensors(batch()).repeat()
    model = small(GaussianLikelihood(learned=True), warm_up=30, objective="dreg", codes=2)
    model.compile(optimizer=keras.optimizers.Adam(0.01))
    model.fit(data, steps_per_epoch=3, shuffle=False, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    for one in (model, again):
        one.fit(data, steps_per_epoch=3, shuffle=False, verbose=0)
    for a, b in zip(model.variables, again.variables, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, err_msg=a.path)
    assert int(again.optimizer.iterations) == 6
