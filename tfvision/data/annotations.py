"""From what a file says of objects to records: faults are found, told and left out.

A fault is a line that names the file and, where the format has lines, the line: a box without width
or height, one that is not in its image or reaches more than a pixel beyond it, one that is there
twice, an unknown class, an image that is missing, cut off, of another size than its annotation
says, or listed twice. Under "skip" what is at fault is left out (a box that reaches beyond the
image is cut at its border), and a line on stderr says how much; under "refuse" the first is an
error.
"""

import math
import sys
from typing import NamedTuple

import numpy as np

from tfvision.data import instance_masks
from tfvision.data.files import DataError
from tfvision.data.image_header import image_size
from tfvision.data.objects import ObjectSet, record

POLICIES = ("skip", "refuse")
TOLERANCE = 1.0  # px that a box may reach beyond its image: rounding, and counts from 0 or from 1.
ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")


class Annotation(NamedTuple):
    """One object as its file has it.

    place  "file: line 12" or what else finds it
    box    (x1, y1, x2, y2) px, continuous edges
    label  class number
    mask   in a form of instance_masks.py, or None
    area   px, or None for the box's
    """

    place: str
    box: tuple[float, float, float, float]
    label: int
    crowd: bool = False
    difficult: bool = False
    mask: object = None
    area: float | None = None


class Faults:
    """Takes a reader's faults, a line each: keeps them, or raises the first as DataError."""

    def __init__(self, bad_boxes="skip"):
        if bad_boxes not in POLICIES:
            raise ValueError(f"Expected bad_boxes in {POLICIES}. Received: {bad_boxes=}")
        self.refuse, self.found = bad_boxes == "refuse", []

    def __call__(self, text):
        if self.refuse:
            raise DataError(text)
        self.found.append(text)


def load(read, root, split, bad_boxes):
    """The ObjectSet of a split, with a line on stderr where something was left out.

    read    (root, split, tell) -> ObjectSet; `tell` takes the faults
    raises  DataError where there is no image, or a fault under "refuse"
    """
    tell = Faults(bad_boxes)
    objects = read(root, split, tell)
    if not len(objects):
        first = f"; the first fault: {tell.found[0]}" if tell.found else ""
        raise DataError(f"{root}: split {split!r} has no images{first}")
    if count := len(tell.found):
        told = f"{count} fault{'s' * (count > 1)} left out (boxes that reach beyond: cut)"
        print(f"{split}: {told}; `tfvision doctor` names all. First: {tell.found[0]}",
              file=sys.stderr)
    return ObjectSet(objects.classes, objects.records, tuple(tell.found), objects.category_ids)


def check(read, root, splits):
    """Every fault of all splits once, a line each; every image and every mask is decoded."""
    told = set()
    for split in splits:
        for fault in _faults(read, root, split):
            if fault not in told:
                told.add(fault)
                yield fault


def _faults(read, root, split):
    tell = Faults()
    try:
        objects = read(root, split, tell)
    except DataError as fault:
        yield from [*tell.found, str(fault)]
        return
    yield from tell.found
    if not len(objects):
        yield f"{root}: split {split!r} has no images"
    for one in objects:
        try:
            shape = one.pixels().shape[:2]
            if shape != tuple(one.size):
                yield f"{one.image}: is {_by(shape)} px when decoded, but {_by(one.size)} was said"
        except DataError as fault:
            yield str(fault)


def image_record(name, file, found, tell, *, size=None, number=0):
    """The Record of an image without what is at fault; None where the image itself is.

    file   the image's
    found  list of Annotation
    tell   takes the faults
    size   (h, w) px that the annotation says, or None
    """
    try:
        true_size = image_size(file)
    except DataError as fault:
        tell(str(fault))
        return None
    if size is not None and tuple(size) != tuple(true_size):
        tell(f"{file}: is {_by(true_size)} px, but its annotation says {_by(size)}"
             + "; turned by Exif?" * (tuple(size) == tuple(true_size)[::-1]))
        return None
    kept = sound(found, true_size, tell)
    return record(
        name, file, true_size, [a.box for a in kept], [a.label for a in kept],
        crowd=[a.crowd for a in kept], difficult=[a.difficult for a in kept],
        areas=[_area(a) for a in kept], masks=[_sound_mask(a, true_size, tell) for a in kept],
        number=number,
    )


def sound(found, size, tell):
    """The annotations that can be used, with boxes cut at the border of the image."""
    kept, seen = [], {}
    for one in found:
        fault = box_fault(one.box, size)
        key = (one.label, tuple(one.box))
        if fault is None and not one.crowd and key in seen:
            fault = f"is the box of {seen[key]} once more"
        if fault is not None:
            tell(f"{one.place}: box {_text(one.box)} {fault}")
            continue
        seen[key] = one.place
        h, w = size
        beyond = max(-one.box[0], -one.box[1], one.box[2] - w, one.box[3] - h)
        if beyond > TOLERANCE:
            tell(f"{one.place}: box {_text(one.box)} reaches {beyond:g} px beyond the image "
                 f"({_by(size)} px); is cut")
        kept.append(one._replace(box=tuple(np.clip(one.box, 0, [w, h, w, h]).tolist())))
    return kept


def box_fault(box, size):
    """What is wrong with a box (x1, y1, x2, y2) px in an image of size (h, w), or None."""
    x1, y1, x2, y2 = box
    if not all(map(math.isfinite, box)):
        return "has a number that is none"
    if np.float32(x2) <= np.float32(x1) or np.float32(y2) <= np.float32(y1):
        return "has no width or no height"
    edges = np.clip(np.float32(box), 0, np.float32([size[1], size[0]] * 2))
    if edges[2] <= edges[0] or edges[3] <= edges[1]:
        return f"lies outside the image ({_by(size)} px)"
    return None


def every_fifth(items, split):
    """Every fifth of the sorted items for "validation", the others for all other splits.

    Fewer than five serve both.
    """
    held_out = items[4::5]
    if not held_out:
        return items
    return held_out if split == "validation" else [x for i, x in enumerate(items) if i % 5 != 4]


def images_by_name(folders):
    """The images in folders: {name with and without ending: file}; the first folder has it."""
    found = {}
    for folder in folders:
        files = sorted(folder.iterdir()) if folder.is_dir() else ()
        for file in files:
            if file.suffix.lower() in ENDINGS and not file.name.startswith("."):
                found.setdefault(file.name, file)
                found.setdefault(file.stem, file)
    return found


def _sound_mask(annotation, size, tell):
    """Its mask, or None where run lengths are of another size."""
    if isinstance(annotation.mask, dict):
        try:
            instance_masks.unrolled(annotation.mask, size)
        except DataError as fault:
            tell(f"{annotation.place}: {fault}")
            return None
    return annotation.mask


def _area(annotation):
    if annotation.area is not None:
        return annotation.area
    x1, y1, x2, y2 = annotation.box
    return (x2 - x1) * (y2 - y1)


def _by(size):
    return f"{size[1]} x {size[0]}"


def _text(box):
    return "(" + ", ".join(f"{edge:g}" for edge in box) + ")"
