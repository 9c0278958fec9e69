"""Spatial transformers: networks that learn where to look (Jaderberg et al., 2015)."""

import dataclasses
import json
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Literal

import keras
import numpy as np
import tensorflow as tf

from tfvision import engine, layers, ops
from tfvision.data import class_folders, cub200, distorted_mnist, mnist
from tfvision.data.stream import stream
from tfvision.data.synthetic import digits, look_alikes
from tfvision.models import spatial_transformer as nets
from tfvision.viz.glimpses import glimpse
from tfvision.viz.grid import grid

TASK = "classification"
HEADLINE = ("cnn_error_percent", "st_cnn_affine_error_percent", "fine_grained_error_percent")
FIXED = 2**31 - 1  # Seed of the distortions that are measured and drawn: the same for every run.
PIXELS = 500 * 28**2  # Of the images that are looked at in one go.
SEARCHED = 500  # The picture's examples are found among so many.
SHOWN, COLUMNS = 24, 4  # Examples in the picture, in a row.
CROPS = 1  # Purpose of the random numbers of photographs.
DATA = Literal["embedded", "mnist_R", "mnist_RTS", "mnist_P", "mnist_E", "mnist_TC", "cub200",
               "class_folders"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(engine.RunConfig):
    """Classify distorted digits, or look-alike birds, with a network that learns where to look.

    Birds: --network fine_grained --transform location, embedded, or with --data cub200. The paper's
    training: --optimizer sgd --learning-rate 0.01 --steps 150000 --batch-size 256
    --normalize none. The lecture's derivative: --gradient paper
    """

    run: Path = Path("runs/spatial_transformer")
    data: DATA = "embedded"  # class_folders: your images, a folder in --root for each class.
    distortion: Literal["R", "RTS", "P", "E", "TC"] = "R"  # Of embedded digits.
    train_split: Literal["fit", "train"] = "fit"  # train: all, `validation` too; for --split test.
    runs: tuple[Path, ...] = ()  # More runs, same but for --seed: evaluate gives mean and spread.
    steps: int = 2000
    batch_size: int = 128
    epoch_steps: int = 500
    optimizer: Literal["adam", "sgd"] = "adam"  # adam: cosine decay; sgd: /10 after each third.
    localisation_rate: float = 1.0  # Learning rate of what decides where to look, over the other.
    network: Literal["cnn", "fcn", "st_cnn", "st_fcn", "fine_grained"] = "st_cnn"
    # What classifies; st_ has a transformer before it, fine_grained several, for look-alikes.
    transform: Literal["location", "attention", "affine", "projective", "tps"] = "affine"
    # What the transformer may do; location: move a window of fixed size.
    gradient: Literal["central", "right", "paper"] = "central"  # Of the sampler at whole pixels.
    padding: Literal["zeros", "border", "reflect", "symmetric"] = "zeros"  # Outside of the image.
    sampled: int = 0  # Side of what is handed on, px; 0: the image's, fine_grained half of it.
    reduce: int = 0  # Average what is handed on by so much; 0: 2 for RTS and TC, else not.
    filters: tuple[int, int] = (64, 128)  # Of the CNN's convolutions: about 400,000 weights.
    normalize: Literal["batch", "none"] = "batch"  # Behind the CNN's poolings; the paper has none.
    units: int = 256  # Of the FCN's layers; the paper has 128 to 256.
    parallel: int = 2  # fine_grained: transformers, each with a network for what it shows.
    backbone: Literal["small", "inception"] = "small"  # Of fine_grained, for each part.
    weights: Path | None = None  # Keras's inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5
    dropout: float = 0.0  # Before the classifier; the paper has 0.7 for birds, none for digits.
    size: int = 64  # Side of photographs and birds, px; the paper has 448.
    crop: float = 1.0  # Share of a photograph's side that a random training crop keeps.
    mirror: bool = True  # Train on photographs that are mirrored half of the time.


TINY = Config(steps=4, epoch_steps=2, batch_size=8, filters=(3, 4))


def build(config):
    if not 0 < config.crop <= 1:
        raise ValueError(f"Expected 0 < crop <= 1. Received: crop={config.crop}")
    if config.weights is not None and config.backbone != "inception":
        raise ValueError("Expected --backbone inception with --weights. "
                         f"Received: backbone={config.backbone!r}")
    shape, classes_count = shape_of(config), len(classes(config))
    transformer, classifier = networks(config, shape, classes_count)
    model = nets.SpatialTransformerNetwork(classifier, transformer, shape=shape)
    rates = {"optimizer": 1.0, "localisation_optimizer": config.localisation_rate}
    model.compile(**{name: optimizer(config, rates[name]) for name in model.updates()})
    return model


def optimizer(config, factor):
    rate, steps = config.learning_rate * factor, config.steps
    if config.optimizer == "sgd":
        third = max(steps // 3, 1)
        decay = keras.optimizers.schedules.ExponentialDecay(rate, third, 0.1, staircase=True)
        return keras.optimizers.SGD(decay)
    return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(rate, steps))


def networks(config, shape, count):
    """The transformer, or None, and the classifier behind it."""
    if config.network == "fine_grained":
        return fine_grained(config, shape, count)
    plain = config.network in ("cnn", "fcn")
    seen = shape if plain else (*[config.sampled or shape[0]] * 2, shape[2])
    reduce = 1 if plain else config.reduce or (2 if kind(config) in ("RTS", "TC") else 1)
    options = {"reduce": reduce, "dropout": config.dropout}
    if config.network.endswith("cnn"):
        normalise = config.normalize == "batch"
        classifier = nets.cnn(
            seen, count, filters=config.filters, normalise=normalise, **options
        )
        localisation = partial(nets.cnn_localisation, normalise=normalise)
    else:
        classifier = nets.fcn(seen, count, units=config.units, **options)
        localisation = nets.fcn_localisation
    return None if plain else transformer(config, localisation(shape), seen), classifier


def fine_grained(config, shape, count):
    """Parallel transformers with one localisation network, and a network for each part."""
    if shape[0] % 2:
        raise ValueError("Expected an even --size for --network fine_grained, which halves it. "
                         f"Received: size={shape[0]}")
    side = config.sampled or shape[0] // 2
    make = nets.trunk
    if config.backbone == "inception":
        make = partial(nets.inception, weights=config.weights)
    half = (shape[0] // 2, shape[1] // 2, shape[2])
    localisation = nets.part_localisation(make(half, name="whole"))
    parts = [make((side, side, shape[2]), name=f"part_{i}") for i in range(config.parallel)]
    classifier = nets.part_classifier(parts, count, dropout=config.dropout)
    several = {"count": config.parallel, "scale": 0.5}
    return transformer(config, localisation, (side, side), **several), classifier


def transformer(config, localisation, size, **options):
    return layers.SpatialTransformer(
        localisation, transform=config.transform, size=size[:2], padding=config.padding,
        gradient=config.gradient, image_gradient=False, **options,
    )


def kind(config):
    """How digits are distorted; None for photographs, which are not."""
    if config.data.startswith("mnist_"):
        if config.network == "fine_grained":
            raise ValueError("Expected photographs for --network fine_grained: embedded, cub200 or "
                             f"class_folders. Received: --data {config.data}")
        return config.data.removeprefix("mnist_")
    plain = config.data == "embedded" and config.network != "fine_grained"
    return config.distortion if plain else None


def shape_of(config):
    """Of the images: (h, w, c)."""
    if kind(config):
        return (*[distorted_mnist.SIDES[kind(config)]] * 2, 1)
    return config.size, config.size, 3


def classes(config):
    """Their names."""
    if kind(config):
        return list(digits.CLASSES)
    if config.data == "embedded":
        return list(look_alikes.CLASSES)
    return (cub200 if config.data == "cub200" else class_folders).names(config.root)


def train(model, config):
    pictured(config)  # What is wrong with these images is told now, not at the first picture.
    known = load(config, config.train_split)
    known = {name: known[name] for name in ("image", "label")}
    data = partial(photographs, known, config=config)
    if kind(config):
        data = partial(
            distorted_mnist.batches, known, kind=kind(config), batch_size=config.batch_size,
            seed=config.seed,
        )
    engine.fit(model, data, config, picture=lambda: draw(model, config))


def load(config, split):
    """A split as it is published: image uint8 [n, h, w, c], label int32 [n]."""
    return read(config.data, config.root, split, shape_of(config)[0], kind(config))


@cache
def read(data, root, split, size, kind):
    if kind:
        return digits.load(split) if data == "embedded" else mnist.load(root, split)
    if data == "cub200":
        return cub200.load(root, split, size=size)
    split = "train" if split == "fit" else split
    if data == "embedded":
        return look_alikes.load(split, size=size)
    return class_folders.load(root, split, size=size)


def photographs(known, *, config, start_step=0):
    """Endless batches of photographs, some mirrored, and cropped."""
    change = tf.autograph.experimental.do_not_convert(partial(changed, config=config))
    data = stream(
        known, batch_size=config.batch_size, seed=config.seed, start_step=start_step
    )
    return data.map(change, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(2)


def changed(batch, config):
    numbers = ops.example_uniform(batch["index"], 3, seed=config.seed, purpose=CROPS)
    image = batch["image"]
    if config.crop < 1:
        first = (1 - config.crop) * numbers[:, :2]
        boxes, rows = tf.concat([first, first + config.crop], 1), tf.range(tf.shape(image)[0])
        image = tf.image.crop_and_resize(image, boxes, rows, image.shape[1:3])
        image = tf.cast(tf.round(image), tf.uint8)
    if config.mirror:
        turned = tf.reshape(numbers[:, 2] < 0.5, [-1, 1, 1, 1])
        image = tf.where(turned, tf.reverse(image, [2]), image)
    return batch | {"image": image}


@lru_cache(2)
def measured(config, split):
    """What is measured: the split, digits distorted by a fixed seed."""
    known = load(config, split)
    if not kind(config):
        return known["image"], known["label"]
    return distorted_mnist.fixed(known["image"], kind=kind(config), seed=FIXED), known["label"]


def pictured(config):
    """What `draw` finds its examples in, as `measured`: of the test split where that is meant."""
    split = config.split if config.split == "test" else "validation"
    return measured(dataclasses.replace(config, run=Path(), runs=(), seed=0), split)


def parts(image):
    """Images [n, h, w, c], so many at a time as PIXELS allow, and one at least."""
    count = max(1, PIXELS // (image.shape[1] * image.shape[2]))
    return (image[i : i + count] for i in range(0, len(image), count))


def evaluate(model, config):
    """The error in percent; of several --runs their mean, and how far they spread."""
    own_validation = kind(config) or config.data == "cub200"
    if own_validation and config.train_split == "train" and config.split != "test":
        raise ValueError("Expected --split test, all else was trained on: --train-split train. "
                         f"Received: split={config.split}")
    models = [model, *(other(run, config) for run in config.runs)]
    errors = [error_percent(one, config) for one in models]
    name = metric(config)
    if len(errors) == 1:
        return {f"{name}_error_percent": errors[0]}
    return {
        f"{name}_error_percent": float(np.mean(errors)),
        f"{name}_standard_deviation": float(np.std(errors, ddof=1)),
        "runs": len(errors),
    }


def metric(config):
    """The network's name in metrics: cnn, st_cnn_affine, ..."""
    if config.network in ("cnn", "fcn", "fine_grained"):
        return config.network
    return f"{config.network}_{config.transform}"


def other(run, config):
    """The model of another run, which must be the same but for its seed."""
    file = run / "config.json"
    there = json.loads(file.read_text())["config"]
    own = json.loads((config.run / "config.json").read_text())["config"]
    free = {"run", "seed", "runs", "split", "root", "epoch_steps"}
    unlike = sorted(n for n in own if n not in free and there.get(n) != own[n])
    if unlike:
        raise ValueError(f"Expected --runs that differ in --seed alone. Received: {file}, "
                         f"{unlike[0]}={there.get(unlike[0])!r} instead of {own[unlike[0]]!r}")
    model = build(config)
    if not engine.restore(model, run / "checkpoints"):
        raise ValueError(f"{run}: has no checkpoint yet. Train it further")
    return model


def error_percent(model, config):
    """Share of the split's images that get a wrong class, in percent."""
    image, label = measured(dataclasses.replace(config, run=Path(), runs=(), seed=0), config.split)
    predict = tf.function(lambda x: model(model.pixels(x)), autograph=False)
    found = [predict(part).numpy().argmax(-1) for part in parts(image)]
    return float(100 * np.mean(np.concatenate(found) != label))


def draw(model, config):
    """Where the network looks, what it hands on, what it says: mistakes first, in red."""
    image, label = (known[:SEARCHED] for known in pictured(config))
    said = np.concatenate([model.look(tf.constant(part))["label"] for part in parts(image)])
    wrong, right = np.flatnonzero(said != label), np.flatnonzero(said == label)
    few, names = SHOWN // 3, classes(config)
    rows = np.concatenate([wrong[:few], right[: SHOWN - len(wrong[:few])], wrong[few:]])[:SHOWN]
    outlines, seen = looked_at(model, image[rows])
    pictures = [
        glimpse(image[row], outlines[i], seen[i], told(names, label[row], said[row]),
                label[row] == said[row])
        for i, row in enumerate(rows)
    ]
    return grid(pictures, COLUMNS if len(seen[0]) < 2 else 2, gap=6)


def looked_at(model, image):
    """Outlines and what lies in them, of images uint8 [n, h, w, c]; lists of none without."""
    if model.transformer is None:
        return [[]] * len(image), [[]] * len(image)
    shown = [tf.constant(part) for part in parts(image)]
    return (np.concatenate([model.border(part) for part in shown]),
            np.concatenate([model.look(part)["transformed"] for part in shown]))


def told(names, truth, said):
    """What the network said, and where it is wrong, what is true."""
    return names[said] if truth == said else f"{names[said]}  (it is: {names[truth]})"


def examples(config):
    """Digits or birds, one, three or two at a time."""
    if kind(config):
        image = digits.load("validation")["image"][:18]
        image = distorted_mnist.fixed(image, kind=kind(config), seed=FIXED)
    else:
        image = look_alikes.load("validation", size=config.size)["image"][:18]
    counts = (1, 1, 1, 1, 1, 1, 1, 3, 2)
    return [{"image": image[2 * i : 2 * i + n]} for i, n in enumerate(counts)]


def serve(model):
    image = tf.TensorSpec([None, *model.shape], tf.uint8, name="image")
    return {"serving_default": engine.Signature(model.look, {"image": image}, fit="stretch")}
