"""Fast R-CNN: given boxes read one map of the whole image (Girshick, 2015)."""

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
from tfvision.engine.found_page import found_page
from tfvision.metrics import detection, detection_errors
from tfvision.models import backbones, fast_rcnn, roi_heads
from tfvision.runtime import proposal_cache
from tfvision.runtime.predict import with_room
from tfvision.runtime.proposals import propose

TASK = "detection"
HEADLINE = ("ap", "ap50", "proposal_recall")
DRAWN = 32  # Images of which the picture shows the worst and the best.


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(engine.RunConfig):
    """Find objects: selective search proposes boxes, and a network says what they show.

    The lecture's loss: --coding corners --distance l2.
    """

    run: Path = Path("runs/fast_rcnn")
    data: Literal[
        "embedded", "bccd", "penn_fudan", "coco", "coco_tiny", "voc", "yolo"
    ] = "embedded"  # coco, voc, yolo: your own images, in --root.
    train_split: str = "train"  # The part of the data that is learned from.
    images: int = 400  # Of the embedded data, at most.
    steps: int = 1500
    batch_size: int = 4
    size: tuple[int, int] = (128, 128)  # Rows and columns that images are letterboxed to.
    search: Literal["fast", "quality"] = "fast"  # How selective search looks for boxes.
    proposed: int = 300  # Boxes of an image that are looked at, at most.
    proposals: Path | None = None  # Folder that keeps them [default: in the run's].
    processes: int = 2  # Of the search, at a time.
    widths: tuple[int, ...] = (16, 32, 64)  # Channels at the strides 2, 4, 8: the last is the map.
    depth: int = 2  # Residual blocks at each stride from 4 on.
    units: tuple[int, ...] = (128, 128)  # Of the dense layers behind the pooled regions.
    pooling: Literal["max", "align"] = "max"  # How a region is read: RoI pooling, RoIAlign.
    coding: Literal["delta", "corners"] = "delta"  # What is said of a box.
    distance: Literal["smooth_l1", "l1", "l2", "giou"] = "smooth_l1"  # Of boxes in the loss.
    box_weight: float = 1.0  # Of that distance.
    regions: int = 64  # Regions per image that are learned from.
    background: float = 0.0  # Least overlap of those of background; the paper's is 0.1.
    count: int = 100  # Most objects of an image.
    flip: float = 0.5  # Augmentation: share of mirrored images.
    colour: float = 0.2  # Augmentation: largest relative change of light and colour.
    bad_boxes: Literal["skip", "refuse"] = "skip"  # What `tfvision doctor` would report.


TINY = Config(
    steps=4, epoch_steps=2, batch_size=2, size=(32, 32), widths=(2, 3), depth=0, units=(6,),
    regions=8, proposed=20, count=4, images=12,
)


def build(config):
    stride = 2 ** len(config.widths)
    if config.size[0] % stride or config.size[1] % stride:
        raise ValueError(f"Expected --size in multiples of {stride}. Received: {config.size}")
    if config.regions > config.proposed:
        raise ValueError("Expected at least as many --proposed as --regions. "
                         f"Received: {config.proposed} and {config.regions}")
    body = backbones.small(widths=config.widths, depth=config.depth)
    model = fast_rcnn.FastRCNN(
        fast_rcnn.one_map(body),
        roi_heads.box_head(
            classes=len(classes(config)), channels=config.widths[-1], units=config.units
        ),
        size=config.size,
        stride=stride,
        pooling=config.pooling,
        coding=config.coding,
        distance=config.distance,
        box_weight=config.box_weight,
        background=config.background,
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
    truth = load(config, config.train_split)
    data = partial(
        proposal_batches,
        truth,
        searched(truth, config)[0],
        size=config.size,
        count=config.proposed,
        batch_size=config.batch_size,
        seed=config.seed,
        flip=config.flip,
        colour=config.colour,
    )
    engine.fit(model, data, config, picture=lambda: draw(model, config))


def evaluate(model, config):
    """COCO's average precision and recall, what errors cost, how good the proposals are.

    ms_per_image is the network's time for one of a batch, proposal_seconds that of one search.
    """
    truth = load(config, config.split)
    boxes, seconds = searched(truth, config)
    results, spent = found(model, truth, boxes, config)
    return (
        detection.scores(truth, results)
        | detection_errors.costs(truth, results)
        | detection.proposal_scores(truth, boxes)
        | {"ms_per_image": 1000 * spent, "proposal_seconds": seconds}
    )


def found(model, truth, boxes, config):
    """What the model finds in every image, a list of detection.Found, and its seconds for one."""
    results, spent = [], []
    for batch in in_order_with(truth, boxes, size=config.size, count=config.proposed,
                               batch_size=config.batch_size):
        begin = time.perf_counter()
        outputs = model.look(tf.constant(batch["image"]), tf.constant(batch["proposals"]))
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
