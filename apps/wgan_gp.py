"""WGAN-GP: images from noise, by a generator and a 1-Lipschitz critic (Gulrajani et al., 2017)."""

import dataclasses
import functools
from pathlib import Path
from typing import Literal

import keras
import numpy as np
import tensorflow as tf

from tfvision import engine
from tfvision.data import folder, mnist
from tfvision.data.stream import stream
from tfvision.data.synthetic import digits
from tfvision.metrics import generation
from tfvision.models import digit_classifier, wgan_gp
from tfvision.viz import grid, panels

TASK = "generator"
HEADLINE = ("modes", "frechet_distance")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(engine.RunConfig):
    """Learn to make images like those of a data set, from noise.

    A step is one of the generator; the critic makes --critic-steps before it, each on a fresh
    batch of --batch-size images. The lecture's penalty: --penalty-at real. The paper's training:
    --critic-steps 5 --learning-rate 1e-4 --no-decay, and more than ten times the steps.
    """

    run: Path = Path("runs/wgan_gp")
    data: Literal["embedded", "mnist", "folder"] = "embedded"  # folder: your images, in --root.
    split: Literal["samples", "validation"] = "samples"  # validation: grade without test images.
    steps: int = 2000
    batch_size: int = 32  # Images per step of the critic, of all workers together.
    learning_rate: float = 1e-3  # Of both optimisers ...
    decay: bool = True  # ... falls to 0 along a straight line (in the paper it stays).
    beta1: float = 0.0  # Of both: Adam's first moment (the paper's: 0) ...
    beta2: float = 0.9  # ... and its second.
    critic_steps: int = 2  # Of the critic, per step of the generator.
    penalty: float = 10.0  # Weight of the penalty (lambda).
    penalty_at: Literal["interpolates", "real"] = "interpolates"  # real: the lecture's.
    target: float = 1.0  # The slope that the penalty asks for; 0 at real images is R1.
    half_life: float = 10_000  # Of the averaged weights, in generated images.
    latent: int = 64  # Numbers that an image is made from.
    filters: int = 16  # Channels at full size; twice as many per halving, up to ...
    widest: int = 128  # ... this.
    norm: bool = False  # Layer normalisation in the critic.
    size: int = 28  # Side of the images, px; 28 but for `folder`.
    samples: int = 10_000  # Graded by `evaluate`, but no more than there are images to compare.
    classifier_epochs: int = 4  # Of the classifier that grades, over the training images.


TINY = Config(
    steps=4, epoch_steps=2, batch_size=4, critic_steps=2, latent=8, filters=2, samples=100,
    classifier_epochs=1,
)


def build(config):
    sizes = {
        "size": config.size, "channels": channels(config), "filters": config.filters,
        "widest": config.widest,
    }
    model = wgan_gp.WGANGP(
        wgan_gp.generator_network(latent=config.latent, **sizes),
        wgan_gp.critic_network(norm=config.norm, **sizes),
        critic_steps=config.critic_steps,
        penalty_weight=config.penalty,
        penalty_at=config.penalty_at,
        target=config.target,
        half_life=config.half_life,
        warm_up=config.steps // 5,
        seed=config.seed,
    )
    model.compile(
        critic_optimizer=adam(config, config.steps * config.critic_steps),
        generator_optimizer=adam(config, config.steps),
    )
    return model


def adam(config, steps):
    """The paper's optimiser; with decay, its rate reaches 0 at `steps`."""
    rate = config.learning_rate
    if config.decay:
        rate = keras.optimizers.schedules.PolynomialDecay(rate, steps, 0.0)
    return keras.optimizers.Adam(rate, beta_1=config.beta1, beta_2=config.beta2)


def channels(config):
    return 3 if config.data == "folder" else 1


def train(model, config):
    data = functools.partial(
        stream,
        {"image": load(config, "train")["image"]},
        batch_size=config.batch_size * config.critic_steps,
        seed=config.seed,
    )
    engine.fit(model, data, config, picture=lambda: draw(model, config))


def load(config, split):
    """The data set's split: image uint8 [n, size, size, c], and label int32 [n] of digits."""
    if config.data == "folder":
        return folder.load(config.root, split, size=config.size)
    if config.size != 28:
        raise ValueError(f"Expected --size 28 for {config.data}. Received: {config.size}")
    return mnist.load(config.root, split) if config.data == "mnist" else digits.load(split)


@functools.lru_cache(1)  # For peers, after evaluate.
def compared(config):
    """The real images of a grade: those of the same distribution, and those held out."""
    if config.data == "folder":
        return load(config, "train"), load(config, "validation")
    names = ("train", "test") if config.split == "samples" else ("fit", "validation")
    return tuple(load(config, name) for name in names)


def evaluate(model, config):
    """Grades of samples, by a classifier of the same digits and by the critic."""
    known, unseen = compared(config)
    images = samples(model, config, min(config.samples, len(unseen["image"])))
    scores = critic_scores(model, known["image"], unseen["image"], images)
    if "label" not in known:
        return scores | {"n": len(images)}
    net = classifier(config, known)
    features, probabilities = digit_classifier.describe(net, images)
    reference, _ = digit_classifier.describe(net, known["image"])
    heldout, _ = digit_classifier.describe(net, unseen["image"])
    accuracy = digit_classifier.accuracy(net, unseen["image"], unseen["label"])
    return {
        **generation.grade(features, probabilities, reference),
        "nearest_ratio": generation.nearest_ratio(features, reference, heldout),
        **scores,
        "classifier_accuracy": accuracy,
    }


def peers(config):
    """The same grades of real images that nobody trained on, and of shuffled pixels."""
    known, unseen = compared(config)
    if "label" not in known:
        return {}
    net = classifier(config, known)
    reference, _ = digit_classifier.describe(net, known["image"])
    images = unseen["image"][: config.samples]
    others = {"real images": images, "shuffled pixels": generation.shuffle_pixels(images)}
    return {
        name: generation.grade(*digit_classifier.describe(net, pictures), reference)
        for name, pictures in others.items()
    }


def classifier(config, known):
    """The network that grades, trained on first use and kept in the run's folder."""
    return digit_classifier.trained(
        known["image"],
        known["label"],
        file=config.run / f"classifier_{config.split}.npz",
        epochs=config.classifier_epochs,
    )


def critic_scores(model, known, unseen, images):
    """The critic's distance of samples to images that it knows, and to others (cf. fig. 5b)."""
    n = min(len(images), len(unseen))
    distance = tf.function(model.distance)
    return {
        "distance_to_train": float(distance(known[:n], images[:n])),
        "distance_to_unseen": float(distance(unseen[:n], images[:n])),
    }


def samples(model, config, count):
    """`count` images of the noise that belongs to the seed: uint8 [count, h, w, c]."""
    z = noise(config, count)
    sample = tf.function(model.sample, reduce_retracing=True)
    return np.concatenate([sample(tf.constant(z[i : i + 500])) for i in range(0, count, 500)])


def noise(config, count):
    random = np.random.default_rng([config.seed, 1])
    return random.standard_normal([count, config.latent], np.float32)


def draw(model, config):
    """64 samples of noise that never changes, and ways between eight of them."""
    z = noise(config, 64)
    ways = [between(z[2 * i], z[2 * i + 1], 8) for i in range(4)]
    images = model.sample(tf.constant(np.concatenate([z, *ways]))).numpy()
    scale = max(1, round(48 / config.size))
    images = images.repeat(scale, 1).repeat(scale, 2)
    return panels.above(
        grid.titled(grid.grid(images[:64], 8), "samples"),
        grid.titled(grid.grid(images[64:], 8), "from one noise to another"),
    )


def between(start, end, count):
    """Noise on the great circle from one vector to another: float32 [count, d].

    A straight line would pass through vectors shorter than any the generator has seen.
    """
    cosine = start @ end / (np.linalg.norm(start) * np.linalg.norm(end))
    angle = np.arccos(np.clip(cosine, -1, 1))
    share = np.linspace(0, 1, count)[:, np.newaxis]
    way = np.sin((1 - share) * angle) * start + np.sin(share * angle) * end
    return (way / np.sin(angle)).astype(np.float32)


def examples(config):
    """Noise, one vector at a time and five in a batch."""
    z = noise(config, 12)
    return [{"z": part} for part in [*np.split(z[:7], 7), z[7:]]]


def serve(model):
    z = tf.TensorSpec([None, model.latent], tf.float32, name="z")
    return {"serving_default": engine.Signature(lambda z: {"samples": model.sample(z)}, {"z": z})}
