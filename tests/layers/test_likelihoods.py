"""layers.likelihoods: densities of pixels with all their constants."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfvision.layers.likelihoods import (
    BernoulliLikelihood,
    GaussianLikelihood,
    PixelGaussianLikelihood,
)

KINDS = [
    BernoulliLikelihood(), GaussianLikelihood(0.3), GaussianLikelihood(0.3, learned=True),
    PixelGaussianLikelihood(0.3),
]
NAMES = ["bernoulli", "gaussian", "learned", "pixel"]
every = pytest.mark.parametrize("likelihood", KINDS, ids=NAMES)


def maps(seed=0, b=3, kinds=1):
    return np.random.default_rng(seed).normal(0, 2, [b, 5, 4, kinds]).astype(np.float32)


def images(seed=1, b=3):
    return np.random.default_rng(seed).integers(0, 256, [b, 5, 4, 1], np.uint8)


def seen(likelihood, image=None):
    image = images() if image is None else image
    return likelihood.observe(tf.constant(image), tf.range(len(image), dtype=tf.int64), seed=0)


def test_bernoulli_is_cross_entropy_summed_over_pixels():
    x, likelihood = seen(BernoulliLikelihood()).numpy(), BernoulliLikelihood()
    ink = 1 / (1 + np.exp(-maps().astype(np.float64)))
    expected = np.sum(np.log(np.where(x == 1, ink, 1 - ink)), (1, 2, 3))
    np.testing.assert_allclose(likelihood.distribution(maps()).log_prob(x), expected, rtol=1e-5)


def test_gaussian_keeps_its_constants():
    x, likelihood = seen(GaussianLikelihood()).numpy(), GaussianLikelihood(0.3)
    squares = np.sum((x - maps()) ** 2, (1, 2, 3))
    expected = -0.5 * squares / 0.09 - 20 * np.log(0.3 * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(likelihood.distribution(maps()).log_prob(x), expected, rtol=1e-5)


def test_pixels_of_their_own_sigma_keep_their_constants():
    x, likelihood = seen(GaussianLikelihood()).numpy(), PixelGaussianLikelihood(0.3, least=0.05)
    both = maps(kinds=2).astype(np.float64)
    mean, sigma = both[..., :1], 0.05 + np.log1p(np.exp(both[..., 1:]))
    expected = -0.5 * ((x - mean) / sigma) ** 2 - np.log(sigma * np.sqrt(2 * np.pi))
    found = likelihood.log_prob(maps(kinds=2), x)
    np.testing.assert_allclose(found, expected.sum((1, 2, 3)), rtol=1e-5)


@every
def test_the_fast_log_probability_is_the_distribution_s(likelihood):
    x, two = seen(likelihood), maps(kinds=likelihood.maps)
    expected = likelihood.distribution(two).log_prob(x)
    np.testing.assert_allclose(likelihood.log_prob(two, x), expected, rtol=1e-5)
    stacked = likelihood.log_prob(np.stack([two, two + 1]), x)  # Two codes for each image.
    np.testing.assert_allclose(stacked[0], expected, rtol=1e-5)
    np.testing.assert_allclose(stacked[1], likelihood.log_prob(two + 1, x), rtol=1e-5)


def test_sigma_stays_above_the_least_and_starts_where_it_is_told():
    likelihood = PixelGaussianLikelihood(0.2, least=0.05)
    start = likelihood.maps_of(np.zeros([5, 4, 1]))
    np.testing.assert_allclose(likelihood.parts(start)[1], 0.2, rtol=1e-6)
    sure = np.full([1, 5, 4, 2], -1e4, np.float32)
    np.testing.assert_allclose(likelihood.parts(sure)[1], 0.05)
    for wrong in ({"least": 0}, {"sigma": 0.01}, {"least": float("nan")}):
        with pytest.raises(ValueError, match="Expected 0 < least < sigma"):
            PixelGaussianLikelihood(**wrong)


def test_densities_of_one_pixel_add_up_to_one():
    x = np.linspace(-2, 3, 5001, dtype=np.float32).reshape([-1, 1, 1, 1])
    grey = GaussianLikelihood(0.2).distribution(np.full([1, 1, 1, 1], 0.4, np.float32))
    np.testing.assert_allclose(np.exp(grey.log_prob(x)).sum() * 1e-3, 1, atol=1e-4)
    ink = BernoulliLikelihood().distribution(np.full([1, 1, 1, 1], 1.7, np.float32))
    two = np.array([0, 1], np.float32).reshape([-1, 1, 1, 1])
    np.testing.assert_allclose(np.exp(ink.log_prob(two)).sum(), 1, atol=1e-6)


def test_sure_logits_stay_finite_and_keep_their_slope():
    x = tf.constant([0.0, 1, 0, 1], shape=[4, 1, 1, 1])
    logits = tf.Variable(tf.constant([1e4, -1e4, -1e4, 1e4], shape=[4, 1, 1, 1]))
    with tf.GradientTape() as tape:
        log_prob = BernoulliLikelihood().log_prob(logits, x)
    np.testing.assert_allclose(log_prob, [-1e4, -1e4, 0, 0], atol=1e-6)
    slope = tape.gradient(log_prob, logits)
    np.testing.assert_allclose(np.ravel(slope), [-1, 1, 0, 0], atol=1e-6)


def test_the_best_learned_sigma_is_the_root_of_the_mean_squared_error():
    x, likelihood = seen(GaussianLikelihood()), GaussianLikelihood(learned=True)
    error = np.mean((x - maps()) ** 2)
    for factor, sign in ((0.9, 1), (1.0, 0), (1.1, -1)):
        likelihood.log_sigma.assign(0.5 * np.log(error * factor))
        with tf.GradientTape() as tape:
            log_prob = tf.reduce_sum(likelihood.distribution(maps()).log_prob(x))
        slope = tape.gradient(log_prob, likelihood.log_sigma.value).numpy()
        assert abs(slope) < 1e-3 if sign == 0 else np.sign(slope) == sign


def test_sigma_is_a_weight_where_it_is_learned_alone():
    assert [len(kind.trainable_weights) for kind in KINDS] == [0, 0, 1, 0]
    np.testing.assert_allclose(KINDS[1].sigma, 0.3, rtol=1e-6)
    for sigma in (0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="Expected sigma > 0"):
            GaussianLikelihood(sigma)


def test_binarised_pixels_are_ink_as_often_as_they_are_bright():
    image = np.repeat(np.arange(256, dtype=np.uint8).reshape([1, 16, 16, 1]), 4000, 0)
    x = seen(BernoulliLikelihood(), image).numpy()
    assert set(np.unique(x)) == {0, 1}
    share = x.mean(0).ravel()
    assert share[0] == 0 and share[255] == 1
    assert np.abs(share - np.arange(256) / 255).max() < 5 * 0.5 / 4000**0.5


def test_an_image_is_binarised_anew_when_it_is_seen_again():
    image, likelihood = tf.constant(np.full([2, 8, 8, 1], 128, np.uint8)), BernoulliLikelihood()
    numbers = [tf.range(i, i + 2, dtype=tf.int64) for i in (0, 0, 100)]
    see = [likelihood.observe(image, index, seed=0) for index in numbers]
    np.testing.assert_array_equal(see[0], see[1])
    assert 0.3 < np.mean(see[0] != see[2]) < 0.7


def test_grey_values_are_what_a_gaussian_sees():
    np.testing.assert_allclose(seen(GaussianLikelihood()), images() / 255, rtol=1e-6)


@every
def test_the_maps_of_a_mean_image_draw_it(likelihood):
    mean, two = np.linspace(0, 1, 20).reshape([1, 5, 4, 1]), maps(kinds=likelihood.maps)
    kept = mean.clip(0.001, 0.999) if likelihood is KINDS[0] else mean
    np.testing.assert_allclose(likelihood(likelihood.maps_of(mean)), kept, atol=1e-6)
    expected = likelihood.distribution(two).mean()
    np.testing.assert_allclose(likelihood(two), expected, atol=1e-6)


@every
def test_samples_have_the_distribution_s_moments(likelihood):
    two, n = maps(b=1, kinds=likelihood.maps), 20_000
    noise = np.random.default_rng(5).normal(size=[n, 5, 4, likelihood.noise]).astype(np.float32)
    found, pixels = likelihood.sample(two, noise).numpy(), likelihood.distribution(two)
    error = pixels.stddev()[0] / n**0.5
    np.testing.assert_array_less(np.abs(found.mean(0) - pixels.mean()[0]), 5 * error + 1e-6)
    np.testing.assert_allclose(found.std(0), pixels.stddev()[0], rtol=0.2, atol=0.01)


@every
def test_a_layer_is_rebuilt_from_its_config(likelihood):
    config = keras.saving.serialize_keras_object(likelihood)
    again = keras.saving.deserialize_keras_object(config)
    x, two = seen(likelihood), maps(kinds=likelihood.maps)
    expected = likelihood.distribution(two).log_prob(x)
    np.testing.assert_allclose(again.distribution(two).log_prob(x), expected, rtol=1e-6)
    assert len(again.trainable_weights) == len(likelihood.trainable_weights)
