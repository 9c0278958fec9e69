"""Your own labelled images: a folder of pictures for each class, named after it.

The classes' folders are in train/, or directly in the root. Other folders that hold such classes,
validation/, test/, are splits of these names. Where there is no validation/, every fifth training
picture of each class by name is for validation instead; of fewer than five, the last.
"""

from pathlib import Path

import cv2
import numpy as np

from tfvision.data.files import DataError, locate, read_image
from tfvision.data.folder import ENDINGS, square

FOLDER = "class_folders"
PUBLISHER = "you"
LAYOUT = "CLASS/any.png (or .jpg, .tif, .bmp, .webp), or train/CLASS/any.png, validation/CLASS/..."
LICENCE = "yours"
SPLITS = ("train", "validation")


def load(root=None, split="train", *, size=64, channels=3):
    """The pictures of a split, class by class.

    split     "train", "validation", or any other for which there is a folder of classes
    size      side of the result, px: the middle square of each picture is resized to it
    channels  3 for RGB, 1 for grey
    return    image uint8 [n, size, size, channels]; label int32 [n], places in `names`
    """
    if size < 1 or channels not in (1, 3):
        raise ValueError(f"Expected size >= 1 and channels 1 or 3. Received: {size=}, {channels=}")
    root = locate(root, FOLDER, publisher=PUBLISHER, layout=LAYOUT)
    if split not in SPLITS and not (root / split).is_dir():
        raise ValueError(f"Expected split in {SPLITS}, or a folder {root / split} of classes. "
                         f"Received: split={split!r}")
    pairs = [
        (file, label) for label, name in enumerate(names(root))
        for file in _files(root, split, name)
    ]
    if not pairs:
        raise DataError(f"{root}: split {split!r} has no pictures. Expected: {LAYOUT}")
    mode = cv2.IMREAD_COLOR_RGB if channels == 3 else cv2.IMREAD_GRAYSCALE
    images = [square(read_image(file, mode), size) for file, _ in pairs]
    return {"image": np.stack(images), "label": np.array([pair[1] for pair in pairs], np.int32)}


def names(root=None):
    """The classes, by name: the folders that hold pictures."""
    root = locate(root, FOLDER, publisher=PUBLISHER, layout=LAYOUT)
    home = _home(root)
    found = sorted(folder.name for folder in home.iterdir() if _pictures(folder))
    if len(found) < 2:
        raise DataError(
            f"{home}: expected a folder of pictures for each of at least 2 classes, found {found}"
        )
    return found


def check(root=None):
    """Every fault of the data set, one line each, naming the file."""
    root = locate(root, FOLDER, publisher=PUBLISHER, layout=LAYOUT)
    known = names(root)
    splits = {folder.name for folder in root.glob("*/")} - set(known) | set(SPLITS)
    for folder in sorted(folder for split in splits for folder in root.glob(f"{split}/*/")):
        if folder.name not in known:
            yield f"{folder}: a class that is not in {_home(root)}"
    files = {file for split in splits for name in known for file in _files(root, split, name)}
    for file in sorted(files):
        try:
            read_image(file)
        except DataError as fault:
            yield str(fault)


def _home(root):
    """The folder of the training classes."""
    return Path(root, "train") if Path(root, "train").is_dir() else Path(root)


def _files(root, split, name):
    """The pictures of a class that belong to a split."""
    own = Path(root, "validation").is_dir()
    if split not in SPLITS or split == "validation" and own:
        return _pictures(Path(root, split, name))
    files = _pictures(_home(root) / name)
    if own:
        return files
    held_out = files[4::5] or files[-1:]
    return held_out if split == "validation" else sorted(set(files) - set(held_out)) or files


def _pictures(folder):
    """The picture files in a folder, by name; none where there is no folder."""
    return sorted(
        file for file in Path(folder).glob("*")
        if file.suffix.lower() in ENDINGS and not file.name.startswith(".") and file.is_file()
    )
