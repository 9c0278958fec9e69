"""CUB-200-2011: 11,788 photographs of 200 species of birds (Wah et al., 2011)."""

from pathlib import Path

import cv2
import numpy as np

from tfvision.data.files import DataError, choose_split, locate, read_bytes, read_image

FOLDER = "CUB_200_2011"
PUBLISHER = "https://www.vision.caltech.edu/datasets/cub_200_2011/"
LAYOUT = (
    "images.txt, image_class_labels.txt, train_test_split.txt, bounding_boxes.txt, classes.txt "
    "and the folder images/, as in CUB_200_2011.tgz"
)
LICENCE = "images belong to their owners; for non-commercial research and education only"
SPLITS = ("train", "test", "fit", "validation")
PARTS = {"fit": "train", "validation": "train"}
COUNT, SPECIES = 11_788, 200


def load(root=None, split="train", *, size=224):
    """The photographs of a split, in the order of their numbers, resized to squares.

    root     folder with the text files; default: see files.locate
    split    the publisher's "train" (5,994) and "test" (5,794); "validation" is every tenth of
             "train", and "fit" the others, for choices that must not see "test"
    size     side of the result, px; all of "train" takes 0.9 GB at 224 px, 3.6 GB at 448 px
    return   image uint8 [n, size, size, 3]; label int32 [n], the species, 0..; box float32 [n, 4],
             (x1, y1, x2, y2) px of the resized image, around the bird
    """
    choose_split(split, SPLITS)
    if size < 1:
        raise ValueError(f"Expected size >= 1. Received: {size=}")
    root = locate(root, FOLDER, publisher=PUBLISHER, layout=LAYOUT)
    rows = _chosen(_rows(root), split)
    if not rows:
        raise DataError(f"{root / 'train_test_split.txt'}: split {split!r} has no images")
    images, boxes = zip(*(_picture(row, size) for row in rows), strict=True)
    label = np.array([row["label"] for row in rows], np.int32)
    return {"image": np.stack(images), "label": label, "box": np.stack(boxes)}


def names(root=None):
    """The species by number, from classes.txt: a list of texts such as 001.Laysan_Albatross."""
    root = locate(root, FOLDER, publisher=PUBLISHER, layout=LAYOUT)
    table = _table(root / "classes.txt", 1)
    if sorted(table) != list(range(1, len(table) + 1)):
        raise DataError(f"{root / 'classes.txt'}: expected the numbers 1, 2, ..., one a line")
    return [table[number][0] for number in sorted(table)]


def check(root=None):
    """Every fault of the data set, one line each, naming the file."""
    root = locate(root, FOLDER, publisher=PUBLISHER, layout=LAYOUT)
    rows = _rows(root)
    species = len(names(root))
    if (len(rows), species) != (COUNT, SPECIES):
        yield (f"{root}: lists {len(rows)} images of {species} species, "
               f"expected {COUNT} of {SPECIES}")
    for row in rows:
        try:
            read_image(row["file"])
        except DataError as fault:
            yield str(fault)


def _rows(root):
    """What the four lists say of each image, by its number; DataError where they disagree."""
    files, labels = _table(root / "images.txt", 1), _table(root / "image_class_labels.txt", 1)
    training, boxes = _table(root / "train_test_split.txt", 1), _table(
        root / "bounding_boxes.txt", 4
    )
    for name, table in (("image_class_labels", labels), ("train_test_split", training),
                        ("bounding_boxes", boxes)):
        if odd := sorted(set(files) ^ set(table)):
            raise DataError(f"{root / name}.txt: image {odd[0]} is in it or in images.txt alone")
    species = len(names(root))
    return [
        {
            "file": root / "images" / files[number][0],
            "label": _whole(root / "image_class_labels.txt", labels[number][0], 1, species) - 1,
            "train": _whole(root / "train_test_split.txt", training[number][0], 0, 1) == 1,
            "box": _box(root / "bounding_boxes.txt", number, boxes[number]),
        }
        for number in sorted(files)
    ]


def _chosen(rows, split):
    rows = [row for row in rows if row["train"] == (split != "test")]
    if split == "validation":
        return rows[9::10]
    return [row for i, row in enumerate(rows) if split != "fit" or i % 10 != 9]


def _table(file, columns):
    """number -> words, of lines with a number and so many words; DataError for any other."""
    found = {}
    for i, line in enumerate(read_bytes(file).decode("utf-8", "replace").splitlines(), 1):
        number, *words = line.split() or [""]
        if not line.strip():
            continue
        if not number.isdecimal() or len(words) != columns:
            raise DataError(f"{file}: line {i}: expected a number and {columns} more, got {line!r}")
        if int(number) in found:
            raise DataError(f"{file}: line {i}: the number {number} comes twice")
        found[int(number)] = words
    if not found:
        raise DataError(f"{file}: is empty. Get it from {PUBLISHER}")
    return found


def _whole(file, word, low, high):
    if not word.isdecimal() or not low <= int(word) <= high:
        raise DataError(f"{file}: expected whole numbers {low}..{high}, got {word!r}")
    return int(word)


def _box(file, number, words):
    """(x, y, width, height) as text -> (x1, y1, x2, y2), px."""
    try:
        x, y, w, h = map(float, words)
    except ValueError:
        raise DataError(f"{file}: image {number}: expected 4 numbers, got {words}") from None
    if not (w > 0 and h > 0):
        raise DataError(f"{file}: image {number}: expected a width and a height, got {words}")
    return np.float32([x, y, x + w, y + h])


def _picture(row, size):
    """A photograph and its box, both resized: uint8 [size, size, 3], float32 [4]."""
    image = read_image(Path(row["file"]))
    h, w = image.shape[:2]
    how = cv2.INTER_AREA if min(h, w) > size else cv2.INTER_LINEAR
    scale = np.float32([size / w, size / h] * 2)
    return cv2.resize(image, (size, size), interpolation=how), row["box"] * scale
