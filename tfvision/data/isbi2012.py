"""ISBI 2012: membranes of neurons in electron microscopy (Arganda-Carreras et al., 2015).

Grey slices of 512 x 512 px in stack order; label 1 = cell (255 in the file), 0 = membrane.
The challenge asks to cite it and Cardona et al. (2010).
"""

from pathlib import Path

import cv2
import numpy as np

from tfvision.data.files import (
    DataError,
    choose_split,
    locate,
    read_image,
    read_label_map,
    stack,
)

FOLDER = "isbi2012"
PUBLISHER = "https://imagej.net/events/isbi-2012-segmentation-challenge"
LAYOUT = "train/image/0.png ... and train/label/0.png ..., 8-bit grey"
LICENCE = "MIT, as re-published by its source (cite Arganda-Carreras 2015, Cardona 2010)"
CLASSES = ("membrane", "cell")
SPLITS = {"train": range(0, 20), "validation": range(20, 25), "all": range(0, 25)}
PARTS = {"train": "all", "validation": "all"}


def load(root=None, split="train"):
    """The slices of a split. Neighbours are alike, so splits are runs of the stack.

    root     folder that holds train/image and train/label; default: see files.locate
    split    "train" (slices 0-19), "validation" (20-24) or "all"
    return   image uint8 [n, h, w, 1], label int32 [n, h, w]
    """
    choose_split(split, SPLITS)
    root = locate(root, FOLDER, publisher=PUBLISHER, layout=LAYOUT)
    images, labels = zip(*(read_pair(root, number) for number in SPLITS[split]), strict=True)
    names = [pair_files(root, number)[0] for number in SPLITS[split]]
    return {"image": stack(images, names), "label": np.stack(labels)}


def pair_files(root, number):
    """The files of a slice and of its label."""
    return [Path(root, "train", kind, f"{number}.png") for kind in ("image", "label")]


def read_pair(root, number):
    """One slice and its label: uint8 [h, w, 1], int32 [h, w]."""
    image_file, label_file = pair_files(root, number)
    image, label = read_image(image_file, cv2.IMREAD_GRAYSCALE), read_label_map(label_file)
    if image.shape[:2] != label.shape:
        sizes = f"{label.shape} is not the image's {image.shape[:2]}"
        raise DataError(f"{label_file}: its size {sizes}")
    unknown = np.setdiff1d(label, [0, 255])
    if len(unknown):
        raise DataError(f"{label_file}: expected 0 (membrane) and 255 (cell), found {unknown[:5]}")
    return image, (label > 127).astype(np.int32)


def check(root=None):
    """Every fault of the data set, one line each, naming the file."""
    root = locate(root, FOLDER, publisher=PUBLISHER, layout=LAYOUT)
    size = None
    for number in SPLITS["all"]:
        try:
            shape = read_pair(root, number)[0].shape[:2]
        except DataError as fault:
            yield str(fault)
            continue
        size = size or shape
        if shape != size:
            yield f"{pair_files(root, number)[0]}: its size {shape} is not the others' {size}"
