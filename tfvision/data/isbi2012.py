"""ISBI 2012: membranes of neurons in electron microscopy (Arganda-Carreras et al., 2015).

Grey slices of 512 x 512 px in stack order; label 1 = cell (255 in the file), 0 = membrane.
The challenge asks to cite it and Cardona et al. (2010).
"""

from pathlib import Path

import cv2
import numpy as np

from tfvision.data.files import DataError, locate, read_image

FOLDER = "isbi2012"
PUBLISHER = "https://imagej.net/events/isbi-2012-segmentation-challenge"
LAYOUT = "train/image/0.png ... and train/label/0.png ..., 8-bit grey"
CLASSES = ("membrane", "cell")
SPLITS = {"train": range(0, 20), "validation": range(20, 25), "all": range(0, 25)}


def load(root=None, split="train"):
    """The slices of a split. Neighbours are alike, so splits are runs of the stack.

    root     folder that holds train/image and train/label; default: see files.locate
    split    "train" (slices 0-19), "validation" (20-24) or "all"
    return   image uint8 [n, h, w, 1], label int32 [n, h, w]
    """
    if split not in SPLITS:
        raise ValueError(f"Expected split in {tuple(SPLITS)}. Received: split={split!r}")
    root = locate(root, FOLDER, publisher=PUBLISHER, layout=LAYOUT)
    pairs = [read_pair(root, number) for number in SPLITS[split]]
    return {
        "image": np.stack([image for image, _ in pairs]),
        "label": np.stack([label for _, label in pairs]),
    }


def read_pair(root, number):
    """One slice and its label: uint8 [h, w, 1], int32 [h, w]."""
    files = [Path(root, "train", kind, f"{number}.png") for kind in ("image", "label")]
    image, label = (read_image(file, cv2.IMREAD_GRAYSCALE) for file in files)
    if image.shape != label.shape:
        raise DataError(f"{files[1]}: its size {label.shape[:2]} is not the image's {image.shape[:2]}")
    unknown = np.setdiff1d(np.unique(label), [0, 255])
    if len(unknown):
        raise DataError(f"{files[1]}: expected 0 (membrane) and 255 (cell), found {unknown[:5]}")
    return image, (label[..., 0] > 127).astype(np.int32)


def check(root=None):
    """Every fault of the data set, one line each, naming the file."""
    root = locate(root, FOLDER, publisher=PUBLISHER, layout=LAYOUT)
    for number in SPLITS["all"]:
        try:
            read_pair(root, number)
        except DataError as fault:
            yield str(fault)
