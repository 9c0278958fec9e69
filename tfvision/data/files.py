"""Where data sets lie, and files that are read or refused by name."""

import os
from pathlib import Path

import cv2
import numpy as np


class DataError(ValueError):
    """A file of a data set that cannot be used; the message names it and says what to do."""


def locate(root, folder, *, publisher, layout):
    """The data set's folder: `root`, else $TFVISION_DATA/<folder>, else ~/.tfvision/<folder>."""
    home = os.environ.get("TFVISION_DATA") or Path("~/.tfvision").expanduser()
    path = Path(root).expanduser() if root else Path(home, folder)
    if not path.is_dir():
        raise DataError(
            f"{path}: no such folder. Expected there: {layout}. Publisher: {publisher}. "
            "Name another folder by --root, or the folder of all data sets by $TFVISION_DATA"
        )
    return path


def read_image(file, mode=cv2.IMREAD_COLOR_RGB):
    """The picture in `file`: uint8 [h, w, 1] for cv2.IMREAD_GRAYSCALE, else [h, w, 3] RGB."""
    try:
        data = np.fromfile(file, np.uint8)
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror})") from None
    image = cv2.imdecode(data, mode) if len(data) else None
    if image is None:
        raise DataError(f"{file}: no image that OpenCV can decode; replace or remove it")
    return image if image.ndim == 3 else image[..., None]
