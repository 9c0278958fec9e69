"""Pictures of found objects: boxes, names, scores and masks."""

import numpy as np

from tfvision.viz.canvas import Canvas
from tfvision.viz.classes import name_of
from tfvision.viz.labels import palette


def detection(image, boxes, scores, class_ids, names, *, masks=None):
    """Boxes with name and score, over their masks where there are any: uint8 [h, w, 3].

    image      uint8 [h, w, c]
    boxes      float [n, 4], (x1, y1, x2, y2) px, continuous edges
    scores     float [n]
    class_ids  int [n]
    masks      uint8 [n, h, w], 0 or 1, or None
    """
    canvas = Canvas(image)
    colours = object_colours(class_ids, names, of_each=masks is not None)
    order = np.argsort(scores, kind="stable")  # The best on top.
    for i in order if masks is not None else ():
        canvas.tint(masks[i], colours[i])
    for i in order:
        canvas.box(boxes[i], colours[i])
    for i in order:
        text = f"{name_of(class_ids[i], names)} {scores[i]:.2f}"
        canvas.label(text, boxes[i][:2], colours[i])
    return canvas.picture


def object_colours(class_ids, names, *, of_each):
    """A colour per object: its class's, or its own."""
    count = len(class_ids) if of_each else max([len(names), *(int(i) + 1 for i in class_ids)])
    colours = palette(count + 1)[1:]
    numbers = range(count) if of_each else class_ids
    return [tuple(int(v) for v in colours[int(i)]) for i in numbers]
