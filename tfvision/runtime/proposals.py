"""Proposals for detectors that are given boxes: selective search as the model sees the picture."""

import numpy as np

from tfvision.runtime import fit
from tfvision.runtime.selective_search import selective_search

COUNT = 2000  # Where a model takes any number of boxes.


def propose(image, size=None, *, mode="fast", count=COUNT):
    """Boxes that may hold objects, the likely ones first.

    image   uint8 [h, w, 3] RGB, or [h, w, 1] grey
    size    (rows, columns) that a model letterboxes pictures to: the search is done at that size,
            on what is not border; None: on the picture as it is
    mode    "fast" or "quality", as selective_search has it
    return  float32 [n, 4] (x1, y1, x2, y2), px of the image
    """
    if size is None:
        return selective_search(image, mode=mode, count=count)
    sheet, view = fit.letterbox(image, tuple(size))
    part = sheet[tuple(slice(at, at + side) for at, side in zip(view.corner, view.inner,
                                                                strict=True))]
    boxes = selective_search(part, mode=mode, count=count) / np.tile(view.scale, 2)
    return np.minimum(boxes, np.tile(view.size[::-1], 2)).astype(np.float32)


def for_model(image, specs, *, mode="fast"):
    """The proposals that a model takes, searched in the picture as it will see it: float32 [n, 4].

    specs    its inputs: name -> (dtype, shape), -1 where any size is fine
    mode     as in `propose`
    """
    rows, columns = specs["image"][1][1:3]
    count = specs["proposals"][1][1]
    return propose(image, None if -1 in (rows, columns) else (rows, columns),
                   mode=mode, count=COUNT if count == -1 else count)
