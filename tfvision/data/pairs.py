"""Your own segmentation data: a folder of images and one of label maps with the same names.

Label maps are 8-bit grey PNG files whose values are class numbers, 0..classes-1; for two classes
0 and 255 will do as well. A file `<split>.txt` with one name a line makes a split; without any,
every fifth image by name is for validation (a single image serves both).
"""

from pathlib import Path

import numpy as np

from tfvision.data.files import (
    DataError,
    locate,
    read_image,
    read_label_map,
    stack,
)

FOLDER = "pairs"
PUBLISHER = "you"
LAYOUT = "image/NAME.png (or .jpg, .tif) and label/NAME.png"
LICENCE = "yours"
SPLITS = ("train", "validation")
ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")


def load(root=None, split="train", *, classes=2):
    """The pairs of a split, all images of one size.

    split    "train", "validation", or any other for which there is a file <split>.txt
    return   image uint8 [n, h, w, 3] RGB, label int32 [n, h, w]
    """
    root = locate(root, FOLDER, publisher=PUBLISHER, layout=LAYOUT)
    wanted = split_names(root, split)
    files = [file for file in images(root) if file.stem in wanted]
    if not files:
        raise DataError(f"{root}: split {split!r} has no images")
    read_images, labels = zip(*(read_pair(root, file, classes) for file in files), strict=True)
    return {"image": stack(read_images, files), "label": np.stack(labels)}


def images(root):
    """The image files, by name."""
    files = sorted(f for f in Path(root, "image").glob("*") if f.suffix.lower() in ENDINGS)
    if not files:
        raise DataError(f"{Path(root, 'image')}: no images. Expected: {LAYOUT}")
    return files


def split_names(root, split):
    """Names, without endings, that belong to a split: a set."""
    names = [file.stem for file in images(root)]
    listed = Path(root, f"{split}.txt")
    if listed.exists():
        return listed_names(listed, names)
    if split not in SPLITS:
        raise ValueError(
            f"Expected split in {SPLITS}, or a file {listed} that names its images. "
            f"Received: split={split!r}"
        )
    held_out = set(names[4::5]) or set(names[-1:])
    return held_out if split == "validation" else set(names) - held_out or set(names)


def listed_names(file, known):
    """The names in a <split>.txt, with or without endings; DataError for one without image."""
    lines = [Path(line.strip()) for line in file.read_text().splitlines() if line.strip()]
    names = {line.stem if line.suffix.lower() in ENDINGS else line.name for line in lines}
    missing = sorted(names - set(known))
    if missing:
        raise DataError(f"{file}: names {missing[0]!r}, but there is no such image")
    return names


def read_pair(root, file, classes):
    """An image and its label: uint8 [h, w, 3], int32 [h, w]."""
    image, label_file = read_image(file), Path(root, "label", file.stem + ".png")
    if not label_file.exists():
        raise DataError(f"{file}: has no label {label_file}")
    label = read_label_map(label_file)
    if label.shape != image.shape[:2]:
        sizes = f"{label.shape} is not the image's {image.shape[:2]}"
        raise DataError(f"{label_file}: its size {sizes}")
    if classes == 2 and set(np.unique(label)) <= {0, 255}:
        label = label // 255
    if label.max() >= classes:
        raise DataError(f"{label_file}: class {label.max()}, but there are {classes} (--classes)")
    return image, label.astype(np.int32)


def check(root=None, *, classes=256):
    """Every fault of the data set, one line each, naming the file."""
    root = locate(root, FOLDER, publisher=PUBLISHER, layout=LAYOUT)
    files, sizes = images(root), {}
    for file in files:
        try:
            sizes.setdefault(read_pair(root, file, classes)[0].shape[:2], file)
        except DataError as fault:
            yield str(fault)
    for size, file in list(sizes.items())[1:]:
        yield f"{file}: its size {size} is not that of {files[0]}; all must have one size"
    yield from _name_faults(root, files)


def _name_faults(root, files):
    """Names used twice, labels without image, splits that name what is not there."""
    names = [file.stem for file in files]
    for before, file in zip(files, files[1:], strict=False):
        if file.stem == before.stem:
            yield f"{file}: {before.name} has the same name, so both would share one label"
    for label in sorted(Path(root, "label").glob("*.png")):
        if label.stem not in names:
            yield f"{label}: there is no image of this name"
    for split in SPLITS:
        listed = Path(root, f"{split}.txt")
        try:
            listed.exists() and listed_names(listed, names)
        except DataError as fault:
            yield str(fault)
