"""What came out of a model, told from the names of its outputs."""

import numpy as np

JOINT = 0.1  # Score from which a joint counts as seen.


def kind(outputs):
    """The word for what the outputs are, as `numbers` and `picture` want it.

    outputs  name -> array with a batch; names as every exported model has them
    return   "segmentation", "detection", "pose", "people", "space", "embedding", "samples",
             "translation", "depth", "features", "correspondences", "classification" or "other"
    """
    if "keypoints" in outputs:
        return "features" if outputs["keypoints"].shape[-1] == 5 else "pose"
    for name, word in NAMES.items():
        if name in outputs:
            return word
    return "classification" if np.ndim(outputs.get("probabilities")) == 2 else "other"


NAMES = {
    "labels": "segmentation",
    "boxes": "detection",
    "people": "people",
    "corners": "space",
    "embedding": "embedding",
    "samples": "samples",
    "translated": "translation",
    "disparity": "depth",
    "essential": "correspondences",
}


def single(outputs):
    """The outputs without their batch of one, cut to `count` where there is one.

    What is cut has one row for each of the slots that `count` counts.
    """
    one = {name: value[0] for name, value in outputs.items()}
    count = one.pop("count", None)
    if count is None:
        return one
    slots = next((len(one[name]) for name in ("boxes", "people", "keypoints") if name in one), -1)
    return {
        name: value[: int(count)] if np.ndim(value) and name in ROWS and len(value) <= slots
        else value
        for name, value in one.items()
    }


ROWS = ("boxes", "scores", "class_ids", "masks", "people", "keypoints", "descriptors")
