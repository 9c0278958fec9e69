"""PointNet: classes and parts of unordered sets of points (Qi et al., 2017)."""

import dataclasses
import json
from functools import partial
from pathlib import Path
from typing import Literal

import keras
import numpy as np
import tensorflow as tf

from tfvision import engine
from tfvision.data import digit_points, point_changes, point_tasks
from tfvision.data.stream import stream
from tfvision.data.synthetic import digits, rooms, solids
from tfvision.metrics import parts as scores
from tfvision.metrics import point_robustness, shape_distributions
from tfvision.models import pointnet
from tfvision.viz import ply, point_sets

TASK = "classification"
HEADLINE = ("error_percent", "accuracy", "instance_miou", "miou")
PART = 32  # Sets that are measured at a time.
SHOWN = 12  # Predictions in the picture.


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(engine.RunConfig):
    """Tell what a set of points shows, or which part each point belongs to.

    The lecture's sum (eq. 21) in place of the maximum (eq. 20): --symmetric sum. The paper's
    schedule: --steps 77000 --schedule steps; what differs besides is on the app's page.
    """

    run: Path = Path("runs/pointnet")
    data: Literal[
        "embedded", "mnist", "psb_watertight", "shapenet_aligned", "modelnet", "modelnet_hdf5",
        "shapenet_parts", "indoor3d", "shapes",
    ] = "embedded"  # shapes: your meshes or points, a folder in --root for each class.
    task: Literal["classify", "part", "semantic"] = "classify"  # part: of objects; semantic: rooms.
    train_split: Literal["fit", "train"] = "fit"  # train: `validation` too; for --split test.
    runs: tuple[Path, ...] = ()  # More runs, same but for --seed: evaluate gives mean and spread.
    steps: int = 600
    batch_size: int = 32
    schedule: Literal["cosine", "steps"] = "cosine"  # steps: x 0.7 each 200,000 sets, the code's.
    points: int = 1024  # Of each set.
    width: float = 0.25  # Of all layers, as a share of the paper's.
    symmetric: Literal["max", "sum", "mean"] = "max"  # What joins the points' features.
    input_transform: bool = True  # Align points by a T-Net.
    feature_transform: bool = True  # Align features by a T-Net.
    penalty: float = 1e-3  # Weight of |I - A A'|^2 of the feature transform.
    keep: float = 0.7  # Share of channels that dropout keeps.
    momentum: float = 0.9  # Of the batch norms' running averages.
    rotate: Literal[
        "none", "up", "any", "axes",
    ] = "none"  # Training sets turned: about z, or anyhow; axes: all sets, to their principal axes.
    turn: float = 180.0  # Largest angle about z, degrees.
    scale: float = 0.0  # Each axis stretched by up to 1 + this.
    warp: float = 0.0  # Sets bent at a few places, by angles of this deviation, rad.
    jitter: float = 0.01  # Deviation of every coordinate; clipped at 0.05.
    drop: float = 0.0  # Largest share of points that a training set lacks; not with parts.
    outliers: float = 0.0  # Largest share of points that lie anywhere; not with parts.
    votes: int = 1  # Evaluate: mean over so many rotations by --rotate; up: evenly within --turn.
    robustness: bool = False  # Evaluate: also with missing, wrong and moved points.
    sets: int = 0  # Evaluate: of so many, write critical and upper-bound sets as PLY.


TINY = Config(steps=4, epoch_steps=2, batch_size=8, points=48, width=0.06)


def build(config):
    point_tasks.check_task(config.data, config.task)
    check_shares(config)
    model = network(config)
    model.compile(optimizer=keras.optimizers.Adam(rate(config)))
    return model


def check_shares(config):
    """ValueError for changes of training sets that make no sense."""
    if not (0 <= config.drop <= 1 and 0 <= config.outliers <= 1 and config.scale >= 0):
        raise ValueError("Expected drop and outliers in 0..1 and scale >= 0. Received: "
                         f"drop={config.drop}, outliers={config.outliers}, scale={config.scale}")


def network(config):
    """The network of the task."""
    shared = {"width": config.width, "symmetric": config.symmetric, "momentum": config.momentum,
              "keep": config.keep, "penalty": config.penalty, "points": config.points,
              "seed": config.seed, "align": config.rotate == "axes"}
    align = {"input_transform": config.input_transform,
             "feature_transform": config.feature_transform}
    if config.task == "semantic":
        return pointnet.semantic_segmenter(len(classes(config)), **shared)
    if config.task == "part":
        return pointnet.part_segmenter(parts_of(config), **shared, **align)
    channels = 2 if config.data == "mnist" else 3
    return pointnet.classifier(len(classes(config)), channels=channels, **shared, **align)


def rate(config):
    """The learning rate by step."""
    if config.schedule == "cosine":
        return keras.optimizers.schedules.CosineDecay(config.learning_rate, config.steps)
    every = max(200_000 // config.batch_size, 1)
    drops = [i * every for i in range(1, config.steps // every + 2)]
    rates = [max(config.learning_rate * 0.7**i, 1e-5) for i in range(len(drops) + 1)]
    return keras.optimizers.schedules.PiecewiseConstantDecay(drops, rates)


def classes(config):
    """Names of what is told apart: of classes, or of parts."""
    return point_tasks.names(config.data, config.root, config.task)


def parts_of(config):
    """Which parts each category has: bool [categories, k]."""
    return point_tasks.parts(config.data, config.root)


def load(config, split):
    """A split: points float32 [n, p, d], label int32 [n], part int32 [n, p], as there are."""
    return point_tasks.load(config.data, config.root, split, config.task, config.points)


def train(model, config):
    known = load(config, config.train_split)
    load(config, shown(config))  # The pictures need it: a fault is told before hours are spent.
    known = {name: known[name] for name in point_tasks.wanted(config.task)}
    data = partial(batches, known, config=config)
    engine.fit(model, data, config, picture=lambda: draw(model, config))


def batches(known, start_step, *, config):
    """Endless training batches, changed at random."""
    data = stream(known, batch_size=config.batch_size, seed=config.seed, start_step=start_step)
    return data.map(partial(changed, config=config), tf.data.AUTOTUNE).prefetch(2)


def changed(batch, config):
    """A batch of as many points as the network sees, changed at random."""
    return point_changes.change(
        batch, points=config.points, seed=config.seed, rotate=config.rotate,
        turn=np.radians(config.turn), scale=config.scale, jitter=config.jitter,
        outliers=config.outliers, drop=config.drop, warp=config.warp,
    )


def evaluate(model, config):
    """Metrics on config.split; of several runs their mean, and the spread of the first metric."""
    if config.train_split == "train" and config.split in ("fit", "validation"):
        raise ValueError(f"Expected --split test, all else was trained on: --train-split train. "
                         f"Received: split={config.split}")
    found = [measure(model, config)] + [measure(other(run, config), config) for run in config.runs]
    if config.sets:
        write_sets(model, config)
    if not config.runs:
        return found[0]
    first = next(iter(found[0]))
    return {name: float(np.mean([one[name] for one in found])) for name in found[0]} | {
        f"{first}_spread": float(np.std([one[first] for one in found], ddof=1)),
        **{f"{first}_run_{i}": one[first] for i, one in enumerate(found, 1)},
    }


def other(run, config):
    """The model of another run, which must be the same but for its seed."""
    there, own = (json.loads((folder / "config.json").read_text())["config"]
                  for folder in (run, config.run))
    free = {"run", "seed", "runs", "split", "root", "epoch_steps", "votes", "robustness", "sets"}
    unlike = sorted(n for n in own if n not in free and there.get(n) != own[n])
    if unlike:
        raise ValueError(f"Expected --runs that differ in --seed alone. Received: {run}, "
                         f"{unlike[0]}={there.get(unlike[0])!r} instead of {own[unlike[0]]!r}")
    model = build(config)
    if not engine.restore(model, run / "checkpoints"):
        raise ValueError(f"{run}: has no checkpoint yet. Train it further")
    return model


def measure(model, config):
    """The metrics of one model."""
    truth = load(config, config.split)
    check_measured(config, truth["points"].shape[1])
    points = truth["points"][:, : config.points]
    if config.task != "classify":
        labels, part = segmented(model, points, truth), truth["part"][:, : config.points]
        if config.task == "semantic":
            return scores.scene_scores(labels, part, len(classes(config)))
        return scores.part_scores(labels, part, truth["label"], model.parts)
    best = voted(model, points, config).argmax(-1)
    found = scores.class_scores(best, truth["label"])
    if config.robustness:
        answer = probabilities(model)
        found |= point_robustness.accuracies(points, truth["label"], answer, part=PART)
    return found


def check_measured(config, most):
    """ValueError for what cannot be measured with these flags and sets of `most` points."""
    if config.points > most:
        raise ValueError(f"Expected --points of at most {most}, which --data {config.data} has. "
                         f"Received: points={config.points}")
    if config.task != "classify" and (config.votes > 1 or config.robustness):
        raise ValueError("Expected --task classify with --votes and --robustness. "
                         f"Received: task={config.task!r}")
    if config.robustness and config.data == "mnist":
        raise ValueError("Expected --robustness of points in random order; those of digits are in "
                         "rows, and repeated. Received: data='mnist'")


def segmented(model, points, truth):
    """The part of each point: int32 [n, p]."""
    found = []
    for i in range(0, len(points), PART):
        category = truth["label"][i : i + PART] if model.parts is not None else None
        found.append(model.segment(tf.constant(points[i : i + PART]), category)[0].numpy())
    return np.concatenate(found)


def voted(model, points, config):
    """Probabilities [n, k], the mean over config.votes rotations."""
    if config.votes < 1 or (config.votes > 1 and config.rotate == "none"):
        raise ValueError("Expected --votes 1, or more and --rotate up, any or axes. "
                         f"Received: votes={config.votes}, rotate={config.rotate!r}")
    if config.rotate == "axes":
        return flip_votes(model, points, config.votes)
    total = sum(classified(model, rotated(points, vote, config)) for vote in range(config.votes))
    return total / config.votes


def rotated(points, vote, config):
    """The sets turned for one of the votes: anyhow, the first not at all; or about z."""
    if config.rotate == "any":
        index = tf.range(len(points), dtype=tf.int64)
        turned = point_changes.turned(points, index, how="any", seed=vote).numpy()
        return turned if vote else points
    angles = np.full(len(points), angle(vote, config), np.float32)
    return point_changes.rotated(points, angles).numpy()


def angle(vote, config):
    """The angle of a vote, rad: all are evenly within --turn at either side."""
    return np.radians(config.turn) * (2 * vote + 1 - config.votes) / config.votes


def flip_votes(model, points, votes):
    """Probabilities [n, k], the mean over half turns about the principal axes."""
    flips = np.float32(point_changes.FLIPS)
    if votes > len(flips):
        raise ValueError(f"Expected at most {len(flips)} --votes with --rotate axes. Received: "
                         f"votes={votes}")
    along = in_parts(model.posed, points)
    return np.mean([in_parts(lambda part: tf.nn.softmax(model.logits(part)), along * flip)
                    for flip in flips[:votes]], 0)


def classified(model, points):
    """Probabilities [n, k] of sets, as the exported model gives them."""
    return in_parts(probabilities(model), points)


def probabilities(model):
    """What gives the probabilities of a batch of sets."""
    return lambda points: model.classify(points)[0]


def in_parts(function, points):
    """What a function of tensors says of all sets, some at a time."""
    parts = [points[i : i + PART] for i in range(0, len(points), PART)]
    return np.concatenate([function(tf.constant(part)).numpy() for part in parts])


def peers(config):
    """What needs no learning: the nearest shape by the distances of its points."""
    if config.task != "classify" or config.data == "mnist":
        return {}
    known, truth = load(config, config.train_split), load(config, config.split)
    near = shape_distributions.nearest_label(
        shape_distributions.d2(known["points"]), known["label"],
        shape_distributions.d2(truth["points"]),
    )
    return {"D2, nearest shape": scores.class_scores(near, truth["label"])}


def write_sets(model, config):
    """<run>/sets/<i>_points.ply, _critical.ply and _upper.ply of the split's first sets."""
    if config.task != "classify" or config.symmetric != "max":
        raise ValueError("Expected --task classify and --symmetric max with --sets. "
                         f"Received: task={config.task!r}, symmetric={config.symmetric!r}")
    points = load(config, config.split)["points"][: config.sets, : config.points]
    for i, (own, critical, upper) in enumerate(theorem_sets(model, points)):
        for name, found in (("points", own), ("critical", own[critical]), ("upper", upper)):
            ply.write_ply(config.run / "sets" / f"{i}_{name}.ply", found)
    print(f"Critical and upper-bound sets: {config.run / 'sets'}")


def theorem_sets(model, points):
    """Of each set: its points, which are critical bool [n], and its upper-bound set [m, d]."""
    places = point_sets.lattice(points.shape[-1])
    for own in in_parts(model.posed, points):
        one = tf.constant(own[np.newaxis])
        upper = places[model.below(one, tf.constant(places))[0]]
        yield own, model.critical(one).numpy()[0], upper


def draw(model, config):
    """Predictions, failures first; critical and upper-bound sets; robustness if measured."""
    known, names = load(config, shown(config)), classes(config)
    points = known["points"][:, : config.points]
    if config.task != "classify":
        few = slice(0, 4)
        labels = segmented(model, points[few], {n: rows[few] for n, rows in known.items()})
        return point_sets.parts(points[few], known["part"][few, : config.points], labels, names)
    some = points[:: max(len(points) // 96, 1)][:96]
    label = known["label"][:: max(len(points) // 96, 1)][:96]
    said = classified(model, some).argmax(-1)
    order = np.argsort(said == label, kind="stable")[:SHOWN]
    captions = [told(names, label[i], said[i]) for i in order]
    few = some[:: max(len(some) // 4, 1)][:4]
    sets = theorem_sets(model, few) if config.symmetric == "max" else ()
    return point_sets.page(some[order], captions, said[order] == label[order], list(sets),
                           point_robustness.series(measured(config)))


def shown(config):
    """The split in the pictures."""
    return "test" if config.split == "test" else "validation"


def told(names, truth, said):
    """What the network says, and where it is wrong, what is true."""
    return names[said] if truth == said else f"{names[said]} (it is: {names[truth]})"


def measured(config):
    """The metrics that `evaluate` left in the run folder."""
    file = config.run / "metrics.json"
    found = json.loads(file.read_text())["metrics"] if file.exists() else {}
    return found if "accuracy" in found else {}


def examples(config):
    """Sets of the embedded data, one, two or three at a time, of three sizes; no point twice."""
    n = config.points
    if config.task == "semantic":
        return [{"points": part} for part in pieces(rooms.load("validation", count=2 * n), n)]
    known = solids.load("validation", count=2 * n)
    if config.data == "mnist":
        points = digit_points.digit_points(digits.load("validation")["image"][:80], n)
        noise = np.random.default_rng(0).normal(0, 0.01, [80, 2 * n, 2]).astype(np.float32)
        known = {"points": np.concatenate([points, points], 1) + noise}
    found = [{"points": part} for part in pieces(known, n)]
    if config.task == "classify":
        return found
    count = len(parts_of(config))
    return [one | {"category": np.arange(len(one["points"]), dtype=np.int32) % count}
            for one in found]


def pieces(known, n):
    """Ten batches of points float32 [b, p, d]."""
    sizes = [(1, n)] * 7 + [(3, n), (2, n + n // 3), (1, 2 * n)]
    return [known["points"][3 * i : 3 * i + b, :p] for i, (b, p) in enumerate(sizes)]


def serve(model):
    specs = {"points": tf.TensorSpec([None, None, model.channels], tf.float32, name="points")}
    fixed = {"points": [1, model.points, model.channels]}
    if not model.pointwise:
        def classify(points):
            probabilities, critical = model.classify(points)
            return {"probabilities": probabilities, "critical": critical}

        return {"serving_default": engine.Signature(classify, specs, fixed)}
    if model.parts is not None:
        specs["category"] = tf.TensorSpec([None], tf.int32, name="category")
        fixed["category"] = [1]

    def segment(points, category=None):
        labels, probabilities = model.segment(points, category)
        return {"labels": labels, "probabilities": probabilities}

    return {"serving_default": engine.Signature(segment, specs, fixed)}

