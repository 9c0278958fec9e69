"""Shapes of ten ShapeNet categories, aligned: OBJ, y up, unit diagonal (Chang et al., 2015).

Of each category every third model by name, from the second on, is for testing.
"""

import numpy as np

from tfvision.data import shapes, surfaces
from tfvision.data.files import DataError, choose_split, locate

FOLDER = "shapenet_aligned"
PUBLISHER = "https://shapenet.org"
LAYOUT = "CATEGORY/MODEL.obj, such as chair/1.obj"
LICENCE = "ShapeNet terms: non-commercial research, not to be re-published"
SPLITS, PARTS = shapes.SPLITS, shapes.PARTS


def load(root=None, split="train", *, count=4096):
    """Points of the models of a split, turned so that z is up.

    return   points float32 [n, count, 3] in the unit sphere; label int32 [n], places in `names`
    """
    choose_split(split, SPLITS)
    root = locate(root, FOLDER, publisher=PUBLISHER, layout=LAYOUT)
    pairs = [
        (file, label) for label, name in enumerate(names(root))
        for file in _files(root / name, split)
    ]
    if not pairs:
        raise DataError(f"{root}: split {split!r} has no models. Expected: {LAYOUT}")
    files, label = zip(*pairs, strict=True)
    x, y, z = np.moveaxis(surfaces.clouds(files, count), -1, 0)
    return {"points": np.stack([x, -z, y], -1), "label": np.array(label, np.int32)}


def names(root=None):
    """The categories, by name."""
    return shapes.names(locate(root, FOLDER, publisher=PUBLISHER, layout=LAYOUT))


def _files(folder, split):
    files = shapes.every(folder)
    if split == "test":
        return files[1::3]
    return shapes.part_of([file for i, file in enumerate(files) if i % 3 != 1], split)


def check(root=None):
    """Every fault of the data set, one line each, naming the file."""
    root = locate(root, FOLDER, publisher=PUBLISHER, layout=LAYOUT)
    return shapes.check(root)
