"""Rooms of Stanford (S3DIS) in blocks of 1 m, in HDF5 files as PointNet's authors cut them.

Area 5 is for testing, area 6 for validation.
"""

from pathlib import Path

import numpy as np

from tfvision.data.files import DataError, choose_split, locate
from tfvision.data.hdf5 import lines, read_arrays

FOLDER = "indoor3d_sem_seg_hdf5_data"
PUBLISHER = "https://shapenet.cs.stanford.edu/media/indoor3d_sem_seg_hdf5_data.zip"
LAYOUT = "all_files.txt, room_filelist.txt, ply_data_all_0.h5, ... as unpacked"
LICENCE = "for academic research, by agreement (buildingparser.stanford.edu)"
CLASSES = ("ceiling", "floor", "wall", "beam", "column", "window", "door", "table", "chair",
           "sofa", "bookcase", "board", "clutter")
SPLITS = {"train": "12346", "test": "5", "fit": "1234", "validation": "6"}  # Areas.
PARTS = {"fit": "train", "validation": "train"}


def load(root=None, split="train"):
    """The blocks of a split's areas, in the order of the files.

    return   points float32 [n, 4096, 9], (x, y, z, red, green, blue, place in the room);
             part int32 [n, 4096]
    """
    choose_split(split, SPLITS)
    root = _home(root)
    parts = [read_file(file) for file in files(root)]
    points, label = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    rooms = lines(root / "room_filelist.txt")
    if len(rooms) != len(points):
        told = f"names {len(rooms)} rooms for {len(points)} blocks"
        raise DataError(f"{root / 'room_filelist.txt'}: {told}")
    mine = np.array([room.startswith(tuple(f"Area_{a}_" for a in SPLITS[split])) for room in rooms])
    if not mine.any():
        raise DataError(f"{root / 'room_filelist.txt'}: names no room of the split {split!r}")
    return {"points": points[mine].astype(np.float32), "part": label[mine]}


def read_file(file):
    """Points [n, p, 9] and labels int32 [n, p] of one file."""
    found = read_arrays(file, data=(None, 9), label=(None,))
    label = found["label"].astype(np.int32)
    if label.min() < 0 or label.max() >= len(CLASSES):
        raise DataError(f"{file}: label: expected 0..{len(CLASSES) - 1}, found {label.max()}")
    return found["data"], label


def files(root):
    """The files that all_files.txt lists, by their names alone."""
    return [Path(root, Path(line).name) for line in lines(Path(root, "all_files.txt"))]


def names(root=None):
    """The classes."""
    return list(CLASSES)


def check(root=None):
    """Every fault of the data set, one line each, naming the file."""
    root = _home(root)
    for file in files(root):
        try:
            read_file(file)
        except DataError as fault:
            yield str(fault)


def _home(root):
    return locate(root, FOLDER, publisher=PUBLISHER, layout=LAYOUT)
