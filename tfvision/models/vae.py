"""Variational autoencoder: an image as a distribution of codes (Kingma and Welling, ICLR 2014)."""

import keras
import numpy as np
import tensorflow as tf

from tfvision import ops
from tfvision.losses import elbo
from tfvision.models.base import System

LATENT = 0  # Purpose of the noise that becomes z.


def encoder(features, *, shape=(28, 28, 1), hidden=(200, 200), activation="tanh"):
    """Fully connected layers from an image to the features of its posterior.

    features  how many a posterior wants: layers.DiagonalGaussian(size).features
    hidden    units of each hidden layer
    inputs    float [b, *shape]
    return    float32 [b, features]
    """
    x = image = keras.Input(shape, name="x")
    x = keras.layers.Flatten()(x)
    for units in hidden:
        x = keras.layers.Dense(units, activation=activation)(x)
    features = keras.layers.Dense(features, dtype="float32", name="features")(x)
    return keras.Model(image, features, name="encoder")


def decoder(size, *, shape=(28, 28, 1), hidden=(200, 200), activation="tanh"):
    """Fully connected layers from a code to the maps of a likelihood.

    inputs    float [b, size]
    return    float32 [b, *shape]; the layer "maps" has a bias for each pixel
    """
    x = z = keras.Input([size], name="z")
    for units in hidden:
        x = keras.layers.Dense(units, activation=activation)(x)
    x = keras.layers.Dense(int(np.prod(shape)), dtype="float32", name="maps")(x)
    maps = keras.layers.Reshape(shape, dtype="float32")(x)
    return keras.Model(z, maps, name="decoder")


@keras.saving.register_keras_serializable("tfvision")
class VAE(System):
    """Learns codes of images, p(z) = N(0, I), and to draw images from codes.

    encoder     keras.Model: images float [b, h, w, c] -> features of the posterior
    decoder     keras.Model: codes float [b, d] -> maps of the likelihood [b, h, w, c]
    posterior   layers.DiagonalGaussian or layers.FullGaussian: features -> q(z|x)
    likelihood  BernoulliLikelihood or GaussianLikelihood of layers.likelihoods: maps -> p(x|z)
    warm_up     steps in which the weight of the divergence grows from 0 to 1; 0 for none
    seed        of the noise
    """

    def __init__(
        self, encoder, decoder, *, posterior, likelihood, warm_up=0, seed=0, **options
    ):
        super().__init__(**options)
        sizes = encoder.output_shape[-1], decoder.input_shape[-1]
        if sizes != (posterior.features, posterior.size):
            raise ValueError(
                f"Expected an encoder to {posterior.features} features and a decoder from "
                f"{posterior.size} units. Received: {sizes[0]} and {sizes[1]}"
            )
        self.encoder, self.decoder = encoder, decoder
        self.posterior, self.likelihood = posterior, likelihood
        self.warm_up, self.seed = warm_up, seed
        self.make_means("loss", "negative_elbo", "reconstruction", "kl")
        self.built = True

    def get_config(self):
        return {
            "encoder": self.encoder, "decoder": self.decoder, "posterior": self.posterior,
            "likelihood": self.likelihood, "warm_up": self.warm_up, "seed": self.seed,
        }

    def call(self, x, training=False):
        """The mean image at the posterior's mean: float [b, h, w, c] -> float32 [b, h, w, c]."""
        mean, _ = self.posterior(self.encoder(x, training=training))
        return self.likelihood(self.decoder(mean, training=training))

    def train_step(self, batch):
        """One step of algorithm 1 with the estimator L^B, one z per image (eq. 7 and 10).

        batch   "image" uint8 [b, h, w, c], "index" int64 [b] as data.stream counts
        """
        x, noise = self.observe(batch)
        with tf.GradientTape() as tape:
            mean, scale = self.posterior(self.encoder(x, training=True))  # q(z|x)
            z = ops.reparametrise(mean, scale, noise)  # mu + Sigma^(1/2) epsilon
            pixels = self.likelihood.distribution(self.decoder(z, training=True))  # p(x|z)
            log_likelihood, kl = pixels.log_prob(x), elbo.gaussian_kl(mean, scale)
            loss = elbo.negative_elbo(log_likelihood, kl, self.kl_weight())
            loss = tf.reduce_mean(loss)
        self.descend(tape, loss, self.optimizer, self.trainable_weights)
        return self.report(loss, log_likelihood, kl)

    def test_step(self, batch):
        x, noise = self.observe(batch)
        log_likelihood, kl = self.bound(x, noise)
        return self.report(tf.reduce_mean(kl - log_likelihood), log_likelihood, kl)

    def observe(self, batch):
        """What the step sees, x float32 [b, h, w, c], and its epsilon, float32 [b, d]."""
        x = self.likelihood.observe(batch["image"], batch["index"], seed=self.seed)
        size, seed = self.posterior.size, self.seed
        return x, ops.example_normal(batch["index"], size, seed=seed, purpose=LATENT)

    def kl_weight(self):
        """The divergence's weight at this step."""
        if not self.warm_up:
            return 1.0
        return ops.linear_ramp(self.optimizer.iterations, 0, self.warm_up)

    def report(self, loss, log_likelihood, kl):
        return self.track(
            loss=loss,
            negative_elbo=tf.reduce_mean(elbo.negative_elbo(log_likelihood, kl)),
            reconstruction=-tf.reduce_mean(log_likelihood),
            kl=tf.reduce_mean(kl),
        )

    def start_at(self, mean):
        """Sets the decoder's last bias so that an untrained model draws this image.

        mean    float [h, w, c], the data's mean image, 0..1
        """
        bias = self.decoder.get_layer("maps").bias
        bias.assign(np.reshape(self.likelihood.maps_of(mean), bias.shape))

    def bound(self, x, noise):
        """The terms of the bound for one or more z per image.

        x       float32 [b, h, w, c], from likelihood.observe
        noise   standard normal numbers [b, d] or [s, b, d]
        return  log p(x|z) float32 [b] or [s, b], D[q(z|x) || p(z)] float32 [b]
        """
        mean, scale = self.posterior(self.encoder(x, training=False))
        pixels = self.pixels(ops.reparametrise(mean, scale, noise))
        return pixels.log_prob(x), elbo.gaussian_kl(mean, scale)

    def pixels(self, z):
        """p(x|z), a tfd.Distribution of images, for codes float [..., d]."""
        maps = self.decoder(tf.reshape(z, [-1, self.posterior.size]), training=False)
        shape = tf.concat([tf.shape(z)[:-1], maps.shape[1:]], 0)
        return self.likelihood.distribution(tf.reshape(maps, shape))

    def encode(self, image):
        """Codes of images: uint8 [b, h, w, c] -> mean and log variance, float32 [b, d] each."""
        x = tf.cast(image, tf.float32) / 255
        mean, scale = self.posterior(self.encoder(x, training=False))
        return mean, ops.log_variance(mean, scale)

    def decode(self, z):
        """The mean images of codes: float32 [b, d] -> uint8 [b, h, w, c]."""
        image = self.likelihood(self.decoder(z, training=False))
        return tf.cast(tf.round(tf.clip_by_value(image, 0.0, 1.0) * 255), tf.uint8)
