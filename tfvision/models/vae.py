"""Variational autoencoder: an image as a distribution of codes (Kingma and Welling, ICLR 2014)."""

import keras
import numpy as np
import tensorflow as tf

from tfvision import ops
from tfvision.losses import elbo, importance
from tfvision.models.base import System

LATENT = 0  # Purpose of the noise that becomes z.
OBJECTIVES = ("elbo", "monte_carlo", "stl", "iwae", "dreg")


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


def decoder(size, *, shape=(28, 28, 1), maps=1, hidden=(200, 200), activation="tanh"):
    """Fully connected layers from a code to the maps of a likelihood.

    shape     of the image
    maps      how many the likelihood wants for each channel of the image
    inputs    float [b, size]
    return    float32 [b, h, w, maps c]; the layer "maps" has a bias for each number
    """
    shape = (*shape[:-1], maps * shape[-1])
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
    decoder     keras.Model: codes float [b, d] -> maps of the likelihood [b, h, w, m c]
    posterior   layers.DiagonalGaussian or layers.FullGaussian: features -> q(z|x)
    likelihood  one of layers.likelihoods: m maps for each channel -> p(x|z)
    objective   what is made large: "elbo", the bound L with the divergence in closed form
                (Kingma and Welling, 2014, eq. 7, their L^B); "monte_carlo", L all from samples
                (eq. 6, L^A); "stl", as that without the score, whose mean is 0 (Roeder et al.,
                2017); "iwae", the bound L_k of k codes (Burda et al., 2016); "dreg", L_k with the
                gradient of Tucker et al. (2019)
    codes       k, of each image in a step; for the first three L is their mean
    warm_up     steps in which the weight of the divergence grows from 0 to 1; 0 for none
    seed        of the noise
    raises      ValueError for parts that do not fit, and for numbers that make no sense
    """

    def __init__(
        self, encoder, decoder, *, posterior, likelihood, objective="elbo", codes=1, warm_up=0,
        seed=0, **options
    ):
        super().__init__(**options)
        check(encoder, decoder, posterior, likelihood)
        if objective not in OBJECTIVES or codes < 1:
            raise ValueError(
                f"Expected an objective of {', '.join(OBJECTIVES)} and at least 1 code. "
                f"Received: objective={objective!r}, codes={codes}"
            )
        self.encoder, self.decoder = encoder, decoder
        self.posterior, self.likelihood = posterior, likelihood
        self.objective, self.codes = objective, codes
        self.warm_up, self.seed = warm_up, seed
        self.make_means("loss", "negative_elbo", "reconstruction", "kl")
        self.built = True

    def get_config(self):
        return {
            "encoder": self.encoder, "decoder": self.decoder, "posterior": self.posterior,
            "likelihood": self.likelihood, "objective": self.objective, "codes": self.codes,
            "warm_up": self.warm_up, "seed": self.seed,
        }

    def call(self, x, training=False):
        """The mean image at the posterior's mean: float [b, h, w, c] -> float32 [b, h, w, c]."""
        mean, _ = self.posterior(self.encoder(x, training=training))
        return self.likelihood(self.decoder(mean, training=training))

    def train_step(self, batch):
        """One step of Kingma and Welling's algorithm 1, with k codes for each image.

        batch   "image" uint8 [b, h, w, c], "index" int64 [b] as data.stream counts
        """
        x, noise = self.observe(batch)
        with tf.GradientTape() as tape:
            mean, scale = self.posterior(self.encoder(x, training=True))  # q(z|x)
            z = ops.reparametrise(mean, scale, noise)  # mu + Sigma^(1/2) epsilon
            loss, log_likelihood = self.cost(x, z, mean, scale, self.kl_weight(), True)
            loss = tf.reduce_mean(loss)
        self.descend(tape, loss, self.optimizer, self.trainable_weights)
        return self.report(loss, log_likelihood, elbo.gaussian_kl(mean, scale))

    def test_step(self, batch):
        x, noise = self.observe(batch)
        mean, scale = self.posterior(self.encoder(x, training=False))
        z = ops.reparametrise(mean, scale, noise)
        loss, log_likelihood = self.cost(x, z, mean, scale)
        return self.report(tf.reduce_mean(loss), log_likelihood, elbo.gaussian_kl(mean, scale))

    def cost(self, x, z, mean, scale, kl_weight=1.0, training=False):
        """What the objective makes small, with its gradient.

        z           float32 [k, b, d], from q(z|x) = N(mean, scale scaleᵀ)
        kl_weight   the divergence's
        return      float32 [k, b] or [b], and log p(x|z) float32 [k, b]
        """
        if self.objective == "elbo":
            log_likelihood = self.log_likelihood(x, z, training)
            kl = elbo.gaussian_kl(mean, scale)
            return elbo.negative_elbo(log_likelihood, kl, kl_weight), log_likelihood
        if self.objective in ("stl", "dreg"):
            mean, scale = tf.stop_gradient(mean), tf.stop_gradient(scale)
        if self.objective == "dreg":
            z, answer = importance.gate(z)
        log_likelihood = self.log_likelihood(x, z, training)
        log_weight = importance.log_weight(log_likelihood, z, mean, scale, kl_weight)
        if self.objective == "dreg":
            loss = importance.doubly_reparametrised(log_weight, answer, kl_weight)
            return loss, log_likelihood
        if self.objective == "iwae":
            return importance.negative_bound(log_weight), log_likelihood
        return -log_weight, log_likelihood

    def observe(self, batch):
        """What the step sees, x float32 [b, h, w, c], and its epsilon, float32 [k, b, d]."""
        x = self.likelihood.observe(batch["image"], batch["index"], seed=self.seed)
        return x, self.noise(batch["index"], self.codes, seed=self.seed)

    def noise(self, index, codes, *, seed, purpose=LATENT):
        """Standard normal numbers for codes of examples: float32 [codes, b, d].

        index   int64 [b], consecutive
        """
        size = self.posterior.size
        noise = ops.example_normal(index, codes * size, seed=seed, purpose=purpose)
        return tf.transpose(tf.reshape(noise, [-1, codes, size]), [1, 0, 2])

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
        z = ops.reparametrise(mean, scale, noise)
        return self.log_likelihood(x, z), elbo.gaussian_kl(mean, scale)

    def log_weight(self, x, noise):
        """log p(x, z) - log q(z|x): float32 [s, b]; arguments as for `bound`."""
        mean, scale = self.posterior(self.encoder(x, training=False))
        z = ops.reparametrise(mean, scale, noise)
        return importance.log_weight(self.log_likelihood(x, z), z, mean, scale)

    def log_likelihood(self, x, z, training=False):
        """log p(x|z): float32 [...] for images [b, h, w, c] and codes [..., d]."""
        return self.likelihood.log_prob(self.maps(z, training), x)

    def pixels(self, z):
        """p(x|z), a tfd.Distribution of images, for codes float [..., d]."""
        return self.likelihood.distribution(self.maps(z))

    def maps(self, z, training=False):
        """The decoder's maps for codes float [..., d]: float32 [..., h, w, m c]."""
        maps = self.decoder(tf.reshape(z, [-1, self.posterior.size]), training=training)
        return tf.reshape(maps, tf.concat([tf.shape(z)[:-1], maps.shape[1:]], 0))

    def encode(self, image):
        """Codes of images: uint8 [b, h, w, c] -> mean and log variance, float32 [b, d] each."""
        x = tf.cast(image, tf.float32) / 255
        mean, scale = self.posterior(self.encoder(x, training=False))
        return mean, ops.log_variance(mean, scale)

    def decode(self, z):
        """The mean images of codes: float32 [b, d] -> uint8 [b, h, w, c]."""
        return levels(self.likelihood(self.decoder(z, training=False)))

    def sample(self, z, noise):
        """Images drawn from p(x|z), where `decode` gives their mean: uint8 [b, h, w, c].

        z       float32 [b, d]; from N(0, I) for new images
        noise   standard normal numbers [b, h, w, likelihood.noise c]
        """
        return levels(self.likelihood.sample(self.decoder(z, training=False), noise))


def levels(image):
    """Grey values 0..1, cut to that range, as uint8."""
    return tf.cast(tf.round(tf.clip_by_value(image, 0.0, 1.0) * 255), tf.uint8)


def check(encoder, decoder, posterior, likelihood):
    """ValueError for networks between which the posterior and the likelihood do not fit."""
    sizes = encoder.output_shape[-1], decoder.input_shape[-1]
    if sizes != (posterior.features, posterior.size):
        raise ValueError(
            f"Expected an encoder to {posterior.features} features and a decoder from "
            f"{posterior.size} units. Received: {sizes[0]} and {sizes[1]}"
        )
    channels, maps = encoder.input_shape[-1], decoder.output_shape[-1]
    if maps != channels * likelihood.maps:
        raise ValueError(
            f"Expected a decoder to {channels * likelihood.maps} maps. Received: {maps}"
        )
