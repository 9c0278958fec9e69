"""Pictures made to fit a model of fixed size, and its results brought back to their pixels."""

import dataclasses

import cv2
import numpy as np

GREY = 128  # Of the border that letterboxing adds.


@dataclasses.dataclass(frozen=True)
class View:
    """Where a picture lies in what the model sees.

    size    (h, w) of the picture, px
    inner   (h, w) of the picture in the model's input, px
    corner  (y, x) of its first pixel there, px
    outer   (h, w) of the model's input, px
    """

    size: tuple[int, int]
    inner: tuple[int, int]
    corner: tuple[int, int]
    outer: tuple[int, int]

    @property
    def scale(self):
        """(x, y): pixels of the model's input per pixel of the picture."""
        return np.array([self.inner[1] / self.size[1], self.inner[0] / self.size[0]])

    @property
    def offset(self):
        """(x, y) of the picture's first pixel in the model's input, px."""
        return np.array([self.corner[1], self.corner[0]], float)


def whole(size):
    """The view of a picture that is taken as it is."""
    return View(size, size, (0, 0), size)


def letterbox(image, outer):
    """The picture, aspect kept, centred on grey: (uint8 [h, w, c], View)."""
    size = image.shape[:2]
    scale = min(outer[0] / size[0], outer[1] / size[1])
    inner = tuple(
        min(max(round(side * scale), 1), limit) for side, limit in zip(size, outer, strict=True)
    )
    corner = tuple((limit - side) // 2 for side, limit in zip(inner, outer, strict=True))
    sheet = np.full([*outer, image.shape[2]], GREY, np.uint8)
    place = tuple(slice(at, at + side) for at, side in zip(corner, inner, strict=True))
    sheet[place] = resize(image, inner)
    return sheet, View(size, inner, corner, tuple(outer))


def stretch(image, outer):
    """The picture as large as the model's input, whatever its aspect: (uint8 [h, w, c], View)."""
    return resize(image, outer), View(image.shape[:2], tuple(outer), (0, 0), tuple(outer))


def resize(image, size, *, nearest=False):
    """An image [h, w, c] in another size (h, w): averaged where smaller, bilinear where larger."""
    if tuple(image.shape[:2]) == tuple(size):
        return image
    smaller = size[0] <= image.shape[0] and size[1] <= image.shape[1]
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    how = cv2.INTER_NEAREST_EXACT if nearest else how
    kind = np.uint8 if image.dtype == np.uint8 else np.float32
    planes = [
        cv2.resize(np.ascontiguousarray(plane.astype(kind)), size[::-1], interpolation=how)
        for plane in np.moveaxis(image, -1, 0)
    ]
    return np.stack(planes, -1).astype(image.dtype)


def forward_boxes(boxes, view):
    """Boxes of the picture in the model's input: float32 [..., 4], continuous edges."""
    return (boxes * np.tile(view.scale, 2) + np.tile(view.offset, 2)).astype(np.float32)


def back(outputs, view):
    """A model's outputs in the pixels of the picture; batch of one.

    outputs  name -> array, named as the cards have it
    view     where the picture lay

    labels [1, h, w] take the nearest value; probabilities [1, h, w, k], disparity [1, h, w],
    translated [1, h, w, c] and masks [1, k, h, w] are interpolated, and disparity, being px of the
    width, is scaled with it. boxes [1, k, 4], keypoints [1, k, 3 or 5], people [1, p, j, 3] and
    corners [1, 8, 2] are moved; boxes are cut at the border of the picture. Masks of slots past
    `count` are left out. All else is returned as it is.
    """
    if view.inner == view.size and view.outer == view.size:
        return dict(outputs)
    count = int(outputs["count"].ravel()[0]) if "count" in outputs else None
    return {name: _back(name, value, view, count) for name, value in outputs.items()}


def _back(name, value, view, count):
    if name in ("labels", "disparity"):
        return _map(value[0][..., None], view, name)[..., 0][None]
    if name == "translated" or (name == "probabilities" and value.ndim == 4):
        return _map(value[0], view, name)[None]
    if name == "masks":
        return _masks(value[0][:count], view)[None]
    if name == "boxes":
        return _boxes(value, view)
    if name in ("keypoints", "people", "corners"):
        return _points(value, view)
    return value


def _map(value, view, name):
    """A map [h, w, c] of the model's input (or of a fraction of its size) on the picture."""
    ratio = np.array(value.shape[:2]) / view.outer
    start = np.round(np.array(view.corner) * ratio).astype(int)
    size = np.maximum(np.round(np.array(view.inner) * ratio).astype(int), 1)
    start = np.minimum(start, np.array(value.shape[:2]) - size)
    part = value[start[0] : start[0] + size[0], start[1] : start[1] + size[1]]
    mapped = resize(part, view.size, nearest=name == "labels")
    return (mapped / view.scale[0]).astype(value.dtype) if name == "disparity" else mapped


def _masks(masks, view):
    """uint8 [n, h, w] of 0 and 1, on the picture."""
    soft = [_map(mask[..., None].astype(np.float32), view, "masks")[..., 0] for mask in masks]
    return np.reshape(np.array(soft, np.float32) >= 0.5, [len(masks), *view.size]).astype(np.uint8)


def _boxes(boxes, view):
    """Continuous edges: plain scale, cut at the border of the picture."""
    moved = (boxes - np.tile(view.offset, 2)) / np.tile(view.scale, 2)
    limit = np.tile(view.size[::-1], 2)
    return np.clip(moved, 0, limit).astype(boxes.dtype)


def _points(points, view):
    """(x, y) with the centre of the first pixel at (0, 0); scale and angle of five columns."""
    moved = points.astype(np.float64)
    moved[..., :2] = (points[..., :2] - view.offset + 0.5) / view.scale - 0.5
    if points.shape[-1] == 5:
        x, y = view.scale
        angle = points[..., 3].astype(np.float64)
        moved[..., 2] /= np.sqrt(x * y)
        moved[..., 3] = np.arctan2(np.sin(angle) / y, np.cos(angle) / x)
    return moved.astype(points.dtype)
