"""Where data sets lie, and files that are read or refused by name."""

import os
from pathlib import Path

import cv2
import numpy as np


class DataError(ValueError):
    """A file of a data set that cannot be used; the message names it and says what to do."""


def place(root, folder):
    """Where a data set belongs: `root`, else $TFVISION_DATA/<folder>, else ~/.tfvision/<folder>."""
    home = os.environ.get("TFVISION_DATA") or "~/.tfvision"
    return Path(root or Path(home, folder)).expanduser()


def locate(root, folder, *, publisher, layout):
    """The data set's folder, as `place` names it; DataError where there is none."""
    path = place(root, folder)
    if not path.is_dir():
        raise DataError(
            f"{path}: no such folder. Expected there: {layout}. Publisher: {publisher}. "
            "Name another folder by --root, or the folder of all data sets by $TFVISION_DATA"
        )
    return path


def choose_split(split, splits):
    """Refuses a split that is none of `splits`: ValueError."""
    if split not in splits:
        raise ValueError(f"Expected split in {tuple(splits)}. Received: split={split!r}")


def read_image(file, mode=cv2.IMREAD_COLOR_RGB):
    """The picture in `file`: uint8 [h, w, 1] for cv2.IMREAD_GRAYSCALE, else [h, w, 3] RGB."""
    return decode_image(read_bytes(file), file, mode)


def read_bytes(file):
    """The content of `file`, bytes; DataError where it cannot be read."""
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror})") from None


def decode_image(data, name, mode=cv2.IMREAD_COLOR_RGB):
    """The picture in the bytes of an image file, as read_image; `name` is for the DataError."""
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), mode) if data else None
    except cv2.error as error:  # More pixels than OpenCV is willing to decode.
        raise DataError(f"{name}: OpenCV refuses it ({error.err})") from None
    if image is None:
        raise DataError(f"{name}: no image that OpenCV can decode; replace or remove it")
    return image if image.ndim == 3 else image[..., None]


def read_label_map(file):
    """Class numbers from an 8-bit grey image: uint8 [h, w].

    Grey saved as RGB will do. Colours and 16 bits are refused: OpenCV would silently turn the
    colours of a palette into other numbers.
    """
    label = read_image(file, cv2.IMREAD_UNCHANGED)
    grey = (label[..., :1] == label[..., 1:3]).all()
    if label.dtype != np.uint8 or label.shape[-1] not in (1, 3) or not grey:
        found = f"{label.dtype} with {label.shape[-1]} channels" + ("" if grey else ", coloured")
        raise DataError(f"{file}: expected a label map of 8-bit grey, found {found}")
    return label[..., 0]


def stack(images, names):
    """np.stack of images that must have one size; DataError naming the first that differs."""
    for image, name in zip(images, names, strict=True):
        if image.shape != images[0].shape:
            raise DataError(
                f"{name}: its size {image.shape[:2]} is not that of {names[0]} "
                f"{images[0].shape[:2]}; crop or resize the images to one size"
            )
    return np.stack(images)
