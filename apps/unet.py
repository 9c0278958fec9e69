"""U-Net: every pixel gets a class, from a few annotated images (Ronneberger et al., 2015)."""

import dataclasses
from functools import partial
from pathlib import Path
from typing import Literal

import cv2
import keras
import numpy as np
import tensorflow as tf

from tfvision import engine
from tfvision.data import augment, isbi2012, pairs
from tfvision.data.border_weights import border_weights
from tfvision.data.stream import stream
from tfvision.data.synthetic import membranes
from tfvision.metrics import segmentation
from tfvision.models import unet
from tfvision.viz import grid
from tfvision.viz import labels as viz

TASK = "segmentation"
HEADLINE = ("pixel_accuracy", "rand_score")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(engine.RunConfig):
    """Segment images: a class for each pixel, learned from a few annotated ones.

    The paper's own network: --filters 64 --widest 1024 --padding valid --no-norm --tile 572
    --loss border. The lecture's loss (eq. 18) is the default.
    """

    run: Path = Path("runs/unet")
    data: Literal["embedded", "isbi2012", "pairs"] = "embedded"  # pairs: folders image/, label/.
    steps: int = 400
    batch_size: int = 4
    filters: int = 16  # Channels of the first level; each level below has twice as many ...
    widest: int = 96  # ... but no more than this.
    depth: int = 3  # Poolings.
    padding: Literal["same", "valid"] = "same"  # Of convolutions; valid is the paper's.
    norm: bool = True  # Batch normalisation (not in the paper).
    dropout: float = 0.1  # At the end of the contracting path.
    loss: Literal["plain", "border"] = "plain"  # border: the paper's weights (eq. 2).
    crop: int = 192  # Side of the training crops, px.
    elastic: float = 5.0  # Deformation at the 3x3 grid, px (standard deviation).
    deformed: float = 0.5  # Share of the crops that are bent; the others keep their pixels.
    contrast: float = 0.1  # Largest change of contrast and gamma; of brightness half of it.
    tile: int = 224  # Side of the tiles a whole image is cut into, px.
    average: bool = False  # Evaluate the mean over quarter turns and mirror images: 8 times slower.
    classes: int = 2  # Of `pairs`; the other data sets have 2.


TINY = Config(
    steps=4, epoch_steps=2, batch_size=2, filters=4, depth=2, crop=32, tile=128, elastic=2.0
)


def build(config):
    net = unet.network(
        filters=config.filters,
        widest=config.widest,
        depth=config.depth,
        channels=3 if config.data == "pairs" else 1,
        classes=config.classes,
        padding=config.padding,
        norm=config.norm,
        dropout=config.dropout,
    )
    model = unet.UNet(net, depth=config.depth, padding=config.padding, tile=config.tile)
    rate = keras.optimizers.schedules.CosineDecay(config.learning_rate, config.steps)
    model.compile(optimizer=keras.optimizers.Adam(rate))
    return model


def train(model, config):
    examples = load(config, "train")
    examples["weight"] = weights(examples["label"], config.loss)
    data = partial(
        stream,
        examples,
        batch_size=config.batch_size,
        seed=config.seed,
        augment=partial(deform, config=config),
    )
    engine.fit(model, data, config, picture=lambda: draw(model, config))


def load(config, split):
    """The data set's split: image uint8 [n, h, w, c], label int32 [n, h, w]."""
    if config.data == "isbi2012":
        return isbi2012.load(config.root, split)
    if config.data == "pairs":
        return pairs.load(config.root, split, classes=config.classes)
    return membranes.load(split)


def weights(label, loss):
    """The weight of each pixel: float32 [n, h, w]."""
    if loss == "plain":
        return np.ones(label.shape, np.float32)
    return np.stack([border_weights(one) for one in label])


def deform(example, seed, config):
    """A random crop, turned, bent and with other greys, of image, label and weight alike."""
    classes = tf.one_hot(example["label"], config.classes)
    image = tf.cast(example["image"], tf.float32) / 255
    maps = tf.concat([image, tf.expand_dims(example["weight"], -1), classes], -1)
    place, tone = tf.unstack(tf.random.split(seed, 2))
    maps = augment.warp(
        maps, place, size=config.crop, elastic=config.elastic, deformed=config.deformed
    )
    c = image.shape[-1]
    return {
        "image": augment.grey(
            maps[..., :c], tone, contrast=config.contrast, brightness=config.contrast / 2
        ),
        "weight": maps[..., c],
        "label": tf.argmax(maps[..., c + 1 :], -1, output_type=tf.int32),
    }


def evaluate(model, config):
    """Pixel accuracy and mean Rand score; its threshold comes from every fifth training slice."""
    truth = load(config, config.split)
    labels, probabilities = segment(model, truth["image"], config.average)
    scores = {"pixel_accuracy": segmentation.pixel_accuracy(labels, truth["label"])}
    if config.classes == 2:
        known = {name: values[::5] for name, values in load(config, "train").items()}
        threshold = segmentation.best_threshold(
            segment(model, known["image"], config.average)[1][..., 1], known["label"]
        )
        rand = [
            segmentation.rand_score(p, t, threshold=threshold)
            for p, t in zip(probabilities[..., 1], truth["label"], strict=True)
        ]
        scores |= {"rand_score": float(np.mean(rand)), "rand_threshold": threshold}
    return scores


def peers(config):
    """What needs no learning: every pixel a cell, and a threshold on the blurred image."""
    if config.classes != 2 or config.data == "pairs":
        return {}
    known, truth = load(config, "train"), load(config, config.split)
    grey, known_grey = blurred(truth["image"]), blurred(known["image"])
    cuts = np.linspace(0.2, 0.8, 61)
    cut = max(cuts, key=lambda c: segmentation.pixel_accuracy(known_grey > c, known["label"]))
    best = segmentation.best_threshold(known_grey[::5], known["label"][::5], cuts[::10])
    pairs = zip(grey, truth["label"], strict=True)
    rand = [segmentation.rand_score(g, t, threshold=best) for g, t in pairs]
    return {
        "all cell": {"pixel_accuracy": float(np.mean(truth["label"] == 1))},
        "blur and threshold": {
            "pixel_accuracy": segmentation.pixel_accuracy(grey > cut, truth["label"]),
            "rand_score": float(np.mean(rand)),
        },
    }


def blurred(images, sigma=2.0):
    """Grey values 0..1 without their finest detail: float32 [n, h, w]."""
    return np.stack([cv2.GaussianBlur(i[..., 0] / np.float32(255), (0, 0), sigma) for i in images])


def classes(config):
    """Their names, as the readers have them; numbers for `pairs`."""
    return [str(i) for i in range(config.classes)] if config.data == "pairs" else membranes.CLASSES


def segment(model, images, average=False):
    """The model's answer, image by image: labels [n, h, w], probabilities [n, h, w, k]."""
    function = model.segment_averaged if average else model.segment
    results = [function(tf.constant(image[np.newaxis])) for image in images]
    labels, probabilities = zip(*results, strict=True)
    return np.concatenate(labels), np.concatenate(probabilities)


def draw(model, config):
    """An image, its truth, what the model says: the cells it would find in the last."""
    known = load(config, "validation")
    rows = []
    for image, truth in list(zip(known["image"], known["label"], strict=True))[:2]:
        labels, probabilities = segment(model, image[np.newaxis])
        rows += [
            grid.titled(image, "image"),
            grid.titled(viz.overlay(image, truth, config.classes), "truth"),
            grid.titled(viz.overlay(image, labels[0], config.classes), "prediction"),
            grid.titled(viz.heat(probabilities[0, ..., 0]), "probability of class 0"),
        ]
    return grid.grid(rows, columns=4)


def examples(config):
    """Ten slices, of two sizes, two of them in a batch."""
    images = load(config, "validation")["image"]
    side = images.shape[1]
    parts = [images[i % len(images)][np.newaxis] for i in range(7)]
    small = images[:2, : side // 2 + 5, : side // 3 + 2]
    return [{"image": part} for part in [*parts, small]]


def serve(model):
    c = model.net.input_shape[-1]

    def segment(image):
        labels, probabilities = model.segment(image)
        return {"labels": labels, "probabilities": probabilities}

    image = tf.TensorSpec([None, None, None, c], tf.uint8, name="image")
    return {"serving_default": engine.Signature(segment, {"image": image})}
