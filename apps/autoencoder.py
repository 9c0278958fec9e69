"""Autoencoders: features of images learned by restoring corrupted ones (Vincent et al., 2008)."""

import dataclasses
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Literal

import keras
import numpy as np
import tensorflow as tf

from tfvision import engine
from tfvision.data import folder, mnist
from tfvision.data.stream import stream
from tfvision.data.synthetic import digits
from tfvision.metrics import linear_filter, linear_probe, pca
from tfvision.models import autoencoder
from tfvision.viz import panels
from tfvision.viz.grid import grid

TASK = "embedding"
HEADLINE = ("linear_probe_accuracy", "linear_probe_gain", "restored_mse")
FIXED = 2**31 - 1  # Seed of the corruption that is measured and drawn: the same for every run.
PART = 500  # Images that are measured at a time.
NUMBERS = 60_000 * 784  # Pixels, at most, that linear peers are fitted to: all of MNIST.
SHOWN, COLUMNS = 64, 16  # Units that are drawn; pictures in a row.


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(engine.RunConfig):
    """Learn features of images without labels, by restoring images from what is left of them.

    The lecture's autoencoder (eq. 1): --loss squared --corruption none --units 32. Vincent's:
    --network dense --units 1000 --hidden --code sigmoid --tied. Ng's sparse one: --network dense
    --units 200 --hidden --code sigmoid --loss squared --corruption none --sparsity kl
    """

    run: Path = Path("runs/autoencoder")
    data: Literal["embedded", "mnist", "folder"] = "embedded"  # folder: your images, in --root.
    train_split: Literal["fit", "train"] = "fit"  # train: all, `validation` too; for --split test.
    steps: int = 4000
    batch_size: int = 100
    epoch_steps: int = 500
    learning_rate: float = 2e-3
    network: Literal["convolutional", "dense"] = "convolutional"  # The layers on both sides.
    units: int = 0  # Numbers of a code; 0: convolutional, what the last convolution gives.
    filters: tuple[int, ...] = (32, 16)  # convolutional: channels of each halving.
    hidden: tuple[int, ...] = (512,)  # dense: units of the layers between image and code.
    activation: Literal["relu", "sigmoid", "tanh", "linear"] = "relu"  # Of all layers but ...
    code: Literal["relu", "sigmoid", "tanh", "linear"] = "relu"  # ... the code, and ...
    pixels: Literal["sigmoid", "linear"] = "sigmoid"  # ... the pixels.
    tied: bool = False  # dense: the decoder has the encoder's weights, transposed.
    loss: Literal["cross_entropy", "squared"] = "cross_entropy"  # Over pixels; squared: eq. 1.
    corruption: Literal["none", "masking", "salt_and_pepper", "gaussian"] = "masking"
    # What is done to the images that are to be restored.
    level: float = 0.5  # Share of pixels that is corrupted; gaussian: the standard deviation.
    sparsity: Literal["none", "kl", "l1"] = "none"  # Of the code; kl: of sigmoid units.
    sparsity_weight: float = 3.0  # Of the penalty in the loss (beta).
    target: float = 0.05  # Mean activation that kl asks for (rho).
    size: int = 28  # Side of the images, px; 28 but for `folder`.
    probe_images: int = 60_000  # Labelled, for the classifier that `evaluate` fits; 0: none.


TINY = Config(
    steps=4, epoch_steps=2, batch_size=4, filters=(2, 3), probe_images=120,
)


def build(config):
    if config.sparsity == "kl" and config.code != "sigmoid":
        raise ValueError(f"Expected --code sigmoid for --sparsity kl. Received: {config.code}")
    model = autoencoder.Autoencoder(
        *networks(config),
        loss=config.loss,
        pixels=config.pixels,
        corruption=config.corruption,
        level=config.level,
        sparsity=config.sparsity,
        weight=config.sparsity_weight,
        target=config.target,
        seed=config.seed,
    )
    rate = keras.optimizers.schedules.CosineDecay(config.learning_rate, config.steps)
    model.compile(optimizer=keras.optimizers.Adam(rate))
    return model


def networks(config):
    """Encoder and decoder; None for a decoder with the encoder's weights."""
    shape = (config.size, config.size, 3 if config.data == "folder" else 1)
    same = {"shape": shape, "activation": config.activation}
    if config.network == "dense":
        return dense(config, same)
    if config.tied:
        raise ValueError("Expected --network dense for --tied. Received: convolutional")
    units, same = config.units or None, same | {"filters": config.filters}
    encoder = autoencoder.convolutional_encoder(units, code=config.code, **same)
    return encoder, autoencoder.convolutional_decoder(units, **same)


def numbers(config):
    """How many numbers a code has."""
    smallest = config.size // 2 ** len(config.filters)
    return config.units or smallest**2 * config.filters[-1]


def dense(config, same):
    if config.units < 1:
        raise ValueError(f"Expected --units >= 1 for --network dense. Received: {config.units}")
    encoder = autoencoder.dense_encoder(
        config.units, hidden=config.hidden, code=config.code, **same
    )
    if config.tied:
        return encoder, None
    return encoder, autoencoder.dense_decoder(config.units, hidden=config.hidden[::-1], **same)


def train(model, config):
    data = partial(
        stream,
        {"image": load(config, config.train_split)["image"]},
        batch_size=config.batch_size,
        seed=config.seed,
    )
    engine.fit(model, data, config, picture=lambda: draw(model, config))


def load(config, split):
    """A split: image uint8 [n, size, size, c], and label int32 [n] of digits."""
    if config.data != "folder" and config.size != 28:
        raise ValueError(f"Expected --size 28 for {config.data}. Received: {config.size}")
    return read(config.data, config.root, split, config.size)


@cache
def read(data, root, split, size):
    if data == "folder":
        return folder.load(root, "train" if split == "fit" else split, size=size)
    return mnist.load(root, split) if data == "mnist" else digits.load(split)


def evaluate(model, config):
    """Errors of reconstructions, per number on the scale 0..1, and what a code says of the class.

    restored_mse is of corrupted images, against the clean ones.
    """
    if config.train_split == "train" and config.split != "test" and config.data != "folder":
        raise ValueError("Expected --split test, all else was trained on: --train-split train. "
                         f"Received: split={config.split}")
    image = load(config, config.split)["image"]
    scores = errors(model, config, lambda x: model(tf.constant(x)).numpy(), image)
    codes = encoded(model, image)
    if config.sparsity != "none":
        scores["mean_activation"] = float(np.mean(np.abs(codes)))
    if not probed(config):
        return scores
    accuracy = probe(config, partial(encoded, model))
    gain = accuracy - pixel_accuracy(config)
    return scores | {"linear_probe_accuracy": accuracy, "linear_probe_gain": gain}


def probed(config):
    """Whether there are labels to fit a classifier to, and it is wanted."""
    return config.probe_images > 0 and "label" in load(config, config.split)


def peers(config):
    """The same of PCA with as many numbers, of the best linear filter, of raw pixels.

    And of the network before its training, whose features are random.
    """
    model = untrained(config)
    known, unseen = (load(config, split)["image"] for split in (config.train_split, config.split))
    known = known[: max(NUMBERS // known[0].size, 1)]
    plane = pca.components(known / np.float32(255), numbers(config))
    found = {"PCA": errors(model, config, lambda x: pca.project(x, *plane), unseen)}
    if config.corruption != "none":
        bad = corrupted(model, known, len(unseen))
        best = linear_filter.linear_filter(bad, known / np.float32(255))
        ways = {"linear filter": lambda x: linear_filter.apply(x, *best), "as it is": np.asarray}
        for name, way in ways.items():
            mse = errors(model, config, way, unseen)["restored_mse"]
            found[name] = {"restored_mse": mse}
    if not probed(config):
        return found
    accuracy = probe(config, partial(encoded, model))
    return found | {
        "raw pixels": {"linear_probe_accuracy": pixel_accuracy(config)},
        "untrained network": {"linear_probe_accuracy": accuracy},
    }


def untrained(config):
    """The model as it was before the first step."""
    keras.utils.set_random_seed(config.seed)
    return build(config)


def errors(model, config, way, image):
    """Mean squared errors of a way from images to images, without and with corruption."""
    parts = [image[i : i + PART] for i in range(0, len(image), PART)]
    sums = [part_errors(model, config, way, part, i * PART) for i, part in enumerate(parts)]
    return {name: float(sum(part[name] for part in sums) / image.size) for name in sums[0]}


def part_errors(model, config, way, image, first):
    """The summed squared errors of images first, first + 1, ..."""
    x = image / np.float32(255)
    found = {"mse": np.sum((way(x) - x) ** 2, dtype=np.float64)}
    if config.corruption != "none":
        bad = corrupted(model, image, first)
        found["restored_mse"] = np.sum((way(bad) - x) ** 2, dtype=np.float64)
    return found


def corrupted(model, image, first=0):
    """What is left of images first, first + 1, ...; always the same: float32 [n, h, w, c]."""
    index = tf.range(first, first + len(image), dtype=tf.int64)
    x = tf.constant(image / np.float32(255))
    return model.corrupt(x, index, seed=FIXED).numpy()


def probe(config, features):
    """The accuracy of a linear classifier on features(images), for images of config.split."""
    known = load(config, "train" if config.split == "test" else "fit")
    unseen, rows = load(config, config.split), slice(-config.probe_images, None)
    accuracy, _ = linear_probe.linear_probe(
        (features(known["image"][rows]), known["label"][rows]),
        (features(unseen["image"]), unseen["label"]),
        classes=len(digits.CLASSES),
    )
    return accuracy


@lru_cache(1)  # For evaluate and for peers.
def pixel_accuracy(config):
    return probe(config, lambda image: image / np.float32(255))


def encoded(model, images):
    """The codes of images, some at a time: float32 [n, units]."""
    parts = [images[i : i + PART] for i in range(0, len(images), PART)]
    return np.concatenate([model.encode(tf.constant(part)).numpy() for part in parts])


def draw(model, config):
    """Corrupted images, what was made of them, the clean ones; filters; what units stand for."""
    image = load(config, config.split)["image"]
    shown = image[: 2 * COLUMNS]
    bad = corrupted(model, shown)
    kinds = (levels(bad), levels(model(tf.constant(bad)).numpy()), shown)
    rows = [kind[i : i + COLUMNS] for i in (0, COLUMNS) for kind in kinds]
    return panels.above(
        *sheet("what the encoder sees, what it restores, the clean image", np.concatenate(rows)),
        *sheet("filters of the first layer", filters(model)),
        *sheet("what a unit of the code adds to an image", patterns(model, image[:PART])),
    )


def levels(x):
    """0..1 -> uint8."""
    return np.round(np.clip(x, 0, 1) * 255).astype(np.uint8)


def filters(model):
    """The first layer's weights as pictures, the largest first: uint8 [n, h, w, c]."""
    kernel = next(layer.kernel for layer in model.encoder.layers if hasattr(layer, "kernel"))
    kernel = np.moveaxis(kernel.numpy(), -1, 0)
    if kernel.ndim == 2:
        kernel = kernel.reshape([-1, *model.encoder.input_shape[1:]])
    order = np.argsort(-np.sum(kernel**2, (1, 2, 3)), kind="stable")
    return signed(kernel[order[:SHOWN]])


def patterns(model, image):
    """What more of a unit changes in the mean code's image, for those that vary most."""
    codes = encoded(model, image)
    mean, spread = codes.mean(0, keepdims=True), codes.std(0)
    order = np.argsort(-spread, kind="stable")[:SHOWN]
    moved = mean + 2 * np.diag(spread)[order]
    with_unit, without = (model.image(model.decoder(tf.constant(z))) for z in (moved, mean))
    return signed((with_unit - without).numpy())


def signed(values):
    """Pictures with grey for 0 and the range of each its own: uint8, as float [n, h, w, c]."""
    largest = np.abs(values).max((1, 2, 3), keepdims=True)
    return levels(0.5 + 0.5 * values / np.maximum(largest, 1e-12))


def sheet(title, images):
    """A title and, under it, images in rows, enlarged to about 56 px."""
    factor = max(1, 56 // images.shape[1])
    picture = grid(images.repeat(factor, 1).repeat(factor, 2), COLUMNS, gap=2)
    return panels.caption(title, width=picture.shape[1], height=9), picture


def examples(config):
    """Digits, one, three or two at a time; and as many codes."""
    size, channels = config.size, 3 if config.data == "folder" else 1
    image = digits.load("validation")["image"][:32]
    image = tf.image.resize(image, [size, size]).numpy().round().astype(np.uint8)
    image = image.repeat(channels, -1)
    z = np.random.default_rng(0).uniform(0, 1, [len(image), numbers(config)]).astype(np.float32)
    parts = [slice(3 * i, 3 * i + n) for i, n in enumerate((1, 1, 1, 1, 1, 1, 1, 3, 2))]
    return [{"image": image[part]} for part in parts] + [{"z": z[part]} for part in parts]


def serve(model):
    def encode(image):
        return {"embedding": model.encode(image)}

    def decode(z):
        return {"samples": model.decode(z)}

    def reconstruct(image):
        return {"reconstruction": model.reconstruct(image)}

    image = tf.TensorSpec([None, *model.encoder.input_shape[1:]], tf.uint8, name="image")
    z = tf.TensorSpec([None, model.encoder.output_shape[-1]], tf.float32, name="z")
    codes = engine.Signature(encode, {"image": image}, fit="stretch")
    return {
        "serving_default": codes,
        "encode": codes,
        "decode": engine.Signature(decode, {"z": z}),
        "reconstruct": engine.Signature(reconstruct, {"image": image}, fit="stretch"),
    }
