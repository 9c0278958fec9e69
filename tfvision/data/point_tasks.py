"""Which data sets of points there are for a task, read once per process."""

import importlib
from functools import cache

import numpy as np

from tfvision.data import digit_points, mnist
from tfvision.data.synthetic import rooms, solids

CLASSIFY, PART, SEMANTIC = "classify", "part", "semantic"
TASKS = {  # What a data set has labels for, where it is not just classes.
    "embedded": (CLASSIFY, PART, SEMANTIC), "shapenet_parts": (PART, CLASSIFY),
    "indoor3d": (SEMANTIC,),
}


def check_task(data, task):
    """ValueError where a data set has no labels for a task."""
    there = TASKS.get(data, (CLASSIFY,))
    if task not in there:
        raise ValueError(
            f"Expected --task of {', '.join(there)} for --data {data}. Received: task={task!r}"
        )


@cache
def load(data, root, split, task, count):
    """A split: points float32 [n, p, d], and label int32 [n] or part int32 [n, p], or both.

    data   "embedded", "mnist" (as points in the plane), or the name of a reader
    count  points of a digit; others may have more
    """
    if data == "embedded":
        return rooms.load(split) if task == SEMANTIC else solids.load(split)
    if data == "mnist":
        found = mnist.load(root, split)
        points = digit_points.digit_points(found["image"], count)
        return {"points": points, "label": found["label"]}
    return reader(data).load(root, split)


def reader(data):
    """The module that reads a data set."""
    return importlib.import_module(f"tfvision.data.{data}")


def wanted(task):
    """The arrays that a training on the task needs."""
    return {CLASSIFY: ("points", "label"), PART: ("points", "label", "part"),
            SEMANTIC: ("points", "part")}[task]


def names(data, root, task):
    """Of what is told apart: of classes, or of parts."""
    if data == "embedded":
        return {CLASSIFY: solids.CLASSES, PART: solids.NAMES, SEMANTIC: rooms.CLASSES}[task]
    if data == "mnist":
        return mnist.CLASSES
    if task == PART:
        return [str(number) for number in range(parts(data, root).shape[1])]
    return reader(data).names(root)


def parts(data, root):
    """Which parts each category has: bool [categories, k]."""
    if data == "embedded":
        return solids.parts()
    known = load(data, root, "train", PART, 0)
    return np.asarray(reader(data).parts(known, len(reader(data).names(root))))
