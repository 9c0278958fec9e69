"""COCO's average precision and recall of boxes and masks, computed by pycocotools itself."""

import contextlib
import importlib
import io
import json
import os
from pathlib import Path

import numpy as np

NAMES = (
    "ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large",
    "ar1", "ar10", "ar100", "ar_small", "ar_medium", "ar_large",
)


def average_precision(truth, results, *, masks=False):
    """The twelve numbers by name, and the AP of each class: ({name: 0..1}, {class: 0..1}).

    What is undefined (no object of such a size or class) is left out.

    truth    an ObjectSet (data.objects)
    results  a list of Found (detection.py), one for each record
    raises   ValueError where there is nothing to find, or where pycocotools is missing
    """
    check_lengths(truth, results)
    wanted = sum(int(np.sum(~record.ignore)) for record in truth)
    if not wanted:
        raise ValueError(f"Expected something to find. Received: {len(truth)} images without any")
    judge = judged(truth_json(truth, masks=masks), results_json(truth, results, masks=masks),
                   masks=masks)
    stats = {name: float(v) for name, v in zip(NAMES, judge.stats, strict=True) if v >= 0}
    precision = judge.eval["precision"][:, :, :, 0, -1]  # [IoUs, recalls, classes]
    means = [values[values >= 0] for values in np.moveaxis(precision, 2, 0)]
    return stats, {
        name: float(values.mean()) for name, values in zip(truth.classes, means, strict=True)
        if values.size
    }


def judged(truth, results, *, masks=False):
    """pycocotools' COCOeval after all of its steps, run without a word.

    truth    dict as in COCO's instance files
    results  list of dicts as in COCO's result files
    """
    coco, evaluation = _pycocotools("coco"), _pycocotools("cocoeval")
    with contextlib.redirect_stdout(io.StringIO()):
        known, said = coco.COCO(), coco.COCO()
        known.dataset = truth
        known.createIndex()
        if results:
            said = known.loadRes(results)
        else:  # loadRes fails on an empty list.
            said.dataset = {**truth, "annotations": []}
            said.createIndex()
        judge = evaluation.COCOeval(known, said, "segm" if masks else "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return judge


def write(folder, truth, results, *, masks=False):
    """truth.json and boxes.json (and masks.json), which pycocotools reads on its own.

    Image and category numbers are the publisher's where the records have them, so that the
    results can be handed in.

    return   the paths
    """
    content = {"truth": truth_json(truth, masks=masks), "boxes": results_json(truth, results)}
    if masks:
        content["masks"] = results_json(truth, results, masks=True)
    return [_write(Path(folder, f"{name}.json"), data) for name, data in content.items()]


def truth_json(truth, *, masks=False):
    """The records as COCO's instances: difficult objects are crowds, the only kind it ignores."""
    images, annotations = [], []
    for number, record in zip(image_numbers(truth), truth, strict=True):
        h, w = record.size
        images.append({"id": number, "width": int(w), "height": int(h), "file_name": record.name})
        rles = record.rles() if masks else [None] * len(record.boxes)
        for i, (box, rle) in enumerate(zip(record.boxes, rles, strict=True)):
            annotations.append({
                "id": len(annotations) + 1, "image_id": number,
                "category_id": truth.category_ids[record.classes[i]], "bbox": _corner_and_size(box),
                "area": float(record.areas[i]), "iscrowd": int(record.ignore[i]),
            })
            if masks:  # Without one it cannot be found: it is ignored.
                annotations[-1]["iscrowd"] |= rle is None
                rle = rle or encoded([np.zeros(record.size, np.uint8)])[0]
                annotations[-1]["segmentation"] = _as_text(rle)
    names = zip(truth.category_ids, truth.classes, strict=True)
    categories = [{"id": number, "name": name} for number, name in names]
    return {"images": images, "annotations": annotations, "categories": categories, "info": {}}


def results_json(truth, results, *, masks=False):
    """The results as COCO's result files have them: list of dicts.

    raises   ValueError for a class that the truth does not know, or for masks that are missing
    """
    check_lengths(truth, results)
    rows = []
    for number, one in zip(image_numbers(truth), results, strict=True):
        if len(one.classes) and not 0 <= min(one.classes) <= max(one.classes) < len(truth.classes):
            raise ValueError(f"Expected classes 0..{len(truth.classes) - 1}. "
                             f"Received: {sorted(set(one.classes.tolist()))}")
        if masks and one.rles is None:
            raise ValueError("Expected masks in the results. Received: none")
        for i in range(len(one.boxes)):
            row = {"image_id": number, "category_id": truth.category_ids[one.classes[i]]}
            place = {"segmentation": _as_text(one.rles[i])} if masks else {
                "bbox": _corner_and_size(one.boxes[i])}
            rows.append(row | place | {"score": float(one.scores[i])})
    return rows


def image_numbers(truth):
    """The publisher's number of each image; 1, 2, ... where they are not all different."""
    numbers = [int(record.number) for record in truth]
    return numbers if len(set(numbers)) == len(numbers) else list(range(1, len(numbers) + 1))


def encoded(masks):
    """Masks uint8 [h, w] as compressed run lengths: list of dicts."""
    mask = _pycocotools("mask")
    return [mask.encode(np.asfortranarray(one, np.uint8)) for one in masks]


def decoded(rles):
    """Masks from compressed run lengths: uint8 [n, h, w]; [0, 0, 0] of none."""
    if not rles:
        return np.zeros([0, 0, 0], np.uint8)
    return np.moveaxis(_pycocotools("mask").decode(rles), -1, 0)


def check_lengths(truth, results):
    """ValueError where there is not one result for each record."""
    if len(truth) != len(results):
        raise ValueError(f"Expected one result for each of {len(truth)} images. "
                         f"Received: {len(results)}")


def _corner_and_size(box):
    x1, y1, x2, y2 = map(float, box)
    return [x1, y1, x2 - x1, y2 - y1]


def _as_text(rle):
    """Run lengths that JSON can hold."""
    counts = rle["counts"]
    counts = counts.decode("ascii") if isinstance(counts, bytes) else counts
    return {"size": [int(side) for side in rle["size"]], "counts": counts}


def _write(file, data):
    """JSON, written whole or not at all; returns the path."""
    file.parent.mkdir(parents=True, exist_ok=True)
    hidden = file.with_name(f".{os.getpid()}.{file.name}")
    hidden.write_text(json.dumps(data))
    os.replace(hidden, file)
    return file


def _pycocotools(name):
    """A module of pycocotools; ValueError that names the extra where it is not installed."""
    try:
        return importlib.import_module(f"pycocotools.{name}")
    except ImportError:
        raise ValueError("Expected the package pycocotools, for COCO's metrics: "
                         "pip install 'tfvision[detection]'. Received: not installed") from None
