"""Objects in YOLO's text files, one per image: boxes, or outlines as its segmentation sets have.

A line is `class cx cy w h` or `class x y x y x y ...`, in shares of the image's width and height.
The names stand in data.yaml (`names:`) or classes.txt. Your own data; the format has no publisher.
"""

from pathlib import Path

import numpy as np

from tfvision.data import annotations
from tfvision.data.annotations import Annotation, every_fifth, images_by_name
from tfvision.data.files import DataError, choose_split, locate, read_bytes
from tfvision.data.image_header import image_size
from tfvision.data.objects import ObjectSet
from tfvision.data.yaml_names import read_yaml

FOLDER = "yolo"
PUBLISHER = "you"
LAYOUT = (
    "data.yaml or classes.txt, and images/train/NAME.jpg with labels/train/NAME.txt (or "
    "train/images/ with train/labels/, or images/ with labels/), likewise val or valid"
)
LICENCE = "yours"
SPLITS = ("train", "validation")
NAMES = {"train": ("train",), "validation": ("val", "valid", "validation")}
ROUNDING = 1e-3  # How far beyond 0..1 a share may lie.


def load(root=None, split="train", *, bad_boxes="skip"):
    """The objects of a split: an ObjectSet, with masks where there are outlines.

    An image without a text file has no objects. Without folders for the splits, every fifth image
    by name is for validation.

    root       folder with data.yaml or classes.txt; default: see files.locate
    bad_boxes  "skip": faults are left out, and a line on stderr says so; "refuse": the first is
               an error
    raises     DataError that names the file
    """
    choose_split(split, SPLITS)
    root = locate(root, FOLDER, publisher=PUBLISHER, layout=LAYOUT)
    return annotations.load(_read, root, split, bad_boxes)


def check(root=None):
    """Every fault of the data set, one line each, naming the file and the line."""
    root = locate(root, FOLDER, publisher=PUBLISHER, layout=LAYOUT)
    yield from annotations.check(_read, root, SPLITS)


def _read(root, split, tell):
    names, told = _description(Path(root))
    images, shared = _images(Path(root), split, told)
    records = []
    for file in every_fifth(images, split) if shared else images:
        try:
            found = _objects(_label_file(file), image_size(file), len(names), tell)
        except DataError as fault:
            tell(str(fault))
            continue
        one = annotations.image_record(file.stem, file, found, tell)
        records += [one] if one else []
    return ObjectSet(names, records)


def _description(root):
    """The names of the classes, and what data.yaml says otherwise: {key: text or list}."""
    files = [root / "data.yaml", *sorted(root.glob("*.yaml")), *sorted(root.glob("*.yml"))]
    file = next((file for file in files if file.is_file()), None)
    told = read_yaml(file) if file else {}
    names = told.get("names")
    if isinstance(names, dict):
        if sorted(names) != list(range(len(names))):
            raise DataError(f"{file}: expected names for the classes 0, 1, 2, ... without gaps")
        names = [names[i] for i in range(len(names))]
    listed = root / "classes.txt"
    if not names and listed.is_file():
        names = _lines(listed)
    if not isinstance(names, list) or not names:
        raise DataError(f"{root}: no names of classes. Expected: {LAYOUT}")
    return tuple(names), told


def _images(root, split, told):
    """(the images of a split by name, whether they are of all splits)."""
    for folder in _folders(root, split, told):
        if folder.is_file():
            return _listed(root, folder), False
        if found := sorted(set(images_by_name([folder]).values())):
            return found, False
    for folder in (root / "images", root):
        if found := sorted(set(images_by_name([folder]).values())):
            return found, True
    raise DataError(f"{root}: no images for split {split!r}. Expected: {LAYOUT}")


def _folders(root, split, told):
    """Where the images of a split may lie: as data.yaml says, else as custom has it."""
    words = NAMES[split]
    said = [told[word] for word in words if isinstance(told.get(word), str)]
    homes = [root, *([root / told["path"]] if isinstance(told.get("path"), str) else ())]
    # Roboflow writes ../train/images for train/images.
    said = [home / text for text in said for home in homes] + [
        root / text.removeprefix("../") for text in said
    ]
    return said + [root / place for word in words for place in (f"images/{word}", f"{word}/images")]


def _listed(root, file):
    """The images that a text file names, one a line."""
    return [next((p for p in (file.parent / line, root / line) if p.is_file()), root / line)
            for line in _lines(file)]


def _lines(file):
    """The lines of a text file that are not empty, without white space around them."""
    lines = read_bytes(file).decode("utf-8", "replace").splitlines()
    return [line.strip() for line in lines if line.strip()]


def _label_file(image):
    """The text file of an image: in labels/ where the image is in images/, else beside it."""
    parts = list(image.with_suffix(".txt").parts)
    at = [i for i, part in enumerate(parts[:-1]) if part == "images"]
    if at:
        parts[at[-1]] = "labels"
    return Path(*parts)


def _objects(file, size, classes, tell):
    """The annotations in a text file, in px; none where there is no file."""
    if not file.is_file():
        return []
    found = []
    for i, line in enumerate(read_bytes(file).decode("utf-8", "replace").splitlines(), 1):
        place, words = f"{file}: line {i}", line.split()
        if not words:
            continue
        try:
            label, numbers = int(words[0]), np.array(words[1:], np.float64)
        except ValueError:
            tell(f"{place}: expected a class and numbers, got {line!r:.60}")
            continue
        if not 0 <= label < classes:
            tell(f"{place}: unknown class {label}, there are {classes}")
        elif len(numbers) != 4 and (len(numbers) < 6 or len(numbers) % 2):
            tell(f"{place}: expected 4 numbers after the class, or the x y of 3 points and more")
        elif not np.all((numbers >= -ROUNDING) & (numbers <= 1 + ROUNDING)):
            tell(f"{place}: expected shares of the image's width and height, 0 to 1")
        else:
            found.append(_object(place, label, numbers, size))
    return found


def _object(place, label, numbers, size):
    """The Annotation of a line's numbers."""
    h, w = size
    if len(numbers) == 4:
        (cx, cy), half = numbers[:2], numbers[2:] / 2
        box = np.array([cx - half[0], cy - half[1], cx + half[0], cy + half[1]]) * [w, h, w, h]
        return Annotation(place, tuple(box.tolist()), label)
    points = np.reshape(numbers, [-1, 2]) * [w, h]
    box = (*points.min(0).tolist(), *points.max(0).tolist())
    x, y = points.T
    area = abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))) / 2
    return Annotation(place, box, label, mask=(points,), area=float(area) or None)
