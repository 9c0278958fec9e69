"""Images with objects in them: what every reader of detection data returns.

`load` of coco, coco_tiny, voc, bccd, penn_fudan, yolo and synthetic.scenes returns an ObjectSet:

    objects = bccd.load(root, "train")     ObjectSet
    objects.classes                        ("RBC", "WBC", "Platelets"), by class number
    record = objects[0]                    Record: one image and what is in it
    record.pixels()                        uint8 [h, w, 3] RGB, read when asked for
    record.boxes, record.classes           float32 [n, 4] (x1, y1, x2, y2) px, int32 [n]
    record.bitmaps()                       uint8 [n, h, w], drawn when asked for

object_batches.py makes dense batches of it (for training, and in order for evaluation), and
metrics/detection.py compares it with what a detector found. Boxes have continuous edges: the first
pixel is (0, 0, 1, 1). What a reader could not use is in `faults`, a line each; nothing of it is in
the records (annotations.py says what is looked for).
"""

import dataclasses
from pathlib import Path

import numpy as np

from tfvision.data import instance_masks
from tfvision.data.files import read_image


@dataclasses.dataclass(frozen=True, eq=False)
class Record:
    """One image and its n objects; make it by `record`.

    name       of the image, unique in the set
    image      file, or uint8 [h, w, 3] RGB
    size       (h, w), px
    boxes      float32 [n, 4], (x1, y1, x2, y2) px, x1 < x2 and y1 < y2, inside the image
    classes    int32 [n], 0 <= class < number of classes
    crowd      bool [n]: the box holds many objects of its class (COCO's iscrowd)
    difficult  bool [n]: need not be found (Pascal VOC's)
    areas      float64 [n], px: of the mask as the publisher has it, else of the box
    masks      n masks, each in one of the forms of instance_masks.py, or None for an object that
               has no mask; or None for them all
    number     the publisher's id of the image, for result files
    """

    name: str
    image: Path | np.ndarray
    size: tuple[int, int]
    boxes: np.ndarray
    classes: np.ndarray
    crowd: np.ndarray
    difficult: np.ndarray
    areas: np.ndarray
    masks: tuple | None = None
    number: int = 0

    @property
    def ignore(self):
        """bool [n]: neither to be learned nor to be counted as missed: crowd or difficult."""
        return self.crowd | self.difficult

    def pixels(self):
        """The image: uint8 [h, w, 3] RGB; DataError, naming the file, where it is unreadable."""
        return read_image(self.image) if isinstance(self.image, Path) else self.image

    def bitmaps(self):
        """The masks over the whole image: uint8 [n, h, w]; zeros where an object has none."""
        masks = self.masks or [None] * len(self.boxes)
        maps = [instance_masks.bitmap(mask, self.size) for mask in masks]
        return np.reshape(np.array(maps, np.uint8), [len(maps), *self.size])

    def squares(self, side):
        """The masks inside their boxes: uint8 [n, side, side]; zeros where an object has none."""
        masks = self.masks or [None] * len(self.boxes)
        found = [
            instance_masks.square(mask, self.size, box, side)
            for mask, box in zip(masks, self.boxes, strict=True)
        ]
        return np.reshape(np.array(found, np.uint8), [len(found), side, side])

    def rles(self):
        """The masks as COCO's compressed RLE: list of dicts, None where an object has no mask."""
        masks = self.masks or [None] * len(self.boxes)
        return [instance_masks.rle(mask, self.size) for mask in masks]


@dataclasses.dataclass(frozen=True, eq=False)
class ObjectSet:
    """Records of one split, and the names of their classes.

    classes       names by class number
    records       one per image, in the publisher's order; also those without boxes
    faults        what is not in the records, a line each that names the file
    category_ids  the publisher's number of each class, for result files; default: 1, 2, ...
    """

    classes: tuple[str, ...]
    records: tuple[Record, ...]
    faults: tuple[str, ...] = ()
    category_ids: tuple[int, ...] = ()

    def __post_init__(self):
        ids = tuple(self.category_ids) or tuple(range(1, len(self.classes) + 1))
        object.__setattr__(self, "category_ids", ids)
        object.__setattr__(self, "records", tuple(self.records))

    def __len__(self):
        return len(self.records)

    def __iter__(self):
        return iter(self.records)

    def __getitem__(self, at):
        """The record at a number; the set of those in a slice."""
        if isinstance(at, slice):
            return dataclasses.replace(self, records=self.records[at])
        return self.records[at]

    @property
    def most(self):
        """Boxes in the image that has most of them."""
        return max((len(record.boxes) for record in self.records), default=0)

    @property
    def masked(self):
        """Whether there are masks."""
        return any(record.masks for record in self.records)


def record(name, image, size, boxes, classes, *, crowd=None, difficult=None, areas=None,
           masks=None, number=0):
    """A Record from lists or arrays of n items; `crowd` and `difficult` are False by default.

    raises  ValueError where the lengths differ, or a box is empty or outside the image
    """
    boxes = np.reshape(np.asarray(boxes, np.float32), [-1, 4])
    n, (h, w) = len(boxes), size
    classes = np.reshape(np.asarray(classes, np.int32), [-1])
    flags = [np.zeros(n, bool) if flag is None else np.reshape(np.asarray(flag, bool), [-1])
             for flag in (crowd, difficult)]
    if areas is None:
        areas = np.prod(boxes[:, 2:].astype(np.float64) - boxes[:, :2], 1)
    areas = np.reshape(np.asarray(areas, np.float64), [-1])
    lengths = {len(classes), len(areas), *map(len, flags), n if masks is None else len(masks)}
    if lengths != {n}:
        raise ValueError(f"Expected {n} of everything for {n} boxes. Received: {name}: {lengths}")
    x1, y1, x2, y2 = boxes.T
    inside = (0 <= x1) & (x1 < x2) & (x2 <= w) & (0 <= y1) & (y1 < y2) & (y2 <= h)
    if not inside.all():
        bad = boxes[np.flatnonzero(~inside)[0]].tolist()
        raise ValueError(
            f"Expected boxes (x1, y1, x2, y2) within {w} x {h} px, x1 < x2, y1 < y2. "
            f"Received: {name}: {bad}"
        )
    masks = None if masks is None or all(mask is None for mask in masks) else tuple(masks)
    return Record(name, image, (h, w), boxes, classes, *flags, areas, masks, number)
