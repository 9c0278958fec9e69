"""Siamese networks: embeddings that tell which images are alike (Koch et al., 2015)."""

import dataclasses
from functools import cache, partial
from pathlib import Path
from typing import Literal

import keras
import numpy as np
import tensorflow as tf

from tfvision import engine, ops
from tfvision.data import affine, omniglot
from tfvision.data.pk_batches import pk_batches
from tfvision.data.synthetic import glyphs
from tfvision.layers.embedding import WeightedL1
from tfvision.metrics import one_shot, retrieval
from tfvision.models import siamese
from tfvision.viz import embeddings

TASK = "embedding"
RUNS = "runs_1_10"  # The split that holds the publisher's one-shot trials.
TRIALS = 100  # Runs of 20 trials, for splits that have none of their own.
SHOWN = 10  # Characters on the map.


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(engine.RunConfig):
    """Embed characters so that those of one class lie together, of others apart.

    The lecture's loss, contrastive, is the default. Koch's own network and loss:
    --network koch --loss cross_entropy --mining none --share 0.5 --elastic 0 --no-rotations
    """

    run: Path = Path("runs/siamese")
    data: Literal["embedded", "omniglot"] = "embedded"
    split: Literal["validation", "evaluation", "runs_1_10"] = "validation"  # For `evaluate`.
    train_split: Literal["train", "background"] = "train"  # background: `validation` as well.
    steps: int = 600
    batch_size: int = 64  # Of P classes with K = --per-class examples each.
    per_class: int = 4
    alphabet: int = 8  # Classes of one alphabet that come together; P is a multiple of it.
    rotations: bool = True  # Alphabets turned by 90, 180 and 270 degrees are further alphabets.
    network: Literal["small", "koch"] = "small"  # koch: 39 million weights, 105 x 105 px.
    size: int = 35  # Side of the image that the small network sees, px.
    widths: tuple[int, ...] = (32, 64, 128, 128)  # Channels of the small network's levels.
    depth: int = 1  # Convolutions of each level but the first.
    dimensions: int = 64  # Numbers of the small network's embedding.
    unit_length: bool = True  # Whether the small network's embeddings have length 1.
    loss: Literal["contrastive", "cross_entropy"] = "contrastive"  # cross_entropy: Koch's head.
    margin: float = 1.0  # Distance that unequal pairs should have, of the contrastive loss.
    mining: Literal["none", "hard"] = "hard"  # none: all pairs of two classes; exact with workers.
    hardest: int = 3  # Pairs of each kind that an example mines.
    turn: float = 10.0  # Augmentation: largest rotation, degrees.
    shear: float = 0.3  # Largest shear, px per px.
    scale: float = 0.2  # Largest change of each axis.
    shift: float = 2.0  # Largest shift, px of 105.
    elastic: float = 1.5  # Deformation at a 4 x 4 grid, px of 105 (standard deviation).
    share: float = 1.0  # How likely each change is.


TINY = Config(
    steps=4, epoch_steps=2, batch_size=16, per_class=2, alphabet=2, size=15, widths=(4, 4),
    dimensions=5,
)


def build(config):
    if config.batch_size % (2 * config.per_class):
        raise ValueError(
            f"Expected a batch of an even number of classes, {config.per_class} examples each. "
            f"Received: batch_size={config.batch_size}"
        )
    model = siamese.Siamese(
        network(config),
        head=WeightedL1() if config.loss == "cross_entropy" else None,
        margin=config.margin,
        mining=config.mining,
        group=2 * config.per_class,
        count=config.hardest,
    )
    rate = keras.optimizers.schedules.CosineDecay(config.learning_rate, config.steps)
    model.compile(optimizer=keras.optimizers.Adam(rate))
    return model


def network(config):
    """The network that makes embeddings."""
    if config.network == "koch":
        return siamese.koch()
    return siamese.small(
        size=config.size,
        widths=config.widths,
        depth=config.depth,
        dimensions=config.dimensions,
        unit_length=config.unit_length,
    )


def train(model, config):
    known = load(config.data, config.root, config.train_split)
    data = partial(
        pk_batches,
        {name: known[name] for name in ("image", "label", "alphabet")},
        classes=config.batch_size // config.per_class,
        per_class=config.per_class,
        seed=config.seed,
        family="alphabet",
        together=config.alphabet,
        variants=4 if config.rotations else 1,
        augment=partial(drawn_anew, config=config, size=model.net.input_shape[1]),
    )
    engine.fit(model, data, config, picture=lambda: draw(model, config))


@cache
def load(data, root, split):
    """A split: image uint8 [n, 105, 105, 1], label, alphabet and drawer int32 [n]."""
    return omniglot.load(root, split) if data == "omniglot" else glyphs.load(split)


@cache
def trials(data, root, split):
    """The one-shot runs of a split: the publisher's ten, or as many like them from its images."""
    if split != RUNS:
        return one_shot.runs(load(data, root, split), count=TRIALS)
    found = omniglot.one_shot_runs(root) if data == "omniglot" else glyphs.one_shot_runs(count=10)
    return found[:10]


def drawn_anew(batch, config, size):
    """A batch as other hands might have drawn it, as ink 0..1 of the size the network sees."""
    numbers = ops.example_uniform(batch["index"], affine.NUMBERS, seed=config.seed)
    image = affine.small_affine(
        1 - tf.cast(batch["image"], tf.float32) / 255,
        numbers,
        size=size,
        turn=np.radians(config.turn),
        shear=config.shear,
        scale=config.scale,
        shift=config.shift,
        share=config.share,
        elastic=config.elastic,
        quarters=batch.get("variant"),
    )
    return {"image": image, "label": batch["label"]}


def evaluate(model, config):
    """One-shot error; on whole alphabets also how well distances find and verify characters."""
    if (config.train_split, config.split) == ("background", "validation"):
        raise ValueError(
            "Expected --split evaluation or runs_1_10, for all of background was trained on. "
            "Received: split=validation"
        )
    runs = trials(config.data, config.root, config.split)
    scores = one_shot_scores(*compared(model, runs))
    if config.split == RUNS or model.head is not None:
        return scores
    known = load(config.data, config.root, config.split)
    vectors = embedded(model, known["image"])
    recalls = retrieval.recall_at_k(vectors, known["label"], ks=(1, 5))
    scores |= {f"recall_at_{k}": value for k, value in recalls.items()}
    return scores | within_alphabets(vectors, known)


def within_alphabets(vectors, known):
    """Verification of pairs of one alphabet, the mean over alphabets."""
    found = [
        retrieval.verification(vectors[rows], known["label"][rows])
        for rows in (known["alphabet"] == a for a in np.unique(known["alphabet"]))
    ]
    return {f"verification_{key}": np.mean([one[key] for one in found]) for key in found[0]}


def compared(model, runs):
    """Distances [20, 20] and answers [20] of each run: two lists."""
    found = []
    for run in runs:
        test, training = (embedded(model, run[part]) for part in ("test", "training"))
        found.append(model.distances(tf.constant(test), tf.constant(training)).numpy())
    return found, [run["answer"] for run in runs]


def one_shot_scores(distances, answers):
    return {
        "one_shot_error": one_shot.one_shot_error(distances, answers),
        "one_shot_standard_error": one_shot.standard_error(distances, answers),
    }


def embedded(model, images):
    """Embeddings float32 [n, d] of images uint8 [n, h, w, 1], some at a time."""
    parts = [images[i : i + 200] for i in range(0, len(images), 200)]
    return np.concatenate([model.embed(tf.constant(part)).numpy() for part in parts])


def peers(config):
    """The same trials decided by pixels, and by the modified Hausdorff distance of the ink."""
    ways = {
        "nearest pixels": one_shot.pixel_distances,
        "modified Hausdorff": one_shot.hausdorff_distances,
    }
    if config.split != RUNS:
        ways.pop("modified Hausdorff")  # Minutes for so many trials.
    runs = trials(config.data, config.root, config.split)
    answers = [run["answer"] for run in runs]
    return {
        name: one_shot_scores([way(run["test"], run["training"]) for run in runs], answers)
        for name, way in ways.items()
    }


def draw(model, config):
    """One-shot trials with what was taken for what, and a map of an alphabet's characters."""
    runs = trials(config.data, config.root, config.split)[:2]
    parts = [
        (f"run {i + 1}: to name, found, and what was right", embeddings.one_shot(
            run["test"], run["training"], matrix, answer, most=12
        ))
        for i, (run, matrix, answer) in enumerate(zip(runs, *compared(model, runs), strict=True))
    ]
    known, rows = alphabet(config)
    vectors = embedded(model, known["image"][rows])
    chart = embeddings.plane(vectors, known["image"][rows], known["label"][rows], side=720)
    title = f"{SHOWN} characters by {len(rows) // SHOWN} drawers, on the plane of largest variance"
    return embeddings.page(*parts, (title, chart))


def alphabet(config):
    """A split and the rows of the first characters of its first alphabet."""
    split = "evaluation" if config.split == RUNS else config.split
    known = load(config.data, config.root, split)
    first = known["alphabet"] == known["alphabet"][0]
    labels = np.unique(known["label"][first])[:SHOWN]
    return known, np.flatnonzero(np.isin(known["label"], labels))


def examples(config):
    """Characters, one, two or three at a time, of two sizes."""
    image = glyphs.load("validation")["image"][::37]
    parts = [image[i : i + size] for i, size in enumerate((1, 1, 1, 1, 2, 3, 3))]
    return [{"image": part} for part in (*parts, image[:2, 10:90, 5:100], image[8:9, ::2, ::2])]


def serve(model):
    def embed(image):
        return {"embedding": model.embed(image)}

    c = model.net.input_shape[-1]
    specs = {"image": tf.TensorSpec([None, None, None, c], tf.uint8, name="image")}
    signature = engine.Signature(
        embed, specs, fixed={"image": [1, omniglot.SIDE, omniglot.SIDE, c]}, fit="stretch"
    )
    return {"serving_default": signature, "embed": signature}
