"""SHREC 2007 Watertight: 302 closed meshes of 19 categories, poses not aligned (Giorgi et al.).

Read from a folder with split.csv, which tells category and split of each mesh. Neighbours in a
category are alike, and its last meshes are the test; so the last quarter of those for training is
for validation.
"""

import csv
from pathlib import Path

import numpy as np

from tfvision.data import shapes, surfaces
from tfvision.data.files import DataError, choose_split, locate, read_bytes

FOLDER = "psb_watertight"
PUBLISHER = "https://segeval.cs.princeton.edu"
LAYOUT = "split.csv (file,category,split) and the meshes it names, such as human/1.off"
LICENCE = "AIM@SHAPE general licence, for research; not to be re-published"
CLASSES = (
    "human", "cup", "glasses", "airplane", "ant", "chair", "octopus", "table", "teddy", "hand",
    "plier", "fish", "bird", "armadillo", "bust", "mech", "bearing", "vase", "fourleg",
)
SPLITS, PARTS = shapes.SPLITS, shapes.PARTS


def load(root=None, split="train", *, count=4096):
    """Points of the meshes of a split, in the order of split.csv.

    split    the file's "train" (226) and "test" (76); "fit" and "validation" are parts of "train"
    return   points float32 [n, count, 3] in the unit sphere; label int32 [n]
    """
    choose_split(split, SPLITS)
    root = locate(root, FOLDER, publisher=PUBLISHER, layout=LAYOUT)
    rows = [row for row in listed(root) if row["split"] == ("test" if split == "test" else "train")]
    if split in PARTS:
        rows = [
            row for name in CLASSES
            for row in part_of([r for r in rows if r["category"] == name], split)
        ]
    if not rows:
        raise DataError(f"{root / 'split.csv'}: names no mesh of the split {split!r}")
    label = np.array([CLASSES.index(row["category"]) for row in rows], np.int32)
    return {"points": surfaces.clouds([root / row["file"] for row in rows], count), "label": label}


def part_of(train, split):
    """Those of a category's training rows that are "fit" or, the last quarter, "validation"."""
    first = len(train) - len(train) // 4
    return train[first:] if split == "validation" else train[:first]


def names(root=None):
    """The classes."""
    return list(CLASSES)


def listed(root):
    """The rows of split.csv as dicts; DataError where it is not what LAYOUT says."""
    file = Path(root, "split.csv")
    rows = list(csv.DictReader(read_bytes(file).decode("utf-8", "replace").splitlines()))
    for number, row in enumerate(rows, 2):
        if not {"file", "category", "split"} <= {k for k, v in row.items() if k and v}:
            raise DataError(f"{file}: line {number}: expected file,category,split")
        if row["category"] not in CLASSES or row["split"] not in ("train", "test"):
            told = f"{row['category']}, {row['split']}"
            raise DataError(f"{file}: line {number}: unknown category or split ({told})")
    return rows


def check(root=None):
    """Every fault of the data set, one line each, naming the file."""
    root = locate(root, FOLDER, publisher=PUBLISHER, layout=LAYOUT)
    yield from surfaces.faults(root / row["file"] for row in listed(root))
