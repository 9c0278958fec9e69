"""Your own segmentation data: a folder of images and one of label maps with the same names.

Label maps are 8-bit grey PNG files whose values are class numbers, 0..classes-1; for two classes
0 and 255 will do as well. A file `<split>.txt` with one name a line makes a split; without any,
every fifth image by name is for validation.
"""

from pathlib import Path

import cv2
import numpy as np

from tfvision.data.files import DataError, locate, read_image

FOLDER = "pairs"
PUBLISHER = "you"
LAYOUT = "image/NAME.png (or .jpg, .tif) and label/NAME.png"
ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")


def load(root=None, split="train", *, classes=2):
    """The pairs of a split, all images of one size.

    return   image uint8 [n, h, w, 3] RGB, label int32 [n, h, w]
    """
    root = locate(root, FOLDER, publisher=PUBLISHER, layout=LAYOUT)
    names = [file for file in images(root) if file.stem in split_names(root, split)]
    if not names:
        raise DataError(f"{root}: split {split!r} has no images")
    read = [read_pair(root, file, classes) for file in names]
    first = read[0][0].shape
    for file, (image, _) in zip(names, read, strict=True):
        if image.shape != first:
            raise DataError(
                f"{file}: its size {image.shape[:2]} is not that of {names[0]} {first[:2]}; "
                "crop or resize the images to one size"
            )
    return {
        "image": np.stack([image for image, _ in read]),
        "label": np.stack([label for _, label in read]),
    }


def images(root):
    """The image files, by name."""
    files = sorted(f for f in Path(root, "image").glob("*") if f.suffix.lower() in ENDINGS)
    if not files:
        raise DataError(f"{Path(root, 'image')}: no images. Expected: {LAYOUT}")
    return files


def split_names(root, split):
    """Names, without endings, that belong to a split."""
    listed = Path(root, f"{split}.txt")
    if listed.exists():
        return {Path(line).stem for line in listed.read_text().split()}
    if split not in ("train", "validation"):
        raise DataError(f"{listed}: no such file; it would name the images of split {split!r}")
    names = [file.stem for file in images(root)]
    held_out = set(names[4::5]) or set(names[-1:])
    return held_out if split == "validation" else set(names) - held_out or set(names)


def read_pair(root, file, classes):
    """An image and its label: uint8 [h, w, 3], int32 [h, w]."""
    image, label_file = read_image(file), Path(root, "label", file.stem + ".png")
    if not label_file.exists():
        raise DataError(f"{file}: has no label {label_file}")
    label = read_image(label_file, cv2.IMREAD_GRAYSCALE)[..., 0]
    if label.shape != image.shape[:2]:
        raise DataError(f"{label_file}: its size {label.shape} is not the image's {image.shape[:2]}")
    if classes == 2 and set(np.unique(label)) <= {0, 255}:
        label = label // 255
    if label.max() >= classes:
        raise DataError(f"{label_file}: class {label.max()}, but there are {classes} (--classes)")
    return image, label.astype(np.int32)


def check(root=None, classes=256):
    """Every fault of the data set, one line each, naming the file."""
    root = locate(root, FOLDER, publisher=PUBLISHER, layout=LAYOUT)
    for file in images(root):
        try:
            read_pair(root, file, classes)
        except DataError as fault:
            yield str(fault)
