"""VAE: images as distributions of codes, and images from codes (Kingma and Welling, 2014)."""

import dataclasses
from functools import cache, partial
from pathlib import Path
from typing import Literal

import keras
import numpy as np
import tensorflow as tf

from tfvision import engine, layers, ops
from tfvision.data import mnist
from tfvision.data.stream import stream
from tfvision.data.synthetic import digits
from tfvision.layers import likelihoods
from tfvision.metrics import densities, latent
from tfvision.models import vae
from tfvision.viz import panels
from tfvision.viz.grid import grid

TASK = "embedding"
FIXED = 2**31 - 1  # Seed of the noise that measures and draws: the same for every run.
PART = 500  # Images that are measured at a time.


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(engine.RunConfig):
    """Codes of digits, from which digits can be drawn.

    The lecture's likelihood (eq. 7) is --likelihood gaussian.
    """

    run: Path = Path("runs/vae")
    data: Literal["embedded", "mnist"] = "embedded"
    train_split: Literal["fit", "train"] = "fit"  # train: all, `validation` too; for --split test.
    steps: int = 8000
    batch_size: int = 100
    epoch_steps: int = 500
    learning_rate: float = 2e-3
    units: int = 20  # Numbers of a code.
    hidden: tuple[int, ...] = (200, 200)  # Units of the encoder's layers; the decoder's, reversed.
    activation: Literal["silu", "tanh"] = "silu"
    covariance: Literal["diagonal", "full"] = "diagonal"  # Of the posterior q(z|x).
    likelihood: Literal["bernoulli", "gaussian"] = "bernoulli"  # Of pixels: p(x|z).
    sigma: float = 0.1  # Of the Gaussian's pixels, 0..1; where it is learned, its start.
    learn_sigma: bool = False  # One sigma for all pixels, learned with the weights.
    warm_up: int = 1000  # Steps in which the divergence's weight grows from 0 to 1; 0 for none.
    samples: int = 10  # Codes per image for the bound that `evaluate` measures.


TINY = Config(steps=4, epoch_steps=2, batch_size=4, units=3, hidden=(8,), warm_up=2, samples=2)


def build(config):
    kind = {"diagonal": layers.DiagonalGaussian, "full": layers.FullGaussian}[config.covariance]
    posterior, hidden = kind(config.units), config.hidden
    model = vae.VAE(
        vae.encoder(posterior.features, hidden=hidden, activation=config.activation),
        vae.decoder(config.units, hidden=hidden[::-1], activation=config.activation),
        posterior=posterior,
        likelihood=likelihood(config),
        warm_up=config.warm_up,
        seed=config.seed,
    )
    rate = keras.optimizers.schedules.CosineDecay(config.learning_rate, config.steps)
    model.compile(optimizer=keras.optimizers.Adam(rate))
    return model


def likelihood(config):
    """The layer that makes p(x|z) of the decoder's maps."""
    if config.likelihood == "bernoulli":
        return likelihoods.BernoulliLikelihood()
    return likelihoods.GaussianLikelihood(config.sigma, learned=config.learn_sigma)


def train(model, config):
    images = load(config, config.train_split)
    model.start_at(images.mean(0) / 255)
    data = partial(stream, {"image": images}, batch_size=config.batch_size, seed=config.seed)
    engine.fit(model, data, config, picture=lambda: draw(model, config))


def load(config, split):
    """The images of a split: uint8 [n, 28, 28, 1]."""
    return read(config.data, config.root, split)


@cache
def read(data, root, split):
    return (mnist.load(root, split) if data == "mnist" else digits.load(split))["image"]


def evaluate(model, config):
    """The negative bound and its parts, nats per image, the mean over the split's images."""
    if config.train_split == "train" and config.split != "test":
        raise ValueError(f"Expected --split test, all else was trained on: --train-split train. "
                         f"Received: split={config.split}")
    image = load(config, config.split)
    terms = [measure(model, image, first, config.samples) for first in range(0, len(image), PART)]
    reconstruction, kl, mean, error = (np.concatenate(part) for part in zip(*terms, strict=True))
    bound = reconstruction + kl
    scores = {
        "negative_elbo": np.mean(bound),
        "standard_error": np.std(bound) / len(bound) ** 0.5,
        "reconstruction": np.mean(reconstruction),
        "kl": np.mean(kl),
        "active_units": latent.active_units(mean),
    }
    if config.likelihood == "gaussian":
        scores |= {"mse": np.mean(error), "sigma": model.likelihood.sigma}
    return {name: float(value) for name, value in scores.items()}


def peers(config):
    """The same nats of densities without a network, fitted to the same images."""
    known = load(config, config.train_split) / np.float32(255)
    x = observed(likelihood(config), load(config, config.split)).numpy()
    if config.likelihood == "bernoulli":
        found = {"independent pixels": densities.independent_bernoulli(known, x)}
    else:
        found = {
            "independent pixels": densities.independent_gaussian(known, x),
            "probabilistic PCA": densities.probabilistic_pca(known, x, config.units),
        }
    return {name: {"negative_elbo": float(np.mean(nats))} for name, nats in found.items()}


def observed(likelihood, image, first=0):
    """What a likelihood sees of images first, first + 1, ...; always the same: float32."""
    index = tf.range(first, first + len(image), dtype=tf.int64)
    return likelihood.observe(tf.constant(image), index, seed=FIXED)


def measure(model, image, first, samples):
    """Of images first, first + 1, ...: -E log p(x|z), D[q(z|x) || p(z)], E z, and squared error.

    return   numpy arrays [b], [b], [b, units], [b]
    """
    x, size = observed(model.likelihood, image[first : first + PART], first), model.posterior.size
    index = tf.range(first, first + len(x), dtype=tf.int64)
    noise = ops.example_normal(index, samples * size, seed=FIXED, purpose=vae.LATENT)
    noise = tf.transpose(tf.reshape(noise, [-1, samples, size]), [1, 0, 2])
    log_likelihood, kl = model.bound(x, noise)
    mean, _ = model.posterior(model.encoder(x))
    error = tf.reduce_mean((model(x) - x) ** 2, [1, 2, 3])
    return [part.numpy() for part in (-tf.reduce_mean(log_likelihood, 0), kl, mean, error)]


def draw(model, config):
    """Images and their reconstructions, images of random codes, and walks between two codes."""
    image, columns = load(config, config.split)[:32], 16
    pairs = [image[:16], redrawn(model, image[:16]), image[16:], redrawn(model, image[16:])]
    random = np.random.default_rng(0).standard_normal([4 * columns, config.units])
    walks = model.encode(image[:8])[0].numpy().reshape([4, 2, 1, -1])
    share = np.linspace(0, 1, columns)[:, None]
    walks = walks[:, 0] * (1 - share) + walks[:, 1] * share
    return panels.above(
        *sheet("images and, below each, what its code draws", np.concatenate(pairs), columns),
        *sheet("images of random codes", decoded(model, random), columns),
        *sheet("from one image's code to another's", decoded(model, walks), columns),
    )


def redrawn(model, image):
    """The mean images at the codes of images: uint8 [n, 28, 28, 1]."""
    return decoded(model, model.encode(image)[0])


def decoded(model, z):
    """The mean images of codes [..., units]: uint8 [n, 28, 28, 1]."""
    return model.decode(tf.reshape(tf.cast(z, tf.float32), [-1, model.posterior.size])).numpy()


def sheet(title, images, columns):
    """A title and, under it, twice enlarged images in rows."""
    picture = grid(np.repeat(np.repeat(images, 2, 1), 2, 2), columns, gap=2)
    return panels.caption(title, width=picture.shape[1], height=9), picture


def examples(config):
    """Digits, one, three or two at a time; and as many codes."""
    image = digits.load("validation")["image"]
    z = np.random.default_rng(0).standard_normal([len(image), config.units]).astype(np.float32)
    parts = [slice(3 * i, 3 * i + size) for i, size in enumerate((1, 1, 1, 1, 1, 1, 1, 3, 2))]
    return [{"image": image[part]} for part in parts] + [{"z": z[part]} for part in parts]


def serve(model):
    def encode(image):
        mean, log_variance = model.encode(image)
        return {"embedding": mean, "log_variance": log_variance}

    def decode(z):
        return {"samples": model.decode(z)}

    shape = model.encoder.input_shape[1:]
    image = tf.TensorSpec([None, *shape], tf.uint8, name="image")
    z = tf.TensorSpec([None, model.posterior.size], tf.float32, name="z")
    codes = engine.Signature(encode, {"image": image}, fit="stretch")
    images = engine.Signature(decode, {"z": z})
    return {"serving_default": codes, "encode": codes, "decode": images}
