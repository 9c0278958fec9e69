"""VAE: images as distributions of codes, and images from codes (Kingma and Welling, 2014)."""

import dataclasses
import statistics
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
from tfvision.losses import elbo
from tfvision.metrics import densities, importance, latent
from tfvision.models import vae
from tfvision.viz import embeddings, panels
from tfvision.viz.grid import grid

TASK = "embedding"
HEADLINE = ("nll_5000", "nll_5000_iwae5")
FIXED = 2**31 - 1  # Seed of the noise that measures and draws: the same for every run.
PART = 500  # Images that are measured at a time.
WEIGHTS = 2  # Purpose of the noise behind the codes that are weighted; 0 and 1 are training's.
ROWS = 1000  # Codes of an image that are weighted at a time: what they need stays in the cache.
LADDER = (1, 5, 50, 500)  # Sizes of the bounds L_k between the bound L and log p(x).


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(engine.RunConfig):
    """Codes of digits, from which digits can be drawn.

    The lecture's likelihood (eq. 7) is --likelihood gaussian. The importance weighted autoencoder
    of Burda et al. is --objective iwae --codes 5; its log likelihood, --importance 5000.
    """

    run: Path = Path("runs/vae")
    data: Literal["embedded", "mnist"] = "embedded"
    train_split: Literal["fit", "train"] = "fit"  # train: all, `validation` too; for --split test.
    steps: int = 8000
    batch_size: int = 100
    epoch_steps: int = 500
    learning_rate: float = 2e-3  # At the start; it ends at 0 (cosine) or a tenth (burda).
    schedule: Literal["cosine", "burda"] = "cosine"  # burda: 8 plateaus, each 3 times as long.
    units: int = 20  # Numbers of a code.
    hidden: tuple[int, ...] = (200, 200)  # Units of the encoder's layers; the decoder's, reversed.
    activation: Literal["silu", "tanh"] = "silu"  # Of the hidden layers; tanh: the IWAE paper's.
    covariance: Literal["diagonal", "full"] = "diagonal"  # Of the posterior q(z|x).
    likelihood: Literal["bernoulli", "gaussian"] = "bernoulli"  # Of pixels: p(x|z).
    sigma: float = 0.1  # Of the Gaussian's pixels, 0..1; where it is learned, its start.
    sigma_is: Literal["fixed", "learned", "pixel"] = "fixed"  # learned: one for all; pixel: a map.
    least_sigma: float = 0.01  # Of a pixel, where the decoder draws a map of sigmas.
    objective: Literal["elbo", "monte_carlo", "stl", "iwae", "dreg"] = "elbo"  # See the app's page.
    codes: int = 1  # Per image in a step: the k of iwae and dreg; of others, what is averaged.
    warm_up: int = 1000  # Steps in which the divergence's weight grows from 0 to 1; 0 for none.
    samples: int = 10  # Codes per image for the bound that `evaluate` measures.
    importance: int = 0  # Codes per image to measure log p(x) with, by weighting them; as 5000.


TINY = Config(
    steps=4, epoch_steps=2, batch_size=4, units=3, hidden=(8,), warm_up=2, samples=2, importance=10
)


def build(config):
    kind = {"diagonal": layers.DiagonalGaussian, "full": layers.FullGaussian}[config.covariance]
    posterior, hidden, pixels = kind(config.units), config.hidden, likelihood(config)
    model = vae.VAE(
        vae.encoder(posterior.features, hidden=hidden, activation=config.activation),
        vae.decoder(
            config.units, maps=pixels.maps, hidden=hidden[::-1], activation=config.activation
        ),
        posterior=posterior,
        likelihood=pixels,
        objective=config.objective,
        codes=config.codes,
        warm_up=config.warm_up,
        seed=config.seed,
    )
    model.compile(optimizer=keras.optimizers.Adam(schedule(config)))
    return model


def schedule(config):
    """The learning rate by step: half a cosine, or the plateaus of Burda et al. (section 5)."""
    if config.schedule == "cosine":
        return keras.optimizers.schedules.CosineDecay(config.learning_rate, config.steps)
    ends = [round(config.steps * (3**i - 1) / (3**8 - 1)) for i in range(1, 8)]
    rates = [config.learning_rate * 10 ** (-i / 7) for i in range(8)]
    return keras.optimizers.schedules.PiecewiseConstantDecay(ends, rates)


def likelihood(config):
    """The layer that makes p(x|z) of the decoder's maps."""
    if config.likelihood == "bernoulli":
        return likelihoods.BernoulliLikelihood()
    if config.sigma_is == "pixel":
        return likelihoods.PixelGaussianLikelihood(config.sigma, least=config.least_sigma)
    return likelihoods.GaussianLikelihood(config.sigma, learned=config.sigma_is == "learned")


def train(model, config):
    images = load(config, config.train_split)
    model.start_at(images.mean(0) / 255)
    data = partial(stream, {"image": images}, batch_size=config.batch_size, seed=config.seed)
    alarm = CollapseAlarm(images[:PART])
    engine.fit(model, data, config, picture=lambda: draw(model, config), extra=[alarm])


class CollapseAlarm(keras.callbacks.Callback):
    """Says at the end of an epoch when no unit is active, and when one is again."""

    def __init__(self, image):
        super().__init__()
        self.image, self.told = tf.constant(image), None

    def on_epoch_end(self, epoch, logs=None):
        warning = latent.collapse(self.model.encode(self.image)[0].numpy())
        if warning != self.told:
            print(warning or "The posterior is no longer collapsed: units are active.", flush=True)
        self.told = warning


def load(config, split):
    """The images of a split: uint8 [n, 28, 28, 1]."""
    return read(config.data, config.root, split)["image"]


@cache
def read(data, root, split):
    """A split: image uint8 [n, 28, 28, 1], label int32 [n]."""
    return mnist.load(root, split) if data == "mnist" else digits.load(split)


def evaluate(model, config):
    """The negative bound, its parts and, if asked for, -log p(x), nats per image: means."""
    if config.train_split == "train" and config.split != "test":
        raise ValueError(f"Expected --split test, all else was trained on: --train-split train. "
                         f"Received: split={config.split}")
    if config.samples < 1 or config.importance < 0:
        raise ValueError(f"Expected samples >= 1 and importance >= 0. Received: "
                         f"samples={config.samples}, importance={config.importance}")
    image = load(config, config.split)
    parts = [measure(model, image, first, config.samples) for first in range(0, len(image), PART)]
    found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    scores = bound_scores(found) | unit_scores(found)
    if config.likelihood == "gaussian":
        scores |= {"mse": np.mean(found["error"]), "sigma": np.mean(found["sigma"])}
    if config.importance:
        scores |= weight_scores(model, image, config)
    return {name: float(value) for name, value in scores.items()}


def bound_scores(found):
    bound = found["reconstruction"] + found["kl"]
    return {
        "negative_elbo": np.mean(bound),
        "standard_error": np.std(bound) / len(bound) ** 0.5,
        "reconstruction": np.mean(found["reconstruction"]),
        "kl": np.mean(found["kl"]),
    }


def unit_scores(found):
    """How many units are in use; what each adds to the divergence is printed."""
    units = np.sort(found["units"].mean(0))[::-1]
    print("Divergence of each unit, nats:", " ".join(f"{unit:.2f}" for unit in units))
    if warning := latent.collapse(found["mean"]):
        print(warning)
    return {"active_units": latent.active_units(found["mean"]), "largest_unit_kl": units[0]}


def weight_scores(model, image, config):
    """-log p(x) of images, estimated from config.importance weighted codes each, and -L_k."""
    weigh = partial(log_weights, weigher(model, config.importance), image)
    found, enough = importance.estimate(weigh, len(image), config.importance, ks=LADDER)
    nll, name = -found[config.importance], nll_name(config)
    return {
        name: np.mean(nll),
        f"{name}_standard_error": np.std(nll) / len(nll) ** 0.5,
        **{f"negative_bound_{k}": -np.mean(found[k]) for k in found if k < config.importance},
        "posterior_divergence": np.mean(-found[1] - nll),
        "effective_samples": np.mean(enough),
    }


def nll_name(config):
    """nll_5000; behind it, how a model was trained with several codes: nll_5000_iwae5."""
    kind = "iwae" if config.objective in ("iwae", "dreg") else "vae"
    return f"nll_{config.importance}" + (f"_{kind}{config.codes}" if config.codes > 1 else "")


def log_weights(weigh, image, rows):
    """log p(x, z) - log q(z|x) of codes for some rows of a split's images: float32 [count, b]."""
    index = tf.range(rows.start, rows.stop, dtype=tf.int64)
    return weigh(tf.constant(image[rows]), index).numpy()


def weigher(model, count):
    """A compiled function: images uint8 [b, h, w, c], index int64 [b] -> float32 [count, b]."""

    @partial(tf.function, reduce_retracing=True)
    def weigh(image, index):
        x = model.likelihood.observe(image, index, seed=FIXED)
        noise = model.noise(index, count, seed=FIXED, purpose=WEIGHTS)
        sizes = [ROWS] * (count // ROWS) + [count % ROWS] * (count % ROWS > 0)
        return tf.concat([model.log_weight(x, part) for part in tf.split(noise, sizes)], 0)

    return weigh


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
    names = ["negative_elbo", *[nll_name(config)] * (config.importance > 0)]  # Both are exact.
    return {peer: {name: float(np.mean(nats)) for name in names} for peer, nats in found.items()}


def observed(likelihood, image, first=0):
    """What a likelihood sees of images first, first + 1, ...; always the same: float32."""
    index = tf.range(first, first + len(image), dtype=tf.int64)
    return likelihood.observe(tf.constant(image), index, seed=FIXED)


def measure(model, image, first, samples):
    """What is known of images first, first + 1, ... of a split: name -> numpy array [b, ...].

    reconstruction, kl   -E log p(x|z) and D[q(z|x) || p(z)] [b], nats
    units, mean          the divergence of each unit, nats, and E z [b, units]
    error, sigma         squared error of the mean image, deviation of its pixels: means [b]
    """
    x = observed(model.likelihood, image[first : first + PART], first)
    index = tf.range(first, first + len(x), dtype=tf.int64)
    log_likelihood, kl = model.bound(x, model.noise(index, samples, seed=FIXED))
    mean, scale = model.posterior(model.encoder(x))
    maps = model.maps(mean)
    found = {
        "reconstruction": -tf.reduce_mean(log_likelihood, 0),
        "kl": kl,
        "units": elbo.gaussian_kl_per_unit(mean, tf.exp(ops.log_variance(mean, scale) / 2)),
        "mean": mean,
        "error": tf.reduce_mean((model.likelihood(maps) - x) ** 2, [1, 2, 3]),
        "sigma": tf.reduce_mean(model.likelihood.distribution(maps).stddev(), [1, 2, 3]),
    }
    return {name: value.numpy() for name, value in found.items()}


def draw(model, config):
    """Images, what their codes draw, images of random codes, walks between codes, and a map."""
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
        *atlas(model, config),
    )


def atlas(model, config, width=930):
    """What each unit says, and where images lie; of two units, also what lies everywhere."""
    split = read(config.data, config.root, config.split)
    image, label = split["image"][:PART], split["label"][:PART]
    mean, log_variance = model.encode(tf.constant(image))
    units = np.mean(elbo.gaussian_kl_per_unit(mean, tf.exp(log_variance / 2)), 0)
    title = (f"divergence of each unit, up to {units.max():.2g} nats; "
             f"{latent.active_units(mean)} of {config.units} are active")
    bars = panels.strip(np.sort(units)[::-1], width=width, height=120)[:64]  # None goes down.
    chart = embeddings.plane(mean.numpy(), 255 - image, label, side=640, thumbnail=24)
    plane = "codes of images, on the plane of largest variance"
    everywhere = sheet("what codes draw, at the quantiles of both units", decoded(model, lattice()),
                       16) if config.units == 2 else ()
    return (panels.caption(title, width=width, height=9), bars, *everywhere,
            panels.caption(plane, width=width, height=9), chart)


def lattice(side=16):
    """Codes of two units such that as many random codes lie in each cell: float [side^2, 2]."""
    places = [statistics.NormalDist().inv_cdf((i + 0.5) / side) for i in range(side)]
    across, up = np.meshgrid(places, places[::-1])
    return np.stack([across.ravel(), up.ravel()], 1)


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
    """Digits, one, three or two at a time; and as many codes, with the noise of their pixels."""
    image, random = digits.load("validation")["image"], np.random.default_rng(0)
    z = random.standard_normal([len(image), config.units]).astype(np.float32)
    shape = (*image.shape[1:3], likelihood(config).noise * image.shape[3])
    noise = random.standard_normal([24, *shape]).astype(np.float32)
    parts = [slice(3 * i, 3 * i + size) for i, size in enumerate((1, 1, 1, 1, 1, 1, 3, 2))]
    codes = [{"z": z[part], "noise": noise[part]} for part in parts]
    return [{"image": image[part]} for part in parts] + codes


def serve(model):
    def encode(image):
        mean, log_variance = model.encode(image)
        return {"embedding": mean, "log_variance": log_variance}

    def decode(z):
        return {"samples": model.decode(z)}

    def sample(z, noise):
        return {"samples": model.sample(z, noise)}

    h, w, c = model.encoder.input_shape[1:]
    image = tf.TensorSpec([None, h, w, c], tf.uint8, name="image")
    z = tf.TensorSpec([None, model.posterior.size], tf.float32, name="z")
    noise = tf.TensorSpec([None, h, w, model.likelihood.noise * c], tf.float32, name="noise")
    codes = engine.Signature(encode, {"image": image}, fit="stretch")
    return {
        "serving_default": codes,
        "encode": codes,
        "decode": engine.Signature(decode, {"z": z}),
        "sample": engine.Signature(sample, {"z": z, "noise": noise}),
    }
