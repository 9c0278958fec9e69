"""How well objects were found: what a detector said, kept per image, and its scores.

    results = []
    for batch in in_order(objects, size=320, batch_size=8):            # data.object_batches
        results += detection.found(model.detect(batch["image"]), batch)
    metrics = detection.scores(objects, results)                       # {"ap": ..., "ap50": ...}
    coco_ap.write(folder, objects, results)                            # truth.json, boxes.json

`truth` is everywhere an ObjectSet (data.objects), `results` a list of Found, one for each of its
records, in their order. Crowds and difficult objects are neither missed nor wrongly found.
"""

import dataclasses

import cv2
import numpy as np

from tfvision import ops
from tfvision.metrics import coco_ap
from tfvision.metrics.box_overlaps import ious


@dataclasses.dataclass(frozen=True, eq=False)
class Found:
    """What was found in one image, the best first.

    boxes    float32 [k, 4], (x1, y1, x2, y2) px of the image as it is
    scores   float32 [k]
    classes  int32 [k]
    rles     k masks as COCO's compressed run lengths, or None where there are none
    """

    boxes: np.ndarray
    scores: np.ndarray
    classes: np.ndarray
    rles: list | None = None

    def bitmaps(self, rows):
        """The masks of some of them: uint8 [n, h, w]."""
        return coco_ap.decoded([self.rles[row] for row in rows])


def found_in(boxes, scores, classes, *, masks=None):
    """A Found from the arrays of one image; detections without a finite box and score are left out.

    boxes    [k, 4], (x1, y1, x2, y2) px
    masks    uint8 [k, h, w] of 0 and 1, or None
    raises   ValueError where the lengths differ
    """
    boxes = np.reshape(np.asarray(boxes, np.float32), [-1, 4])
    scores, classes = np.asarray(scores, np.float32).ravel(), np.asarray(classes).ravel()
    lengths = [len(boxes), len(scores), len(classes), len(boxes) if masks is None else len(masks)]
    if len(set(lengths)) != 1:
        raise ValueError("Expected as many boxes as scores, classes and masks. "
                         f"Received: {lengths}")
    good = np.isfinite(boxes).all(1) & np.isfinite(scores)
    order = np.argsort(-scores, kind="stable")
    order = order[good[order]]
    rles = None if masks is None else coco_ap.encoded(masks[i] for i in order)
    return Found(boxes[order], scores[order], classes[order].astype(np.int32), rles)


def found(outputs, batch):
    """What a model found in a batch of data.object_batches.in_order: list of Found.

    outputs  boxes [b, k, 4] px of the batch's images, scores [b, k], class_ids [b, k], count [b];
             for masks either masks uint8 [b, k, rows, columns], or mask_crops float [b, k, s, s],
             probabilities inside the boxes
    batch    row, view, size; rows -1 are left out
    """
    outputs = {name: np.asarray(value) for name, value in outputs.items()}
    results = []
    for i in np.flatnonzero(np.asarray(batch["row"]) >= 0):
        view, size = batch["view"][i], tuple(int(side) for side in batch["size"][i])
        k = int(outputs["count"][i])
        one = {name: value[i, :k] for name, value in outputs.items() if value.ndim > 1}
        boxes = restored(one["boxes"], view, size)
        masks = None
        if "mask_crops" in one:
            masks = pasted(one["mask_crops"], boxes, size)
        elif "masks" in one:
            masks = [restored_mask(mask, view, size) for mask in one["masks"]]
        results.append(found_in(boxes, one["scores"], one["class_ids"], masks=masks))
    return results


def renamed(results, names, classes):
    """Found by a model of other classes: numbers of `classes` for those of `names`, by name.

    What the data set has no class for is left out.

    raises   ValueError where the two have no name in common
    """
    if tuple(names) == tuple(classes):
        return results
    number = {name: i for i, name in enumerate(classes)}
    numbers = np.array([number.get(name, -1) for name in names], np.int32)
    if (numbers < 0).all():
        raise ValueError(f"Expected some of the model's classes, {', '.join(names[:3])}, ..., in "
                         f"the data set. Received: {', '.join(classes[:3])}, ...")
    return [_chosen(one, numbers[one.classes]) for one in results]


def _chosen(one, classes):
    """A Found with other class numbers, without those that are -1."""
    rows = np.flatnonzero(classes >= 0)
    rles = None if one.rles is None else [one.rles[row] for row in rows]
    return Found(one.boxes[rows], one.scores[rows], classes[rows], rles)


def restored(boxes, view, size):
    """Boxes [k, 4] of a view in px of the image of size (h, w), cut at its border: float32."""
    boxes = (np.asarray(boxes, np.float64) - np.tile(view[2:], 2)) / np.tile(view[:2], 2)
    return np.clip(boxes, 0, [size[1], size[0]] * 2).astype(np.float32)


def restored_mask(mask, view, size):
    """A mask [rows, columns] of a view on the image of size (h, w): uint8 [h, w]."""
    scale, start = np.asarray(view[:2], np.float64), np.asarray(view[2:]).round().astype(int)
    side = np.maximum((np.array(size[::-1]) * scale).round().astype(int), 1)
    part = mask[start[1] : start[1] + side[1], start[0] : start[0] + side[0]].astype(np.float32)
    return (cv2.resize(part, size[::-1], interpolation=cv2.INTER_LINEAR) >= 0.5).astype(np.uint8)


def pasted(crops, boxes, size, *, at_a_time=16):
    """Masks [k, s, s] of boxes, px, on an image of size (h, w): yields uint8 [h, w], k times."""
    drawn = []
    for i in range(0, len(crops), at_a_time):
        part = slice(i, i + at_a_time)
        drawn += list(ops.paste_masks(crops[None, part], boxes[None, part], size=size)[0].numpy())
    return drawn


def scores(truth, results, *, masks=False):
    """COCO's average precision and recall, in 0..1, by name; what is undefined is left out.

    masks    also of masks: names then begin with box_ and mask_
    return   ap, ap50, ap75, ap_small, ap_medium, ap_large, ar1, ar10, ar100, ar_small, ...
    raises   ValueError where there is nothing to find, or the lengths differ
    """
    boxes = coco_ap.average_precision(truth, results)[0]
    if not masks:
        return boxes
    of_masks = coco_ap.average_precision(truth, results, masks=True)[0]
    return {f"box_{name}": value for name, value in boxes.items()} | {
        f"mask_{name}": value for name, value in of_masks.items()
    }


def proposal_scores(truth, proposals, *, most=2000):
    """How many objects have a box that overlaps them, whatever the class, among the first `most`.

    proposals  a list of boxes [n, 4] px, one for each record
    return     proposal_recall: at an IoU of 0.5; proposal_average_recall: the mean over IoUs of
               0.5, 0.55, ... 0.95; proposals: their mean number per image
    raises     ValueError where there is nothing to find, or the lengths differ
    """
    coco_ap.check_lengths(truth, proposals)
    best = []
    for record, boxes in zip(truth, proposals, strict=True):
        wanted = record.boxes[~record.ignore]
        overlaps = ious(wanted, np.reshape(boxes, [-1, 4])[:most])
        best.append(overlaps.max(1, initial=0))
    best = np.concatenate(best)
    if not len(best):
        raise ValueError(f"Expected something to find. Received: {len(truth)} images without any")
    steps = np.arange(0.5, 1.0, 0.05)
    return {
        "proposal_recall": float(np.mean(best >= 0.5)),
        "proposal_average_recall": float(np.mean(best[:, None] >= steps - 1e-9)),
        "proposals": float(np.mean([min(len(boxes), most) for boxes in proposals])),
    }
