"""ShapeNet's annotated parts: 16 categories of objects, 50 parts, text files (Yi et al., 2016)."""

import json
from pathlib import Path

import numpy as np

from tfvision.data import surfaces
from tfvision.data.files import DataError, choose_split, locate, read_bytes
from tfvision.data.hdf5 import lines

FOLDER = "shapenetcore_partanno_segmentation_benchmark_v0_normal"
PUBLISHER = "https://shapenet.cs.stanford.edu/media/" + FOLDER + ".zip"
LAYOUT = "synsetoffset2category.txt, train_test_split/*.json, 02691156/*.txt, ... as unpacked"
LICENCE = "ShapeNet terms: non-commercial research, not to be re-published"
LISTS = {"fit": ["train"], "validation": ["val"], "train": ["train", "val"], "test": ["test"]}
SPLITS, PARTS = tuple(LISTS), {"fit": "train", "validation": "train"}
COLUMNS = 7  # x, y, z, normal, part


def load(root=None, split="train", *, count=2048):
    """The objects of a split, in the order of the lists, turned so that z is up.

    split    "fit", "validation" and "test" are the publisher's lists; "train" is the first two
    count    points of each: some where the file has more, repeated where it has fewer
    return   points float32 [n, count, 3] in the unit sphere; label int32 [n], the category;
             part int32 [n, count], 0..49
    """
    choose_split(split, LISTS)
    root = _home(root)
    rows = [row for name in LISTS[split] for row in listed(root, name)]
    read = [read_file(file, count, seed) for seed, (file, _) in enumerate(rows)]
    points, parts = (np.stack(arrays) for arrays in zip(*read, strict=True))
    label = np.array([category for _, category in rows], np.int32)
    return {"points": points, "label": label, "part": parts}


def read_file(file, count, seed=0):
    """One object: float32 [count, 3], int32 [count]."""
    rows = surfaces.read_points(file, columns=COLUMNS)
    rows = rows[surfaces.chosen(len(rows), count, seed=seed)]
    part = rows[:, COLUMNS - 1]
    if (part != np.round(part)).any() or part.min() < 0 or part.max() > 255:
        raise DataError(f"{file}: column {COLUMNS}: expected the numbers of parts, 0 or more")
    x, y, z = surfaces.unit_sphere(rows[:, :3]).T
    return np.stack([x, -z, y], 1), part.astype(np.int32)


def listed(root, name):
    """(file, category) of each object in the publisher's list."""
    file = Path(root, "train_test_split", f"shuffled_{name}_file_list.json")
    folders = [line.split()[-1] for line in lines(Path(root, "synsetoffset2category.txt"))]
    try:
        words = [str(word).split("/")[-2:] for word in json.loads(read_bytes(file))]
        pairs = [(Path(root, a, f"{b}.txt"), folders.index(a)) for a, b in words]
    except (ValueError, TypeError) as error:
        raise DataError(f"{file}: no list of shape_data/FOLDER/NAME ({error})") from None
    if not pairs:
        raise DataError(f"{file}: names no object")
    return pairs


def names(root=None):
    """The categories, in the order of synsetoffset2category.txt."""
    file = _home(root) / "synsetoffset2category.txt"
    return [line.split()[0] for line in lines(file)]


def parts(examples, count):
    """Which parts each category has, as the examples show: bool [categories, parts]."""
    found = np.zeros([count, examples["part"].max() + 1], bool)
    for category, part in zip(examples["label"], examples["part"], strict=True):
        found[category, np.unique(part)] = True
    return found


def check(root=None):
    """Every fault of the data set, one line each, naming the file."""
    root = _home(root)
    for name in ("train", "val", "test"):
        try:
            for file, _ in listed(root, name):
                yield from _fault(file)
        except DataError as fault:
            yield str(fault)


def _fault(file):
    try:
        read_file(file, 1)
    except DataError as fault:
        yield str(fault)


def _home(root):
    return locate(root, FOLDER, publisher=PUBLISHER, layout=LAYOUT)
