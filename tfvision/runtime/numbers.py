"""A model's outputs as numbers for JSON, and as one line for the terminal."""

import numpy as np

from tfvision.runtime.kinds import JOINT, kind, single
from tfvision.viz.classes import name_of

MOST = 4096  # Values of an array that are written into JSON.
SEARCH = ("neighbours", "class_ids", "distances")  # Outputs of a search, [k] each.


def numbers(card, outputs):
    """What JSON can hold: objects by name, class, place and score; shares of label maps; arrays.

    card     of the model
    outputs  name -> array with a batch of one (samples: of any)
    return   dict of plain Python values; arrays over 4096 values are left to `arrays`
    """
    one, told = parts(outputs), {}
    names = card.get("classes", [])
    what = kind(outputs)
    if what == "detection":
        told["objects"] = objects(one, names)
    elif what == "segmentation":
        told["classes"] = shares(one["labels"], names)
    elif what == "classification":
        told["classes"] = ranking(one["probabilities"], names)
    elif what == "pose":
        told["keypoints"] = joints(one["keypoints"], card.get("joints", []))
    elif found(one):
        told["neighbours"] = nearest(one, names, items(card))
    used = {"detection": ("boxes", "scores", "class_ids"), "classification": ("probabilities",),
            "pose": ("keypoints",), "embedding": SEARCH if found(one) else ()}.get(what, ())
    small = {name: plain(value) for name, value in one.items()
             if name not in (*used, *arrays(outputs))}
    return told | small


def arrays(outputs):
    """Maps and all else that is too large for JSON: name -> array without the batch."""
    maps = ("labels", "disparity", "translated", "masks", "samples", "descriptors")
    return {
        name: value for name, value in parts(outputs).items()
        if name in maps or np.size(value) > MOST
    }


def parts(outputs):
    """The outputs without their batch; samples keep theirs."""
    if kind(outputs) == "samples":
        return dict(outputs)
    return single(outputs)


def objects(one, names):
    """Box, score and class of each object found."""
    rows = zip(one["boxes"], one["scores"], one["class_ids"], strict=True)
    return [
        {"class": name_of(i, names), "class_id": int(i), "score": plain(score), "box": plain(box)}
        for box, score, i in rows
    ]


def shares(labels, names):
    """The share of pixels of each class that occurs, the largest first."""
    found, counts = np.unique(labels, return_counts=True)
    rows = sorted(zip(found, counts, strict=True), key=lambda row: -row[1])
    return [
        {"class": name_of(i, names), "class_id": int(i), "share": round(int(n) / labels.size, 6)}
        for i, n in rows
    ]


def ranking(probabilities, names):
    """All classes, the most probable first."""
    return [
        {"class": name_of(i, names), "class_id": int(i), "probability": plain(probabilities[i])}
        for i in np.argsort(-probabilities, kind="stable")
    ]


def joints(keypoints, names):
    """Place and score of each joint, px."""
    return [
        {"joint": names[i] if i < len(names) else i, "x": plain(x), "y": plain(y),
         "score": plain(score)}
        for i, (x, y, score) in enumerate(keypoints)
    ]


def found(one):
    """Whether the outputs are those of a search."""
    return set(SEARCH) <= set(one)


def items(card):
    """The files of a gallery's items, by number."""
    return card.get("gallery", {}).get("files", [])


def nearest(one, names, files):
    """What was found in a gallery, the nearest first."""
    rows = zip(*(one[name] for name in SEARCH), strict=True)
    return [
        {"class": name_of(c, names), "class_id": int(c), "item": int(i),
         **({"file": files[i]} if i < len(files) else {}), "distance": plain(distance)}
        for i, c, distance in rows
    ]


def plain(value):
    """An array as lists, floats in their shortest form, null where not finite."""
    if isinstance(value, np.ndarray) and value.ndim:
        return [plain(part) for part in value]
    if np.issubdtype(np.asarray(value).dtype, np.floating):
        return float(str(value)) if np.isfinite(value) else None
    return np.asarray(value).item()


def line(card, outputs, *, sure=0.0):
    """The essentials in a few words; of objects those with this score or more."""
    one, names = parts(outputs), card.get("classes", [])
    if kind(outputs) == "detection":
        one = one | {"class_ids": one["class_ids"][one["scores"] >= sure]}
    words = SENTENCES.get(kind(outputs))
    if words:
        return words(one, names)
    return ", ".join(f"{name} {list(np.shape(value))}" for name, value in one.items())


def of_segmentation(one, names):
    rows = shares(one["labels"], names)
    more = ", ..." if len(rows) > 4 else ""
    return ", ".join(f"{row['class']} {100 * row['share']:.1f}%" for row in rows[:4]) + more


def of_detection(one, names):
    found, counts = np.unique(one["class_ids"], return_counts=True)
    return ", ".join(
        f"{n} {name_of(i, names)}" for i, n in zip(found, counts, strict=True)
    ) or "nothing found"


def of_classification(one, names):
    best = int(np.argmax(one["probabilities"]))
    return f"{name_of(best, names)} {100 * one['probabilities'][best]:.1f}%"


def of_pose(one, names):
    seen = int(np.sum(one["keypoints"][:, 2] >= JOINT))
    return f"{seen} of {len(one['keypoints'])} joints"


def of_people(one, names):
    return "1 person" if len(one["people"]) == 1 else f"{len(one['people'])} people"


def of_space(one, names):
    at = one.get("translation")
    return "a box in space" if at is None else f"at ({', '.join(f'{v:.3g}' for v in at)})"


def of_embedding(one, names):
    text = f"{one['embedding'].size} numbers"
    if found(one):
        rows = zip(one["class_ids"], one["distances"], strict=True)
        return "nearest: " + ", ".join(f"{name_of(c, names)} {d:.3g}" for c, d in rows)
    near = one.get("neighbours")
    return text if near is None or not len(near) else f"{text}, nearest: {int(near[0])}"


def of_samples(one, names):
    n, h, w = one["samples"].shape[:3]
    return f"{n} samples of {w} x {h} px"


def of_translation(one, names):
    return f"translated to {one['translated'].shape[1]} x {one['translated'].shape[0]} px"


def of_depth(one, names):
    low, high = np.nanmin(one["disparity"]), np.nanmax(one["disparity"])
    return f"disparity {low:.3g} to {high:.3g} px"


def of_features(one, names):
    return f"{len(one['keypoints'])} keypoints"


def of_correspondences(one, names):
    weights = one["weights"]
    inliers = int(np.sum(weights > 0.5 * np.max(weights, initial=0)))
    return f"{inliers} of {len(weights)} matches weigh over half the largest"


SENTENCES = {
    "segmentation": of_segmentation,
    "detection": of_detection,
    "classification": of_classification,
    "pose": of_pose,
    "people": of_people,
    "space": of_space,
    "embedding": of_embedding,
    "samples": of_samples,
    "translation": of_translation,
    "depth": of_depth,
    "features": of_features,
    "correspondences": of_correspondences,
}
