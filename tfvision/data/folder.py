"""Your own images without labels: all pictures in a folder and below it, made square and small.

Every tenth picture by path is for validation, the others for training; a folder with fewer than
ten serves both.
"""

from pathlib import Path

import cv2
import numpy as np

from tfvision.data.files import DataError, choose_split, locate, read_image

FOLDER = "folder"
PUBLISHER = "you"
LAYOUT = "any number of .png, .jpg, .jpeg, .tif, .tiff, .bmp or .webp files, also in subfolders"
LICENCE = "yours"
SPLITS = ("train", "validation")
ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")


def load(root=None, split="train", *, size=64, channels=3):
    """The pictures of a split, in the order of their paths.

    size      side of the result, px: the middle square of each picture is resized to it
    channels  3 for RGB, 1 for grey
    return    image uint8 [n, size, size, channels]
    """
    choose_split(split, SPLITS)
    if size < 1 or channels not in (1, 3):
        raise ValueError(f"Expected size >= 1 and channels 1 or 3. Received: {size=}, {channels=}")
    files = pictures(locate(root, FOLDER, publisher=PUBLISHER, layout=LAYOUT))
    held_out = files[9::10] or files
    chosen = held_out if split == "validation" else sorted(set(files) - set(held_out)) or files
    mode = cv2.IMREAD_COLOR_RGB if channels == 3 else cv2.IMREAD_GRAYSCALE
    return {"image": np.stack([square(read_image(file, mode), size) for file in chosen])}


def pictures(root):
    """The picture files in and below a folder, by path; DataError where there is none."""
    files = sorted(
        file
        for file in Path(root).rglob("*")
        if file.suffix.lower() in ENDINGS and not file.name.startswith(".") and file.is_file()
    )
    if not files:
        raise DataError(f"{root}: no pictures. Expected: {LAYOUT}")
    return files


def square(image, size):
    """The middle square of uint8 [h, w, c], resized: uint8 [size, size, c]."""
    h, w = image.shape[:2]
    side = min(h, w)
    y, x = (h - side) // 2, (w - side) // 2
    how = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    small = cv2.resize(image[y : y + side, x : x + side], (size, size), interpolation=how)
    return small.reshape(size, size, image.shape[2])


def check(root=None):
    """Every fault of the data set, one line each, naming the file."""
    for file in pictures(locate(root, FOLDER, publisher=PUBLISHER, layout=LAYOUT)):
        try:
            read_image(file)
        except DataError as fault:
            yield str(fault)
