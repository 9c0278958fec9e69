"""Faster R-CNN: boxes of objects, from proposals of its own (Ren et al., 2015)."""

import dataclasses
from functools import partial
from pathlib import Path
from typing import Literal

import keras
import numpy as np
import tensorflow as tf

from tfvision import engine, runtime
from tfvision.data import box_augment, object_tasks
from tfvision.data.object_batches import in_order, object_batches
from tfvision.data.synthetic import scenes
from tfvision.engine import converted
from tfvision.engine.found_page import found_page
from tfvision.metrics import detection, detection_errors
from tfvision.models import backbones, faster_rcnn, proposals, roi_heads, torchvision_rcnn

TASK = "detection"
HEADLINE = ("ap", "ap50")
TOLERANCE = {"ap": 0.03, "ap50": 0.02}  # For `tfvision verify`: between two trainings.
STRIDES = (4, 8, 16, 32)
DRAWN = 32  # Images of which the picture shows the worst and the best.
CALIBRATED = 64  # Images that int8 is calibrated on.


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(engine.RunConfig):
    """Find objects: a network proposes boxes, and its second stage says what they show.

    The lecture's losses: --rule lecture --coding corners --distance l2.
    """

    run: Path = Path("runs/faster_rcnn")
    data: Literal[
        "embedded", "bccd", "penn_fudan", "coco", "coco_tiny", "voc", "yolo"
    ] = "embedded"  # coco, voc, yolo: your own images, in --root.
    train_split: str = "train"  # The part of the data that is learned from.
    images: int = 2000  # Of the embedded data, at most.
    steps: int = 1500
    batch_size: int = 8
    size: tuple[int, int] = (128, 128)  # Rows and columns that images are letterboxed to.
    network: Literal["own", "torchvision"] = "own"  # torchvision: what `tfvision convert` made.
    backbone: str = "small"  # Or a network of keras.applications, such as ResNet50.
    weights: str | None = None  # Of that network: a file, or "imagenet", which Keras downloads.
    widths: tuple[int, ...] = (16, 32, 64, 96, 128)  # Channels of the small one's levels.
    depth: int = 1  # Residual blocks of each of its levels.
    channels: int = 64  # Of the feature pyramid.
    units: tuple[int, ...] = (256, 256)  # Of the second stage's dense layers.
    anchors: tuple[float, ...] = (16, 32, 64, 128)  # Sizes at the strides 4, 8, 16, 32, px.
    ratios: tuple[float, ...] = (0.5, 1.0, 2.0)  # Height / width of the anchors.
    rule: Literal["paper", "lecture"] = "paper"  # lecture: all anchors learn, any overlap counts.
    coding: Literal["delta", "corners"] = "delta"  # What the second stage says of a box.
    distance: Literal["smooth_l1", "l1", "l2", "giou"] = "smooth_l1"  # Of boxes in its loss.
    regions: int = 64  # Regions per image that the second stage learns from.
    proposed: int = 100  # Boxes per image that the first stage gives out; twice, while training.
    count: int = 100  # Most objects of an image.
    flip: float = 0.5  # Augmentation: share of mirrored images.
    scale: tuple[float, float] = (0.8, 1.25)  # Augmentation: smallest and largest size.
    colour: float = 0.2  # Augmentation: largest relative change of light and colour.
    mosaic: float = 0.0  # Augmentation: share of images made of four.
    bad_boxes: Literal["skip", "refuse"] = "skip"  # What `tfvision doctor` would report.
    tflite: Path | None = None  # Evaluate, draw: this exported file in place of the network.


TINY = Config(
    steps=4, epoch_steps=2, batch_size=2, size=(32, 32), widths=(2, 3, 4), channels=4, units=(6,),
    anchors=(8, 16), ratios=(1.0,), regions=8, proposed=5, count=4, images=12,
)


def build(config):
    options = {
        "size": config.size,
        "sizes": config.anchors,
        "ratios": config.ratios,
        "rule": config.rule,
        "coding": config.coding,
        "distance": config.distance,
        "seed": config.seed,
        "regions": config.regions,
        "proposed": (2 * config.proposed, config.proposed),
        "count": config.count,
    }
    if config.network == "torchvision":
        told = converted.read(config.run)
        model = torchvision_rcnn.detector(told["network"], told["kept"], **options)
    else:
        model = own(config, options)
    rate = keras.optimizers.schedules.CosineDecay(
        config.learning_rate, config.steps, warmup_target=config.learning_rate,
        warmup_steps=config.steps // 20,
    )
    model.compile(optimizer=keras.optimizers.AdamW(rate, weight_decay=1e-4, global_clipnorm=10.0))
    return model


def own(config, options):
    """The detector that the flags describe."""
    return faster_rcnn.FasterRCNN(
        backbones.pyramid(body_of(config), channels=config.channels),
        proposals.network(config.channels, len(config.ratios)),
        roi_heads.box_head(
            classes=len(classes(config)), channels=config.channels, units=config.units
        ),
        strides=STRIDES[: len(config.anchors)],
        **options,
    )


def body_of(config):
    """The backbone, with a map for each anchor size."""
    levels = len(config.anchors)
    last = STRIDES[levels - 1]
    if config.size[0] % last or config.size[1] % last:
        raise ValueError(f"Expected --size in multiples of {last}. Received: {config.size}")
    if config.backbone == "small":
        return backbones.small(widths=config.widths[: levels + 1], depth=config.depth)
    return backbones.of_applications(
        config.backbone, weights=config.weights, strides=STRIDES[:levels]
    )


def load(config, split):
    """A split: an ObjectSet."""
    return object_tasks.load(config.data, config.root, split, images=config.images,
                             bad_boxes=config.bad_boxes)


def classes(config):
    """The names of the classes."""
    if config.network == "torchvision":
        return tuple(converted.read(config.run)["classes"])
    return object_tasks.classes(config.data, config.root, config.train_split, config.bad_boxes)


def train(model, config):
    change = partial(
        box_augment.change, flip=config.flip, scale=config.scale, brightness=config.colour,
        contrast=config.colour, saturation=config.colour, mosaic=config.mosaic,
    )
    data = partial(
        object_batches,
        load(config, config.train_split),
        size=config.size,
        batch_size=config.batch_size,
        seed=config.seed,
        change=change,
    )
    engine.fit(model, data, config, picture=lambda: draw(model, config))


def evaluate(model, config):
    """COCO's average precision and recall, what kinds of errors cost how much of AP50."""
    truth = load(config, config.split)
    results = found(model, truth, config)
    return detection.scores(truth, results) | detection_errors.costs(truth, results)


def found(model, truth, config):
    """What the model finds in every image of a set: a list of detection.Found."""
    look, together = looks(model, config)
    results = []
    for batch in in_order(truth, size=config.size, batch_size=together):
        results += detection.found(look(batch["image"]), batch)
    return detection.renamed(results, classes(config), truth.classes)


def looks(model, config):
    """What looks at letterboxed images, and at how many: the network, or an exported file."""
    if config.tflite is None:
        return model.look, config.batch_size
    exported = runtime.load(config.tflite)
    return lambda image: exported.run(image=image), 1


def draw(model, config):
    """Images with what was found in them, the worst first, and where precision is lost."""
    truth = load(config, config.split)[:DRAWN]
    return found_page(truth, found(model, truth, config))


def examples(config):
    """Scenes, one to three at a time, of three sizes."""
    pixels = np.stack([record.pixels() for record in scenes.load("validation", count=16)])
    parts = [pixels[i : i + size] for i, size in enumerate((1, 1, 1, 1, 2, 3))]
    return [{"image": part} for part in (*parts, pixels[8:9, 10:100], pixels[9:11, ::2, ::2])]


def calibration(config):
    """Training images, whose ranges the variant int8 is made for."""
    known = load(config, config.train_split)[:CALIBRATED]
    return [{"image": batch["image"]} for batch in in_order(known, size=config.size, batch_size=1)]


def serve(model):
    specs = {"image": tf.TensorSpec([None, None, None, 3], tf.uint8, name="image")}
    signature = engine.Signature(
        lambda image: model.detect(image), specs, fixed={"image": [1, *model.size, 3]},
        fit="letterbox",
    )
    return {"serving_default": signature}
