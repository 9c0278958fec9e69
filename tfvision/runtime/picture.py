"""The picture of a result: what the model saw and what it says about it."""

import numpy as np

from tfvision.runtime.kinds import kind
from tfvision.runtime.numbers import items, parts
from tfvision.viz import boxes, classes, maps, points, skeletons, vectors
from tfvision.viz.canvas import Canvas


def picture(card, inputs, outputs, *, sure=0.5):
    """The drawing that fits the outputs: uint8 RGB [h, w, 3]; None where nothing can be drawn.

    card     of the model; its classes, limbs and edges are used
    inputs   name -> array without a batch: image uint8 [h, w, c], points [n, 3], ...
    outputs  name -> array with a batch of one, in the pixels of the picture
    sure     score from which on a found object is drawn
    """
    one, names, image = parts(outputs), card.get("classes", []), inputs.get("image")
    what = kind(outputs)
    if what == "samples":
        return maps.samples(one["samples"])
    if what == "correspondences" and "points1" in inputs:
        return points.matches(inputs["points1"], inputs["points2"], one["weights"])
    if "points" in inputs and what in ("classification", "segmentation"):
        return point_set(inputs["points"], one, names)
    if image is None:
        return without_image(one)
    if what == "detection":
        one = chosen(one, one["scores"] >= sure)
    draw = DRAWERS.get(what, other)
    return draw(image, one, names, card)


def chosen(one, rows):
    """The outputs of a detector for some of its objects; all but `count` have a row for each."""
    return {name: value[rows] if np.ndim(value) else value for name, value in one.items()}


def point_set(found, one, names):
    """A cloud with its class and what it hangs on (rows of `critical`), or with its parts."""
    found = found[:, :3]
    if "labels" in one:
        return points.cloud(found, names=names, labels=one["labels"])
    critical = None
    if "critical" in one and np.any(one["critical"] >= 0):
        critical = np.isin(np.arange(len(found)), one["critical"])
    return points.cloud(found, one["probabilities"], names, critical=critical)


def segmentation(image, one, names, card):
    k = one["probabilities"].shape[-1] if "probabilities" in one else None
    return classes.segmentation(image, one["labels"], names, count=k)


def detection(image, one, names, card):
    found = one["boxes"], one["scores"], one["class_ids"]
    return boxes.detection(image, *found, names, masks=one.get("masks"))


def classification(image, one, names, card):
    return classes.classification(image, one["probabilities"], names)


def pose(image, one, names, card):
    return skeletons.pose(image, one["keypoints"], card.get("limbs", ()))


def people(image, one, names, card):
    return skeletons.people(image, one["people"], card.get("limbs", ()))


def space(image, one, names, card):
    return skeletons.cuboid(image, one["corners"], card.get("edges", skeletons.CUBOID))


def embedding(image, one, names, card):
    near = {name: one[name] for name in ("neighbours", "distances") if name in one}
    near = near if len(near) == 2 else {}
    return vectors.embedding(image, one["embedding"], names=items(card), **near)


def translation(image, one, names, card):
    return maps.translation(image, one["translated"])


def depth(image, one, names, card):
    return maps.depth(image, one["disparity"])


def features(image, one, names, card):
    return points.features(image, one["keypoints"])


def other(image, one, names, card):
    """An image beside the one that came out, or bars for a vector."""
    for value in one.values():
        if is_image(value):
            return maps.translation(image, value)
    for value in one.values():
        if np.ndim(value) == 1 and np.size(value) > 1:
            return vectors.embedding(image, value)
    return Canvas(image).picture


def without_image(one):
    """The images that came out of something else, in a grid."""
    images = [value for value in one.values() if is_image(value)]
    return maps.samples(np.stack(images[:1])) if images else None


def is_image(value):
    """Whether an array is uint8 [h, w, 1 or 3]."""
    return np.ndim(value) == 3 and value.dtype == np.uint8 and value.shape[2] in (1, 3)


DRAWERS = {
    "segmentation": segmentation,
    "detection": detection,
    "classification": classification,
    "pose": pose,
    "people": people,
    "space": space,
    "embedding": embedding,
    "translation": translation,
    "depth": depth,
    "features": features,
}
