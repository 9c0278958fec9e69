"""Penn-Fudan: 170 street scenes with pedestrians, each drawn as a mask (Wang et al., 2007).

Your own data, too: a picture of object numbers (0 background, k = object k) for each image.
"""

import cv2
import numpy as np

from tfvision.data import annotations
from tfvision.data.annotations import Annotation, every_fifth, images_by_name
from tfvision.data.files import DataError, choose_split, locate, read_image
from tfvision.data.instance_masks import Patch
from tfvision.data.objects import ObjectSet

FOLDER = "penn_fudan"
PUBLISHER = "https://www.cis.upenn.edu/~jshi/ped_html/"
LAYOUT = "PennFudanPed/PNGImages/NAME.png (or .jpg) and PennFudanPed/PedMasks/NAME_mask.png"
LICENCE = "all rights with the authors; may not be re-posted without their permission"
CLASSES = ("pedestrian",)
SPLITS = ("train", "validation")


def load(root=None, split="train", *, bad_boxes="skip"):
    """The pedestrians of a split: an ObjectSet with masks; boxes lie tight around them.

    root       folder with PennFudanPed/, or with PNGImages/ and PedMasks/; default: files.locate
    split      "validation" is every fifth image by name, "train" the others
    bad_boxes  "skip": faults are left out, and a line on stderr says so; "refuse": the first is
               an error
    raises     DataError that names the file
    """
    choose_split(split, SPLITS)
    root = locate(root, FOLDER, publisher=PUBLISHER, layout=LAYOUT)
    return annotations.load(_read, root, split, bad_boxes)


def check(root=None):
    """Every fault of the data set, one line each, naming the file."""
    root = locate(root, FOLDER, publisher=PUBLISHER, layout=LAYOUT)
    yield from annotations.check(_read, root, SPLITS)


def _read(root, split, tell):
    home = root / "PennFudanPed" if (root / "PennFudanPed").is_dir() else root
    images = sorted(set(images_by_name([home / "PNGImages"]).values()))
    if not images:
        raise DataError(f"{home / 'PNGImages'}: no images. Expected: {LAYOUT}")
    records = []
    for image in every_fifth(images, split):
        mask = home / "PedMasks" / f"{image.stem}_mask.png"
        try:
            numbers = id_map(mask)
        except DataError as fault:
            tell(str(fault))
            continue
        size = numbers.shape
        one = annotations.image_record(image.stem, image, objects_of(mask, numbers), tell,
                                       size=size)
        records += [one] if one else []
    return ObjectSet(CLASSES, records)


def id_map(file):
    """Object numbers from a grey image of 8 or 16 bits: integer [h, w]; DataError for any other."""
    numbers = read_image(file, cv2.IMREAD_UNCHANGED)
    if numbers.shape[2] != 1 or numbers.dtype.kind != "u":
        raise DataError(f"{file}: expected a grey image of object numbers, found {numbers.dtype} "
                        f"with {numbers.shape[2]} channels")
    return numbers[..., 0]


def objects_of(file, numbers):
    """An Annotation of class 0 for every number but 0 in a map [h, w]."""
    found = []
    for number in np.unique(numbers[numbers > 0]):
        mask = numbers == number
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        y1, y2, x1, x2 = (int(v) for v in (rows[0], rows[-1] + 1, columns[0], columns[-1] + 1))
        patch = Patch(mask[y1:y2, x1:x2].astype(np.uint8), x1, y1)
        found.append(Annotation(f"{file}: object {number}", (x1, y1, x2, y2), 0, mask=patch,
                                area=float(patch.pixels.sum())))
    return found
