"""ModelNet40 as 2048 points of each model, in HDF5 files, as PointNet's authors publish it."""

from pathlib import Path

import numpy as np

from tfvision.data import shapes
from tfvision.data.files import DataError, choose_split, locate
from tfvision.data.hdf5 import lines, read_arrays
from tfvision.data.surfaces import unit_sphere

FOLDER = "modelnet40_ply_hdf5_2048"
PUBLISHER = "https://shapenet.cs.stanford.edu/media/modelnet40_ply_hdf5_2048.zip"
LAYOUT = "shape_names.txt, train_files.txt, test_files.txt, ply_data_train0.h5, ... as unpacked"
LICENCE = "for academic research; the models' copyright is their authors'"
SPLITS, PARTS = shapes.SPLITS, shapes.PARTS


def load(root=None, split="train"):
    """The models of a split, in the order of the files, y up as published turned to z up.

    split    the publisher's "train" (9840) and "test" (2468); "fit" is "train" without every
             fourth model of each class, which are "validation"
    return   points float32 [n, 2048, 3] in the unit sphere; label int32 [n]
    """
    choose_split(split, SPLITS)
    root = _home(root)
    parts = [read_file(file) for file in files(root, "test" if split == "test" else "train")]
    points = np.concatenate([part[0] for part in parts])
    label = np.concatenate([part[1] for part in parts])
    if split in PARTS:
        rows = np.concatenate([
            shapes.part_of(list(np.flatnonzero(label == k)), split) for k in np.unique(label)
        ]).astype(int)
        points, label = points[np.sort(rows)], label[np.sort(rows)]
    known = len(names(root))
    if label.min() < 0 or label.max() >= known:
        raise DataError(f"{root}: a label of {split!r} is none of the {known} in shape_names.txt")
    return {"points": points, "label": label}


def read_file(file):
    """Points float32 [n, p, 3] in the unit sphere, z up, and labels int32 [n] of one file."""
    found = read_arrays(file, data=(None, 3), label=(1,))
    x, y, z = np.moveaxis(found["data"], -1, 0)
    points = np.stack([unit_sphere(one) for one in np.stack([x, -z, y], -1)])
    return points, found["label"][:, 0].astype(np.int32)


def files(root, split):
    """The files that train_files.txt or test_files.txt lists, by their names alone."""
    return [Path(root, Path(line).name) for line in lines(Path(root, f"{split}_files.txt"))]


def names(root=None):
    """The classes, in the order of their numbers."""
    return lines(_home(root) / "shape_names.txt")


def check(root=None):
    """Every fault of the data set, one line each, naming the file."""
    root = _home(root)
    known = len(names(root))
    for file in [*files(root, "train"), *files(root, "test")]:
        try:
            label = read_file(file)[1]
            if label.min() < 0 or label.max() >= known:
                yield f"{file}: a label is none of the {known} in shape_names.txt"
        except DataError as fault:
            yield str(fault)


def _home(root):
    return locate(root, FOLDER, publisher=PUBLISHER, layout=LAYOUT)
