"""Objects in COCO's JSON: boxes, outlines and run-length masks, crowds (Lin et al., 2014).

The publisher's folders and your own: a JSON file with `images`, `annotations` and `categories` for
each split. Where there is only one for all, every fifth image by name is for validation.
"""

import json
import re
from pathlib import Path

import numpy as np

from tfvision.data import annotations
from tfvision.data.annotations import Annotation
from tfvision.data.files import DataError, choose_split, locate, read_bytes
from tfvision.data.objects import ObjectSet

FOLDER = "coco"
PUBLISHER = "https://cocodataset.org"
LAYOUT = (
    "annotations/instances_train2017.json and instances_val2017.json with the images in train2017/ "
    "and val2017/; or train/_annotations.coco.json and valid/_annotations.coco.json beside theirs; "
    "or one JSON file for all"
)
LICENCE = "annotations CC BY 4.0; each image has its own (Flickr), several non-commercial"
SPLITS = ("train", "validation")
NAMES = {"train": ("train",), "validation": ("val", "valid", "validation")}
NUMBER = (int, float)


def load(root=None, split="train", *, bad_boxes="skip"):
    """The objects of a split: an ObjectSet with masks, classes in the order of their ids.

    root       folder with the JSON files and the images; default: see files.locate
    bad_boxes  "skip": faults are left out, and a line on stderr says so; "refuse": the first is
               an error
    raises     DataError that names the file
    """
    choose_split(split, SPLITS)
    root = locate(root, FOLDER, publisher=PUBLISHER, layout=LAYOUT)
    return annotations.load(read, root, split, bad_boxes)


def check(root=None):
    """Every fault of the data set, one line each, naming the file and the annotation."""
    root = locate(root, FOLDER, publisher=PUBLISHER, layout=LAYOUT)
    yield from annotations.check(read, root, SPLITS)


def read(root, split, tell):
    """The ObjectSet of a split; `tell` takes the faults."""
    file, shared = annotation_file(Path(root), split)
    data = _parsed(file)
    labels, names, ids = _categories(file, data["categories"])
    images = _images(file, data["images"], tell)
    found = _objects(file, data["annotations"], images, labels, tell)
    chosen = sorted(images, key=lambda number: images[number]["file_name"]) if shared else images
    chosen = annotations.every_fifth(chosen, split) if shared else chosen
    folders, records, seen = _folders(Path(root), file, split), [], {}
    for number in chosen:
        image = images[number]
        name = image["file_name"]
        if name in seen:
            tell(f"{file}: image {number}: {name} is image {seen[name]}, too")
            continue
        seen[name] = number
        short, there = str(Path(name).parent / Path(name).stem), _image_file(folders, name)
        one = annotations.image_record(short, there, found.get(number, []), tell,
                                       size=_stated_size(image), number=number)
        records += [one] if one else []
    return ObjectSet(names, records, category_ids=ids)


def annotation_file(root, split):
    """(the JSON file of a split, whether it holds all splits); DataError where there is none."""
    for place in (root / "annotations", root):
        for word in NAMES[split]:
            files = sorted(place.glob(f"instances_{word}[0-9]*.json"))
            files += [place / f"instances_{word}.json", place / f"{word}.json",
                      root / word / "_annotations.coco.json"]
            there = [file for file in files if file.is_file()]
            if len(there) > 1 and there[0].parent == there[1].parent:
                raise DataError(f"{place}: both {there[0].name} and {there[1].name} could be "
                                f"split {split!r}; leave one there")
            if there:
                return there[0], False
    for place in (root / "annotations", root):
        files = sorted(f for f in place.glob("*.json") if not _of_a_split(f.stem))
        if len(files) == 1:
            return files[0], True
    raise DataError(f"{root}: no JSON file for split {split!r}. Expected: {LAYOUT}")


def _of_a_split(stem):
    """Whether a name is that of one split, or of COCO's other annotations."""
    words = {word for names in NAMES.values() for word in names} | {"test"}
    found = re.findall("[a-z]+", stem.lower())
    return bool(words & set(found)) or stem.startswith(("captions_", "person_keypoints_"))


def _parsed(file):
    """The JSON file's object with its three lists."""
    try:
        data = json.loads(read_bytes(file))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file}: no JSON ({error}); get it anew") from None
    for key in ("images", "annotations", "categories"):
        rows = data.get(key) if isinstance(data, dict) else None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise DataError(f"{file}: expected a list of objects {key!r}, as COCO's instances have")
    return data


def _categories(file, rows):
    """{category id: class number}, names, ids; in the order of the ids."""
    for row in rows:
        if type(row.get("id")) is not int or not isinstance(row.get("name"), str):
            raise DataError(f"{file}: category {row}: expected a whole number id and a name")
    rows = sorted(rows, key=lambda row: row["id"])
    ids = tuple(row["id"] for row in rows)
    if not ids or len(set(ids)) != len(ids):
        raise DataError(f"{file}: expected categories with different ids. Received: {ids}")
    return {i: n for n, i in enumerate(ids)}, tuple(row["name"] for row in rows), ids


def _images(file, rows, tell):
    """{image id: row} of the images that can be used."""
    found = {}
    for row in rows:
        number, name = row.get("id"), row.get("file_name")
        if type(number) is not int or not isinstance(name, str) or not name.strip("./\0"):
            tell(f"{file}: image {number!r}: expected a whole number id and a file_name")
        elif number in found:
            tell(f"{file}: image {number}: the id is that of {found[number]['file_name']}, too")
        else:
            found[number] = row
    return found


def _objects(file, rows, images, labels, tell):
    """{image id: list of Annotation}."""
    found, ids = {}, set()
    for i, row in enumerate(rows, 1):
        place = f"{file}: annotation {row.get('id', f'in place {i}')!r}"
        number, box = row.get("image_id"), row.get("bbox")
        if not isinstance(number, int) or number not in images:
            tell(f"{place}: there is no image {number!r}")
        elif not isinstance(row.get("category_id"), int) or row["category_id"] not in labels:
            tell(f"{place}: unknown category {row.get('category_id')!r}")
        elif not isinstance(box, list) or len(box) != 4 or not all(map(_is_number, box)):
            tell(f"{place}: expected a bbox [x, y, width, height], got {box!r:.80}")
        elif place in ids:
            tell(f"{place}: the id comes twice")
        else:
            ids.add(place)
            found.setdefault(number, []).append(_object(place, row, labels, tell))
    return found


def _object(place, row, labels, tell):
    x, y, w, h = row["bbox"]
    area = row.get("area")
    return Annotation(
        place, (x, y, x + w, y + h), labels[row["category_id"]], crowd=bool(row.get("iscrowd")),
        mask=_mask(place, row.get("segmentation"), tell),
        area=float(area) if _is_number(area) and area > 0 else None,
    )


def _mask(place, told, tell):
    """The segmentation in a form of instance_masks.py; None where there is none that is sound."""
    if not told or isinstance(told, dict):
        return told or None
    if isinstance(told, list) and all(
        isinstance(p, list) and len(p) >= 6 and len(p) % 2 == 0 and all(map(_is_number, p))
        for p in told
    ):
        return tuple(np.reshape(np.float64(outline), [-1, 2]) for outline in told)
    tell(f"{place}: expected outlines [[x, y, x, y, x, y, ...], ...] or run lengths; no mask")
    return None


def _is_number(value):
    return type(value) in NUMBER and -1e9 < value < 1e9


def _stated_size(image):
    """(h, w) that the file says; None where it does not."""
    h, w = image.get("height"), image.get("width")
    return (h, w) if type(h) is int and type(w) is int and h > 0 and w > 0 else None


def _folders(root, file, split):
    """Where a JSON file's images may lie: beside it, or in a folder named as it or its split."""
    words = [file.stem.removeprefix("instances_"), *NAMES[split]]
    homes = [root, root / "images", file.parent]
    return [*(home / word for home in homes for word in words), *homes]


def _image_file(folders, name):
    """The first file of this name; the first place where it should be, where there is none."""
    places = [folder / name for folder in folders if (folder / name).is_file()]
    there = [folder / name for folder in folders if folder.is_dir()]
    return (places or there or [folders[0] / name])[0]
