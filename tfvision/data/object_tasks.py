"""Which data sets of objects there are, read once per process."""

import importlib
from functools import cache

from tfvision.data.synthetic import scenes

SCENES = ("embedded", "scenes")  # Two names of the procedural ones.


def load(data, root, split, *, images=2000, bad_boxes="skip"):
    """A split: an ObjectSet.

    data       "embedded" or "scenes", the procedural ones, or the name of a reader
    images     of the scenes, at most
    bad_boxes  "skip" or "refuse" what `tfvision doctor` would report
    """
    if data in SCENES:
        most = scenes.SPLITS[split][1] if split in scenes.SPLITS else 1
        return scenes.load(split, count=min(images, most))
    return read(data, root, split, bad_boxes)


@cache
def read(data, root, split, bad_boxes):
    return importlib.import_module(f"tfvision.data.{data}").load(root, split, bad_boxes=bad_boxes)


def classes(data, root, split, bad_boxes="skip"):
    """The names of the classes."""
    return scenes.CLASSES if data in SCENES else read(data, root, split, bad_boxes).classes
