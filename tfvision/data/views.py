"""Records as arrays of one size: objects in slots, and the image letterboxed on a canvas."""

import cv2
import numpy as np

GREY = 128  # Beyond the image.


def slotted(record, slots, mask_side=None):
    """A record's objects in `slots` slots, the empty ones behind, in px of its image.

    slots      at least as many as the record has boxes
    mask_side  s, or None for no masks; with it an object that has no mask is ignored
    return     dict of boxes float32 [m, 4], classes int32 [m] (-1 = empty), ignore bool [m],
               and, with mask_side, masks uint8 [m, s, s]
    """
    n = len(record.boxes)
    found = {
        "boxes": np.zeros([slots, 4], np.float32),
        "classes": np.full([slots], -1, np.int32),
        "ignore": np.zeros([slots], bool),
    }
    found["boxes"][:n], found["classes"][:n] = record.boxes, record.classes
    found["ignore"][:n] = record.ignore
    if mask_side:
        found["masks"] = np.zeros([slots, mask_side, mask_side], np.uint8)
        found["masks"][:n] = record.squares(mask_side)
        without = [mask is None for mask in record.masks or [None] * n]
        found["ignore"][:n] |= np.array(without, bool)
    return found


def shown(record, size, slots, mask_side=None):
    """A record letterboxed on a canvas of a size (rows, columns), as `slotted`, with

    image   uint8 [*size, 3], averaged where it becomes smaller
    size    int32 [2], (h, w) px of the record's image
    view    float32 [4], (scale x, scale y, x, y) from its px to the canvas's
    """
    image, view = letterboxed(record.pixels(), size)
    found = slotted(record, slots, mask_side)
    here = found["classes"] >= 0
    found["boxes"][here] = found["boxes"][here] * np.tile(view[:2], 2) + np.tile(view[2:], 2)
    found["boxes"] = np.clip(found["boxes"], 0, np.float32([*size[::-1]] * 2))
    return found | {"image": image, "size": np.int32(record.size), "view": view}


def letterboxed(image, size):
    """An image [h, w, 3] as large as fits, in the middle of grey: uint8 [*size, 3], view [4]."""
    shape = image.shape[:2]
    ratio = min(size[0] / shape[0], size[1] / shape[1])
    inner = [min(max(round(side * ratio), 1), limit)
             for side, limit in zip(shape, size, strict=True)]
    corner = [(limit - side) // 2 for side, limit in zip(inner, size, strict=True)]
    how = cv2.INTER_AREA if ratio < 1 else cv2.INTER_LINEAR
    sheet = np.full([*size, image.shape[2]], GREY, np.uint8)
    part = cv2.resize(image, inner[::-1], interpolation=how) if inner != [*shape] else image
    sheet[corner[0] : corner[0] + inner[0], corner[1] : corner[1] + inner[1]] = part
    view = [inner[1] / shape[1], inner[0] / shape[0], corner[1], corner[0]]
    return sheet, np.array(view, np.float32)


def canvas_of(size):
    """(rows, columns) from a side or a pair; ValueError for any other."""
    pair = (size, size) if isinstance(size, int | np.integer) else tuple(size)
    if len(pair) != 2 or min(pair) < 1:
        raise ValueError(f"Expected a side or (rows, columns), px, from 1. Received: {size=}")
    return tuple(int(side) for side in pair)
