"""Siamese networks: embeddings that tell which images are alike (Koch et al., 2015)."""

import dataclasses
import json
from functools import cache, partial
from pathlib import Path
from typing import Literal

import keras
import numpy as np
import tensorflow as tf

from tfvision import engine, ops
from tfvision.data import affine, mnist, omniglot
from tfvision.data.pk_batches import pk_batches
from tfvision.data.synthetic import digits, glyphs
from tfvision.engine.alarm import Alarm
from tfvision.layers.embedding import WeightedL1
from tfvision.losses import metric
from tfvision.losses.batch import BatchLoss, triplets
from tfvision.metrics import one_shot, retrieval
from tfvision.models import siamese
from tfvision.viz import embeddings

TASK = "embedding"
HEADLINE = ("one_shot_error", "recall_at_1", "accuracy")
RUNS = "runs_1_10"  # The split that holds the publisher's one-shot trials.
TRIALS = 100  # Runs of 20 trials, for splits that have none of their own.
DIGIT_RUNS = 40  # Runs of 10 trials on digits, which makes Koch's 400.
SHOWN = 10  # Characters on the map.
DRAWN = 2000  # Digits among which those of the picture are looked for.
COLLAPSE = (
    "all images get nearly one embedding (mean_distance is under a tenth of --margin): the "
    "training has collapsed. Lower --learning-rate, or choose another --mining or --loss"
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(engine.RunConfig):
    """Embed characters so that those of one class lie together, of others apart.

    The lecture's loss, contrastive, is the default. Koch's own network and loss:
    --network koch --loss cross_entropy --mining none --share 0.5 --elastic 0 --no-rotations
    FaceNet's triplets: --loss triplet --mining semihard --margin 0.2 --distance sql2
    """

    run: Path = Path("runs/siamese")
    data: Literal["embedded", "omniglot", "mnist"] = "embedded"
    # For `evaluate`. mnist: validation, test, or one_shot, for runs that have seen no digit.
    split: Literal["validation", "evaluation", "runs_1_10", "test", "one_shot"] = "validation"
    train_split: Literal["train", "background"] = "train"  # background: `validation` as well.
    steps: int = 600
    batch_size: int = 64  # Of P classes with K = --per-class examples each.
    per_class: int = 4  # Images of each class in a batch (K of P x K).
    alphabet: int = 8  # Classes of one alphabet that come together; P is a multiple of it.
    rotations: bool = True  # Alphabets turned by 90, 180 and 270 degrees are further alphabets.
    network: Literal["small", "koch"] = "small"  # koch: 39 million weights, 105 x 105 px.
    size: int = 35  # Side of the image that the small network sees, px.
    widths: tuple[int, ...] = (32, 64, 128, 128)  # Channels of the small network's levels.
    depth: int = 1  # Convolutions of each level but the first.
    dimensions: int = 64  # Numbers of the small network's embedding.
    unit_length: bool = True  # Whether the small network's embeddings have length 1.
    loss: Literal["contrastive", "triplet", "npairs", "lifted", "cross_entropy"] = "contrastive"
    # Of distances; cross_entropy: Koch's, of weighted differences.
    form: Literal["lecture", "hadsell", "tfa", "linear"] = "lecture"  # Of the contrastive loss.
    margin: float = 1.0  # Distance that others should keep; FaceNet's triplets: 0.2.
    mining: Literal["none", "hard", "semihard", "semihard_tfa", "all"] = "hard"  # See the page.
    hardest: int = 3  # Pairs of each kind that an example mines.
    soft: bool = False  # triplet, mining hard or all: ln(1 + exp(x)) in place of the margin.
    distance: Literal["l2", "sql2", "cosine"] = "l2"  # triplet: sql2 is the square.
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
    check(config)
    pairs = config.loss in ("contrastive", "cross_entropy")
    model = siamese.Siamese(
        network(config),
        head=WeightedL1() if config.loss == "cross_entropy" else None,
        batch_loss=batch_loss(config),
        margin=config.margin,
        form=config.form,
        mining=config.mining if pairs else "none",
        group=2 * config.per_class,
        count=config.hardest,
        bright_ink=trained_on(config) == "mnist",
    )
    rate = keras.optimizers.schedules.CosineDecay(config.learning_rate, config.steps)
    model.compile(optimizer=keras.optimizers.Adam(rate))
    return model


def check(config):
    """ValueError for batches that cannot be dealt."""
    classes, rest = divmod(config.batch_size, config.per_class)
    if rest or classes % 2:
        raise ValueError(
            f"Expected a batch of an even number of classes, {config.per_class} examples each. "
            f"Received: batch_size={config.batch_size}"
        )
    if trained_on(config) == "mnist" and classes > len(mnist.CLASSES):
        raise ValueError(
            f"Expected at most {len(mnist.CLASSES)} digits in a batch: a larger --per-class. "
            f"Received: batch_size={config.batch_size}, per_class={config.per_class}"
        )
    if config.soft and config.loss != "triplet":
        raise ValueError(f"Expected --loss triplet for --soft. Received: loss={config.loss}")


def batch_loss(config):
    """The loss of a whole batch; None where that is of pairs."""
    if config.loss == "npairs":
        return BatchLoss(metric.npairs_of)
    if config.loss == "lifted":
        return BatchLoss(metric.lifted_structure, margin=config.margin)
    if config.loss == "triplet":
        options = {"margin": config.margin, "soft": config.soft, "distance": config.distance}
        return triplets(config.mining, **options)
    return None


def trained_on(config):
    """The data set that the run was trained on, which --data of `evaluate` need not be."""
    file = Path(config.run, "config.json")
    return json.loads(file.read_text())["config"]["data"] if file.exists() else config.data


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
    alphabets = {} if config.data == "mnist" else {
        "family": "alphabet",
        "together": config.alphabet,
        "variants": 4 if config.rotations else 1,
    }
    data = partial(
        pk_batches,
        {name: known[name] for name in ("image", "label", "alphabet") if name in known},
        classes=config.batch_size // config.per_class,
        per_class=config.per_class,
        seed=config.seed,
        **alphabets,
        augment=partial(drawn_anew, config=config, model=model),
    )
    alarm = Alarm("collapsed", 0.5, COLLAPSE)
    engine.fit(model, data, config, picture=lambda: draw(model, config), extra=[alarm])


@cache
def load(data, root, split):
    """A split: image uint8 [n, h, w, 1], label int32 [n]; of characters alphabet and drawer."""
    if data == "mnist":  # As of Omniglot, `train` leaves `validation` out.
        return mnist.load(root, {"train": "fit", "background": "train"}.get(split, split))
    return omniglot.load(root, split) if data == "omniglot" else glyphs.load(split)


@cache
def trials(data, root, split):
    """The one-shot runs of a split: the publisher's ten, or as many like them from its images."""
    if data == "mnist":
        return one_shot.runs_of_classes(load(data, root, "test"), count=10 * DIGIT_RUNS)
    if split != RUNS:
        return one_shot.runs(load(data, root, split), count=TRIALS)
    found = omniglot.one_shot_runs(root) if data == "omniglot" else glyphs.one_shot_runs(count=10)
    return found[:10]


def drawn_anew(batch, config, model):
    """A batch as other hands might have drawn it, as ink 0..1 of the size the network sees."""
    numbers = ops.example_uniform(batch["index"], affine.NUMBERS, seed=config.seed)
    pixel = batch["image"].shape[1] / omniglot.SIDE
    image = affine.small_affine(
        model.shade(batch["image"]),
        numbers,
        size=model.net.input_shape[1],
        turn=np.radians(config.turn),
        shear=config.shear,
        scale=config.scale,
        shift=config.shift * pixel,
        share=config.share,
        elastic=config.elastic * pixel,
        quarters=batch.get("variant"),
    )
    return {"image": image, "label": batch["label"]}


def evaluate(model, config):
    """One-shot error; on whole data sets also how well distances find and verify classes."""
    refuse(model, config)
    if config.data == "mnist":
        measure = told_apart if config.split == "one_shot" else retrieved
        return measure(model, config)
    runs = trials(config.data, config.root, config.split)
    scores = one_shot.scores(*compared(model, runs))
    if config.split == RUNS or model.head is not None:
        return scores
    known = load(config.data, config.root, config.split)
    vectors = embedded(model, known["image"])
    recalls = retrieval.recall_at_k(vectors, known["label"], ks=(1, 5))
    scores |= {f"recall_at_{k}": value for k, value in recalls.items()}
    pairs = retrieval.verification_within(vectors, known["label"], known["alphabet"])
    return scores | {f"verification_{name}": value for name, value in pairs.items()}


def refuse(model, config):
    """ValueError for what says nothing about images that were not trained on."""
    everything = config.train_split == "background" and trained_on(config) == config.data
    if everything and config.split == "validation":
        raise ValueError(
            "Expected a --split that was not trained on, as all of background was. "
            "Received: split=validation"
        )
    if model.bright_ink and (config.data != "mnist" or config.split == "one_shot"):
        raise ValueError(
            "Expected --data mnist --split validation or test for a run that was trained on mnist. "
            f"Received: data={config.data}, split={config.split}"
        )


def retrieved(model, config):
    """How well digits find and verify digits."""
    if model.head is not None:
        raise ValueError("Expected a run without a head: digits are compared by distances alone. "
                         "Received: loss=cross_entropy")
    known = load("mnist", config.root, config.split)
    vectors = embedded(model, as_known(model, config, known["image"]))
    return retrieval.scores(vectors, known["label"])


def as_known(model, config, images):
    """Images as the network knows them: Omniglot's are dark on bright, MNIST's bright on dark."""
    return 255 - images if config.data == "mnist" and not model.bright_ink else images


def told_apart(model, config):
    """The digits of one-shot trials named."""
    runs = [
        run | {part: as_known(model, config, run[part]) for part in ("training", "test")}
        for run in trials("mnist", config.root, config.split)
    ]
    return one_shot.accuracies(*compared(model, runs), first=DIGIT_RUNS)


def compared(model, runs):
    """Distances [20, 20] and answers [20] of each run: two lists."""
    tests, trainings = (
        np.split(embedded(model, np.concatenate([run[part] for run in runs])), len(runs))
        for part in ("test", "training")
    )
    pairs = zip(tests, trainings, strict=True)
    found = [model.distances(*map(tf.constant, pair)).numpy() for pair in pairs]
    return found, [run["answer"] for run in runs]


def embedded(model, images):
    """Embeddings float32 [n, d] of images uint8 [n, h, w, 1], some at a time."""
    parts = [images[i : i + 200] for i in range(0, len(images), 200)]
    return np.concatenate([model.embed(tf.constant(part)).numpy() for part in parts])


def peers(config):
    """The same decided by pixels, and trials by the modified Hausdorff distance of the ink."""
    if config.data == "mnist" and config.split != "one_shot":
        known = load("mnist", config.root, config.split)
        pixels = known["image"].reshape(len(known["image"]), -1) / 255
        return {"nearest pixels": retrieval.scores(pixels, known["label"])}
    ways = {
        "nearest pixels": one_shot.pixel_distances,
        "modified Hausdorff": one_shot.hausdorff_distances,
    }
    if config.split != RUNS:
        ways.pop("modified Hausdorff")  # Minutes for so many trials.
    runs = trials(config.data, config.root, config.split)
    answers = [run["answer"] for run in runs]
    digital = partial(one_shot.accuracies, first=DIGIT_RUNS)
    scores = digital if config.data == "mnist" else one_shot.scores
    return {
        name: scores([way(run["test"], run["training"]) for run in runs], answers)
        for name, way in ways.items()
    }


def draw(model, config):
    """One-shot trials with what was taken for what, and a map of an alphabet's characters."""
    if config.data == "mnist":
        return draw_digits(model, config)
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


def draw_digits(model, config):
    """Digits with the nearest of their split, those whose nearest is wrong, and the map of some."""
    split = "test" if config.split == "one_shot" else config.split
    known = {name: rows[:DRAWN] for name, rows in load("mnist", config.root, split).items()}
    vectors = embedded(model, as_known(model, config, known["image"]))
    return embeddings.search_page(vectors, 255 - known["image"], known["label"])


def alphabet(config):
    """A split and the rows of the first characters of its first alphabet."""
    split = "evaluation" if config.split == RUNS else config.split
    known = load(config.data, config.root, split)
    first = known["alphabet"] == known["alphabet"][0]
    labels = np.unique(known["label"][first])[:SHOWN]
    return known, np.flatnonzero(np.isin(known["label"], labels))


def examples(config):
    """Drawings, one, two or three at a time, of two sizes."""
    digital = trained_on(config) == "mnist"
    image = (digits if digital else glyphs).load("validation")["image"][::37]
    image = image.repeat(2, 0) if digital else image
    parts = [image[i : i + size] for i, size in enumerate((1, 1, 1, 1, 2, 3, 3))]
    h, w = image.shape[1:3]
    cut = image[:2, h // 10 : -h // 8, w // 20 : -w // 20]
    return [{"image": part} for part in (*parts, cut, image[8:9, ::2, ::2])]


def serve(model):
    def embed(image):
        return {"embedding": model.embed(image)}

    side = model.net.input_shape[1] if model.bright_ink else omniglot.SIDE
    c = model.net.input_shape[-1]
    specs = {"image": tf.TensorSpec([None, None, None, c], tf.uint8, name="image")}
    signature = engine.Signature(embed, specs, fixed={"image": [1, side, side, c]}, fit="stretch")
    return {"serving_default": signature, "embed": signature}


def gallery(model):
    """The embeddings uint8 [b, h, w, c] -> [b, d] that `export --gallery` compares by distance."""
    if model.head is not None:
        raise ValueError("Expected a run without a head for --gallery: items are compared by "
                         "distances alone. Received: loss=cross_entropy")
    return model.embed
