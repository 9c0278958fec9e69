"""Your own shapes with a folder for each class: meshes (OFF, OBJ, PLY, STL) or files of points.

In ModelNet's layout each class has the folders train/ and test/. Without them, every fifth file of
each class by path is for testing. Every fourth training file of a class is for validation; of
fewer than four, the last.
"""

from pathlib import Path

import numpy as np

from tfvision.data import surfaces
from tfvision.data.files import DataError, choose_split, locate

FOLDER = "shapes"
PUBLISHER = "you"
LAYOUT = "CLASS/train/any.off and CLASS/test/any.off, or CLASS/any.off (.obj, .ply, .stl, .txt, ..)"
LICENCE = "yours"
SPLITS = ("train", "test", "fit", "validation")
PARTS = {"fit": "train", "validation": "train"}


def load(root=None, split="train", *, count=4096):
    """Points of the shapes of a split, class by class, in the order of the paths.

    count    points of each shape; see surfaces.cloud
    return   points float32 [n, count, 3] in the unit sphere; label int32 [n], places in `names`
    """
    choose_split(split, SPLITS)
    return read(locate(root, FOLDER, publisher=PUBLISHER, layout=LAYOUT), split, count)


def read(root, split, count):
    """`load` of a folder that is there."""
    pairs = [
        (file, label) for label, name in enumerate(names(root))
        for file in of_class(Path(root, name), split)
    ]
    if not pairs:
        raise DataError(f"{root}: split {split!r} has no shapes. Expected: {LAYOUT}")
    files, labels = zip(*pairs, strict=True)
    return {"points": surfaces.clouds(files, count), "label": np.array(labels, np.int32)}


def names(root=None):
    """The classes, by name: the folders that hold shapes."""
    root = locate(root, FOLDER, publisher=PUBLISHER, layout=LAYOUT)
    found = sorted(f.name for f in root.iterdir() if f.is_dir() and every(f))
    if found and set(found) <= {"train", "test", "validation"}:
        raise DataError(f"{root}: expected {LAYOUT}, found {found} above the classes. Move train/ "
                        "and test/ into the folder of each class")
    if len(found) < 2:
        raise DataError(
            f"{root}: expected a folder of shapes for each of at least 2 classes, found {found}"
        )
    return found


def every(folder):
    """All files of shapes in and below a folder, by path."""
    return sorted(
        file for file in folder.rglob("*")
        if file.suffix.lower() in surfaces.ENDINGS and not file.name.startswith(".")
    )


def of_class(folder, split):
    """The files of one class that belong to a split."""
    parted = [folder / part for part in ("train", "test") if (folder / part).is_dir()]
    files = every(folder)
    test = every(folder / "test") if parted else files[4::5]
    if split == "test":
        return test
    held = set(test)
    train = every(folder / "train") if parted else [file for file in files if file not in held]
    return part_of(train, split)


def part_of(train, split):
    """Those of the training rows that belong to "train", "fit" or "validation".

    A row that is alone belongs to all of them.
    """
    held_out = train[3::4] or train[-1:]
    if split == "fit":
        return [row for row in train if row not in held_out] or train
    return held_out if split == "validation" else train


def check(root=None):
    """Every fault of the data set, one line each, naming the file."""
    root = locate(root, FOLDER, publisher=PUBLISHER, layout=LAYOUT)
    for name in names(root):
        yield from surfaces.faults(every(Path(root, name)))
