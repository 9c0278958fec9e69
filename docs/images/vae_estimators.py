"""Draws docs/images/vae_estimators.png: python docs/images/vae_estimators.py

A linear-Gaussian VAE is trained, x = W z + c + sigma epsilon, of which log p(x) and the posterior
are known exactly. So the lecture's argument can be seen: why codes are not drawn from the prior
(eq. 6), that the bound's gap closes while training (eq. 10 to 13), and why z is reparametrised.
"""

from pathlib import Path

import keras
import matplotlib
import numpy as np
import tensorflow as tf

from tfvision import layers
from tfvision.data.stream import stream
from tfvision.layers.likelihoods import GaussianLikelihood
from tfvision.losses import importance
from tfvision.metrics.importance import bounds
from tfvision.models import vae

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402

SHAPE, UNITS, SIGMA = (6, 6, 1), 6, 0.15
IMAGES, BATCH, SHOWN, CODES = 4000, 100, 40, 5000
COLOURS = {"grey": "#969ca8", "blue": "#3a6ec4", "red": "#d6603d", "green": "#2e8b57"}
ESTIMATORS = {  # What they are called, their colour and line.
    "score": ("score function", "red", "-"),
    "baseline": ("... its mean weight taken off", "red", "--"),
    "path": ("reparametrised", "blue", "-"),
    "stl": ("... without the score (stl)", "green", "-"),
}


def main(file):
    picture(file, *study(steps=4000, codes=CODES, most=100_000))


def study(steps, codes, most):
    """Trains, and measures at about 25 moments of the training.

    codes    of each image, behind the numbers of each moment
    most     codes of each image at the end, for the two estimates of log p(x)
    return   moments (steps), curves by name over them, numbers of codes, errors by name over them
    """
    keras.utils.set_random_seed(0)
    model, images = linear(steps), data()
    x = tf.constant(images[:SHOWN], tf.float32) / 255
    moments = np.unique(np.geomspace(1, steps, 25).astype(int))
    batches = iter(stream({"image": images}, batch_size=BATCH, seed=0))
    step, rows = tf.function(model.train_step), []
    for moment in moments:
        while int(model.optimizer.iterations) < moment:
            step(next(batches))
        rows.append(measure(model, x, codes))
    curves = {key: np.array([row[key] for row in rows]) for key in rows[0]}
    return moments, curves, *errors_of(model, x, most)


def linear(steps):
    """The model: one layer each way, a full covariance, so that q can become p(z|x)."""
    posterior = layers.FullGaussian(UNITS)
    model = vae.VAE(
        vae.encoder(posterior.features, shape=SHAPE, hidden=()),
        vae.decoder(UNITS, shape=SHAPE, hidden=()),
        posterior=posterior,
        likelihood=GaussianLikelihood(SIGMA),
    )
    rate = keras.optimizers.schedules.CosineDecay(0.01, steps)
    model.compile(optimizer=keras.optimizers.Adam(rate))
    return model


def data():
    """Images uint8 [n, 6, 6, 1] that such a model could have made."""
    random = np.random.default_rng(0)
    w = random.normal(0, 0.08, [UNITS, 36]) * np.linspace(1.5, 0.5, UNITS)[:, None]
    x = 0.5 + random.normal(size=[IMAGES, UNITS]) @ w + random.normal(0, SIGMA / 3, [IMAGES, 36])
    return (x.clip(0, 1) * 255).round().astype(np.uint8).reshape([IMAGES, *SHAPE])


def exact(model, x):
    """log p(x) [n] of N(c, W Wᵀ + sigma^2 I), float64."""
    w, c = (weight.numpy().astype(np.float64) for weight in model.decoder.weights)
    covariance = w.T @ w + SIGMA**2 * np.eye(len(c))
    far = np.reshape(x, [len(x), -1]) - c
    squares = np.sum(far * np.linalg.solve(covariance, far.T).T, 1)
    return -0.5 * (squares + np.linalg.slogdet(2 * np.pi * covariance)[1])


def measure(model, x, codes):
    """Means over images: log p(x), L_codes, L, and the gradient's variance by three estimators."""
    noise = model.noise(tf.range(len(x), dtype=tf.int64), codes, seed=1)
    found = bounds(model.log_weight(x, noise).numpy(), (1, codes))
    return {
        "evidence": exact(model, x.numpy()).mean(),
        "weighted": found[codes].mean(),
        "bound": found[1].mean(),
        **{name: variance(model, x, noise[:1000], name) for name in ESTIMATORS},
    }


def variance(model, x, noise, estimator):
    """Of the bound's gradient by the posterior's mean with one code: summed over units."""
    mean, scale = model.posterior(model.encoder(x))
    mean = tf.repeat(mean[None], len(noise), 0)  # [s, b, d]: each code has a gradient of its own.
    with tf.GradientTape() as tape:
        tape.watch(mean)
        if estimator in ("score", "baseline"):
            z = tf.stop_gradient(mean + tf.linalg.matvec(scale, noise))
            weight = tf.stop_gradient(weigh(model, x, z, mean, scale))
            weight -= tf.reduce_mean(weight, 0) * (estimator == "baseline")
            value = weight * importance.gaussian_log_density(z, mean, scale[None])
        else:
            z = mean + tf.linalg.matvec(scale, noise)
            about = tf.stop_gradient(mean) if estimator == "stl" else mean
            value = weigh(model, x, z, about, scale)
    slopes = tape.gradient(value, mean)
    return float(tf.reduce_mean(tf.reduce_sum(tf.math.reduce_variance(slopes, 0), -1)))


def weigh(model, x, z, mean, scale):
    return importance.log_weight(model.log_likelihood(x, z), z, mean, scale[None])


def errors_of(model, x, most):
    """Root mean squared error of log p(x), nats, from 1, 10, ... codes of p(z) and of q(z|x)."""
    truth, index = exact(model, x.numpy()), tf.range(1, dtype=tf.int64)
    counts = 10 ** np.arange(int(np.log10(most)) + 1)
    found = {"prior": [], "posterior": []}
    for i in range(len(x)):
        noise = model.noise(index + i, most, seed=2)
        weights = {
            "prior": model.log_likelihood(x[i : i + 1], noise),
            "posterior": model.log_weight(x[i : i + 1], noise),
        }
        for name, weight in weights.items():
            weight = weight.numpy()
            found[name].append([bounds(weight[:n], (n,))[n][0] - truth[i] for n in counts])
    return counts, {k: np.mean(np.square(v), 0) ** 0.5 for k, v in found.items()}


def picture(file, moments, curves, counts, error):
    """Three panels in a row."""
    pyplot.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    figure, axes = pyplot.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    axes[0].loglog(counts, error["prior"], "o-", color=COLOURS["red"],
                   label="codes from p(z) (eq. 6)")
    axes[0].loglog(counts, error["posterior"], "o-", color=COLOURS["blue"],
                   label="codes from q(z|x), weighted")
    axes[0].set(title="error of log p(x), nats", xlabel="codes of an image")
    gap, found = (curves[name] - curves["bound"] for name in ("evidence", "weighted"))
    axes[1].loglog(moments, gap, color=COLOURS["grey"], lw=5, label="exact: D[q(z|x) || p(z|x)]")
    axes[1].loglog(moments, found, color=COLOURS["blue"], label=f"L_{CODES} - L")
    axes[1].set(title="gap of the bound, nats", xlabel="step of the training")
    for key, (name, colour, line) in ESTIMATORS.items():
        axes[2].loglog(moments, curves[key], line, color=COLOURS[colour], label=name)
    axes[2].set(title="variance of the gradient by the mean of q", xlabel="step of the training")
    axes[2].set_ylim(top=1e13)  # Room for the legend.
    for axis in axes:
        axis.legend(frameon=False)
        axis.grid(alpha=0.25)
    figure.savefig(file, dpi=110)
    pyplot.close(figure)


if __name__ == "__main__":
    main(Path(__file__).with_suffix(".png"))
