"""A corner of COCO 2017: 32 training and 30 validation images with all that the format knows."""

from tfvision.data import annotations, coco
from tfvision.data.files import choose_split, locate

FOLDER = "coco_tiny"
PUBLISHER = "https://github.com/lizhogn/tiny_coco_dataset"
LAYOUT = coco.LAYOUT
LICENCE = coco.LICENCE
SPLITS = coco.SPLITS


def load(root=None, split="train", *, bad_boxes="skip"):
    """The objects of a split, as coco.load; 80 classes, 284 and 226 objects."""
    choose_split(split, SPLITS)
    root = locate(root, FOLDER, publisher=PUBLISHER, layout=LAYOUT)
    return annotations.load(coco.read, root, split, bad_boxes)


def check(root=None):
    """Every fault of the data set, one line each, naming the file and the annotation."""
    root = locate(root, FOLDER, publisher=PUBLISHER, layout=LAYOUT)
    yield from annotations.check(coco.read, root, SPLITS)
