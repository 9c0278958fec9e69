"""R-CNN: every given box is warped and looked at by itself (Girshick et al., 2014)."""

import dataclasses
import time
from functools import partial
from pathlib import Path
from typing import Literal

import keras
import numpy as np
import tensorflow as tf

from tfvision import engine
from tfvision.data import object_tasks
from tfvision.data.proposal_batches import in_order_with, proposal_batches
from tfvision.data.synthetic import scenes
from tfvision.engine.app import is_chief
from tfvision.engine.found_page import found_page
from tfvision.metrics import detection, detection_errors
from tfvision.models import rcnn, rcnn_fitting
from tfvision.runtime import proposal_cache
from tfvision.runtime.predict import with_room
from tfvision.runtime.progress import Progress
from tfvision.runtime.proposals import propose

TASK = "detection"
HEADLINE = ("ap", "ap50", "proposal_recall")
DRAWN = 32  # Images of which the picture shows the worst and the best.


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(engine.RunConfig):
    """Find objects: selective search proposes boxes, and each is warped and classified.

    A network learns to tell the classes of warped boxes; after the last step, linear support
    vector machines and regressions of the boxes are fitted to its features.
    """

    run: Path = Path("runs/rcnn")
    data: Literal[
        "embedded", "bccd", "penn_fudan", "coco", "coco_tiny", "voc", "yolo"
    ] = "embedded"  # coco, voc, yolo: your own images, in --root.
    train_split: str = "train"  # The part of the data that is learned from.
    images: int = 400  # Of the embedded data, at most.
    steps: int = 2000
    batch_size: int = 4
    size: tuple[int, int] = (128, 128)  # Rows and columns that images are letterboxed to.
    search: Literal["fast", "quality"] = "fast"  # How selective search looks for boxes.
    proposed: int = 300  # Boxes of an image that are looked at, at most.
    proposals: Path | None = None  # Folder that keeps them [default: in the run's].
    processes: int = 2  # Of the search, at a time.
    side: int = 48  # Of a warped box, px; the paper's is 227.
    widths: tuple[int, ...] = (16, 32, 64, 96)  # Channels at the strides 2, 4, 8, 16.
    depth: int = 1  # Residual blocks at each stride from 4 on.
    units: int = 128  # Of the dense layer, whose output the machines read.
    regions: int = 32  # Regions per image that are learned from, a quarter of them objects.
    judge: Literal["svm", "softmax"] = "svm"  # What gives the scores; both are trained.
    regress: bool = True  # Whether found boxes are moved.
    cost: float = 1e-3  # Of a negative inside the margin.
    positive_weight: float = 2.0  # How many times as much a positive costs.
    penalty: float = 1000.0  # Of the regressions' weights.
    count: int = 100  # Most objects of an image.
    flip: float = 0.5  # Augmentation: share of mirrored images.
    colour: float = 0.2  # Augmentation: largest relative change of light and colour.
    bad_boxes: Literal["skip", "refuse"] = "skip"  # What `tfvision doctor` would report.


TINY = Config(
    steps=4, epoch_steps=2, batch_size=2, size=(32, 32), side=8, widths=(2, 3), depth=0, units=6,
    regions=8, proposed=20, count=4, images=12,
)


def build(config):
    if config.regions > config.proposed:
        raise ValueError("Expected at least as many --proposed as --regions. "
                         f"Received: {config.proposed} and {config.regions}")
    model = rcnn.RCNN(
        rcnn.network(
            side=config.side, widths=config.widths, depth=config.depth, units=config.units
        ),
        classes=len(classes(config)),
        size=config.size,
        judge=config.judge,
        regress=config.regress,
        seed=config.seed,
        regions=config.regions,
        proposed=config.proposed,
        count=config.count,
    )
    rate = keras.optimizers.schedules.CosineDecay(
        config.learning_rate, config.steps, warmup_target=config.learning_rate,
        warmup_steps=config.steps // 20,
    )
    model.compile(optimizer=keras.optimizers.AdamW(rate, weight_decay=1e-4, global_clipnorm=10.0))
    return model


def load(config, split):
    """A split: an ObjectSet."""
    return object_tasks.load(config.data, config.root, split, images=config.images,
                             bad_boxes=config.bad_boxes)


def classes(config):
    """The names of the classes."""
    return object_tasks.classes(config.data, config.root, config.train_split, config.bad_boxes)


def searched(truth, config):
    """Boxes float32 [n, 4] of each image of a set, px, and the seconds of one search."""
    name = f"{config.data}_{config.search}_{config.size[0]}x{config.size[1]}_{config.proposed}.npz"
    return proposal_cache.cached(
        (config.proposals or config.run / "proposals") / name, truth, config.size,
        mode=config.search, count=config.proposed, processes=config.processes,
    )


def train(model, config):
    """Fine-tunes the network, then fits what reads it; an ended training is not fitted again."""
    truth = load(config, config.train_split)
    boxes = searched(truth, config)[0]
    data = partial(
        proposal_batches,
        truth,
        boxes,
        size=config.size,
        count=config.proposed,
        batch_size=config.batch_size,
        seed=config.seed,
        flip=config.flip,
        colour=config.colour,
    )
    engine.fit(model, data, config, picture=lambda: draw(model, config))
    if not model.is_fitted():
        progress = Progress("machines and regressions: batch",
                            2 * -(-len(truth) // config.batch_size))
        batches = partial(told, truth, boxes, config, progress)
        rcnn_fitting.fit(model, batches, cost=config.cost, penalty=config.penalty,
                         positive_weight=config.positive_weight)
        engine.save(model, config.run / "checkpoints", config.steps, write=is_chief(model))


def told(truth, boxes, config, progress):
    """Every image once, in batches, with a line that tells how many are done."""
    for batch in ordered(truth, boxes, config):
        yield batch
        progress.step()


def ordered(truth, boxes, config):
    """Every image once, in batches."""
    return in_order_with(truth, boxes, size=config.size, count=config.proposed,
                         batch_size=config.batch_size)


def evaluate(model, config):
    """COCO's average precision and recall, what errors cost, how good the proposals are.

    ms_per_image is the network's time for one of a batch, proposal_seconds that of one search.
    """
    require_fitted(model)
    truth = load(config, config.split)
    boxes, seconds = searched(truth, config)
    results, spent = found(model, truth, boxes, config)
    return (
        detection.scores(truth, results)
        | detection_errors.costs(truth, results)
        | detection.proposal_scores(truth, boxes)
        | {"ms_per_image": 1000 * spent, "proposal_seconds": seconds}
    )


def require_fitted(model):
    """Refuses a training that ended before its last stage."""
    if not model.is_fitted():
        raise ValueError("Expected a whole training: its machines and regressions are missing. "
                         "The same `tfvision train` command goes on with it")


def found(model, truth, boxes, config):
    """What the model finds in every image, a list of detection.Found, and its seconds for one."""
    results, spent = [], []
    judge = config.judge if model.is_fitted() else "softmax"  # In a training's pictures.
    for batch in ordered(truth, boxes, config):
        begin = time.perf_counter()
        outputs = model.look(tf.constant(batch["image"]), tf.constant(batch["proposals"]), judge)
        outputs = {name: value.numpy() for name, value in outputs.items()}
        spent.append((time.perf_counter() - begin) / config.batch_size)
        results += detection.found(outputs, batch)
    return results, float(np.median(spent))


def draw(model, config):
    """Images with what was found in them, the worst first, and where precision is lost."""
    truth = load(config, config.split)[:DRAWN]
    return found_page(truth, found(model, truth, searched(truth, config)[0], config)[0])


def examples(config):
    """Scenes with proposals, one to three at a time, of three sizes."""
    pixels = np.stack([one.pixels() for one in scenes.load("validation", count=8)])
    parts = [pixels[i : i + size] for i, size in enumerate((1, 1, 1, 1, 2, 3))]
    parts += [pixels[:1, 10:100], pixels[2:4, ::2, ::2]]
    return [{"image": part, "proposals": np.stack([
        with_room(propose(one, count=64), 64) for one in part])} for part in parts]


def serve(model):
    require_fitted(model)
    specs = {
        "image": tf.TensorSpec([None, None, None, 3], tf.uint8, name="image"),
        "proposals": tf.TensorSpec([None, None, 4], tf.float32, name="proposals"),
    }
    fixed = {"image": [1, *model.size, 3], "proposals": [1, model.proposed, 4]}
    signature = engine.Signature(
        lambda image, proposals: model.detect(image, proposals), specs, fixed=fixed,
        fit="letterbox",
    )
    return {"serving_default": signature}
