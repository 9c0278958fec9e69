"""Mask R-CNN: boxes, names and pixels of objects, in one network (He et al., 2017)."""

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
HEADLINE = ("box_ap", "mask_ap", "box_ap50")
TOLERANCE = {"box_ap": 0.03, "box_ap50": 0.03, "mask_ap": 0.03}
STRIDES = (4, 8, 16, 32)
DRAWN = 32  # Images of which the picture shows the worst and the best.
CALIBRATED = 64  # Images that int8 is calibrated on.


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(engine.RunConfig):
    """Find objects and their pixels: Faster R-CNN, and a mask for each class in every box.

    The lecture's losses: --mask-distance l2 --rule lecture --coding corners --distance l2.
    """

    run: Path = Path("runs/mask_rcnn")
    data: Literal[
        "embedded", "scenes", "penn_fudan", "coco", "coco_tiny"
    ] = "embedded"  # scenes is the same; coco, penn_fudan: also your own images, in --root.
    train_split: str = "train"  # The part of the data that is learned from.
    images: int = 2000  # Of the procedural scenes, at most.
    steps: int = 1500
    batch_size: int = 8
    size: tuple[int, int] = (128, 128)  # Rows and columns that images are letterboxed to.
    network: Literal["own", "torchvision"] = "own"  # torchvision: what `tfvision convert` made.
    backbone: str = "small"  # Or a network of keras.applications, such as ResNet50.
    weights: str | None = None  # Of that network: a file, or "imagenet", which Keras downloads.
    widths: tuple[int, ...] = (16, 32, 48, 80)  # Channels of the small one's levels.
    depth: int = 1  # Residual blocks of each of its levels.
    channels: int = 48  # Of the feature pyramid.
    convolutions: tuple[int, ...] = (48, 48)  # Channels of the second stage's convolutions, and
    units: tuple[int, ...] = (96,)  # units of its dense layers.
    mask_width: int = 32  # Channels of the mask head,
    mask_depth: int = 2  # its convolutions before the map is doubled,
    mask_size: int = 14  # rows and columns of what it sees; of a mask twice as many.
    anchors: tuple[float, ...] = (16, 32, 64)  # Sizes at the strides 4, 8, 16, 32, px.
    ratios: tuple[float, ...] = (0.5, 1.0, 2.0)  # Height / width of the anchors.
    rule: Literal["paper", "lecture"] = "paper"  # lecture: all anchors learn, any overlap counts.
    coding: Literal["delta", "corners"] = "delta"  # What the second stage says of a box.
    distance: Literal["smooth_l1", "l1", "l2", "giou"] = "smooth_l1"  # Of boxes in its loss.
    mask_distance: Literal["cross_entropy", "l2"] = "cross_entropy"  # l2: the lecture's.
    regions: int = 64  # Regions per image that the second stage learns from.
    proposed: int = 100  # Boxes per image that the first stage gives out; twice, while training.
    count: int = 100  # Most objects of an image.
    flip: float = 0.5  # Augmentation: share of mirrored images.
    scale: tuple[float, float] = (0.8, 1.25)  # Augmentation: smallest and largest size.
    stretch: float = 0.0  # Augmentation: largest logarithm of the aspect.
    colour: float = 0.2  # Augmentation: largest relative change of light and colour.
    hue: float = 0.0  # Augmentation: largest turn of the hues, of 1.
    mosaic: float = 0.0  # Augmentation: share of images made of four.
    copy_paste: float = 0.0  # Share of images that get objects of others.
    bad_boxes: Literal["skip", "refuse"] = "skip"  # What `tfvision doctor` would report.
    tflite: Path | None = None  # Evaluate, draw: this exported file in place of the network.


TINY = Config(
    steps=4, epoch_steps=2, batch_size=2, size=(32, 32), widths=(2, 3, 4), channels=4,
    convolutions=(), units=(6,), mask_width=2, mask_depth=1, mask_size=4, anchors=(8, 16),
    ratios=(1.0,), regions=8, proposed=5, count=4, images=12,
)


def build(config):
    options = {
        "size": config.size,
        "sizes": config.anchors,
        "ratios": config.ratios,
        "rule": config.rule,
        "coding": config.coding,
        "distance": config.distance,
        "mask_distance": config.mask_distance,
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
    k = len(classes(config))
    return faster_rcnn.FasterRCNN(
        backbones.pyramid(body_of(config), channels=config.channels),
        proposals.network(config.channels, len(config.ratios)),
        roi_heads.box_head(
            classes=k, channels=config.channels, convolutions=config.convolutions,
            units=config.units,
        ),
        roi_heads.mask_head(
            classes=k, channels=config.channels, size=config.mask_size, width=config.mask_width,
            depth=config.mask_depth,
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
    """A split: an ObjectSet with masks."""
    found = object_tasks.load(config.data, config.root, split, images=config.images,
                              bad_boxes=config.bad_boxes)
    if not found.masked:
        raise ValueError(f"Expected masks in the split {split} of {config.data}. Received: none")
    return found


def classes(config):
    """The names of the classes."""
    if config.network == "torchvision":
        return tuple(converted.read(config.run)["classes"])
    return object_tasks.classes(config.data, config.root, config.train_split, config.bad_boxes)


def train(model, config):
    change = partial(
        box_augment.change, flip=config.flip, scale=config.scale, stretch=config.stretch,
        brightness=config.colour, contrast=config.colour, saturation=config.colour,
        hue=config.hue, mosaic=config.mosaic, copy_paste=config.copy_paste,
    )
    data = partial(
        object_batches,
        load(config, config.train_split),
        size=config.size,
        batch_size=config.batch_size,
        seed=config.seed,
        mask_side=4 * config.mask_size,
        change=change,
    )
    engine.fit(model, data, config, picture=lambda: draw(model, config))


def evaluate(model, config):
    """COCO's average precision of boxes and masks, and what kinds of errors cost of box AP50."""
    truth = load(config, config.split)
    results = found(model, truth, config)
    return detection.scores(truth, results, masks=True) | detection_errors.costs(truth, results)


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
