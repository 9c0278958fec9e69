"""COCO's numbers are pycocotools' own, in memory and through files; and an independent loop's."""

import contextlib
import io
import json
import sys
import types

import numpy as np
import pytest

from tfvision.metrics import coco_ap, detection
from tfvision.metrics.detection import found_in

mask_api = pytest.importorskip("pycocotools.mask", reason="pip install tfvision[detection]")
SIZE = (48, 64)
LIMITS = {"": (0, 1e10), "_small": (0, 32**2), "_medium": (32**2, 96**2), "_large": (96**2, 1e10)}


class Truth(list):
    """Records as an ObjectSet has them, as far as the metrics look."""

    def __init__(self, records, classes=("a", "b", "c"), ids=(3, 5, 9)):
        super().__init__(records)
        self.classes, self.category_ids = classes, ids


def record(boxes, classes, ignore, number, masks=None, size=(120, 160)):
    boxes = np.reshape(np.float32(boxes), [-1, 4])
    rles = None if masks is None else [mask_api.encode(np.asfortranarray(m)) for m in masks]
    areas = np.prod(boxes[:, 2:].astype(float) - boxes[:, :2], 1)
    return types.SimpleNamespace(
        name=f"{number}", boxes=boxes, classes=np.array(classes, np.int32), number=number,
        ignore=np.array(ignore, bool).reshape(-1), size=size, rles=lambda: rles,
        areas=areas if masks is None else np.array([float(m.sum()) for m in masks]),
    )


def random_case(random, masks=False):
    records, results, numbers = [], [], random.permutation(1000)
    for i in range(random.integers(1, 5)):
        n = random.integers(0, 7)
        boxes, classes = random_boxes(random, n, masks), random.integers(0, 3, n)
        near = boxes[random.integers(0, n, random.integers(0, 9))] if n else boxes[:0]
        near = near + random.integers(-4, 5, near.shape)
        said = np.concatenate([near, random_boxes(random, random.integers(0, 4), masks)])
        h, w = SIZE if masks else (120, 160)
        said = np.clip(said, 0, [w - 2, h - 2, w, h])
        said[:, 2:] = np.maximum(said[:, 2:], said[:, :2] + 1)
        scores = random.permutation(len(said)) / 20 + 0.01 + i / 1000  # All different.
        drawn = [np.stack([rectangle(b) for b in one]) if len(one) else np.zeros((0, *SIZE))
                 for one in (boxes, said)] if masks else (None, None)
        ignore = random.random(n) < 0.2
        records.append(record(boxes, classes, ignore, int(numbers[i]), drawn[0], (h, w)))
        results.append(found_in(said, scores, random.integers(0, 3, len(said)), masks=drawn[1]))
    return Truth(records), results


def random_boxes(random, n, small):
    h, w = SIZE if small else (120, 160)
    low = np.stack([random.integers(0, w - 8, n), random.integers(0, h - 8, n)], 1)
    side = random.integers(4, (30 if small else 130), [n, 2])
    return np.concatenate([low, np.minimum(low + side, [w, h])], 1).astype(float).reshape(-1, 4)


def rectangle(box):
    mask = np.zeros(SIZE, np.uint8)
    x1, y1, x2, y2 = np.round(box).astype(int)
    mask[y1:y2, x1:x2] = 1
    return mask


def slow_overlap(said, known, crowd):
    w = min(said[2], known[2]) - max(said[0], known[0])
    h = min(said[3], known[3]) - max(said[1], known[1])
    inner = float(max(w, 0)) * float(max(h, 0))
    areas = [float(b[2] - b[0]) * float(b[3] - b[1]) for b in (said, known)]
    return inner / areas[0] if crowd else inner / (areas[0] + areas[1] - inner)


def slow_matches(one, known, label, iou, limits):
    """(score, right, ignored) of an image's detections, and how many objects are wanted."""
    low, high = limits
    mine = np.flatnonzero(known.classes == label)
    ignore = {j: known.ignore[j] or not low <= known.areas[j] <= high for j in mine}
    mine = sorted(mine, key=lambda j: ignore[j])
    taken, rows = set(), []
    for r in [r for r in np.flatnonzero(one.classes == label)][:100]:
        best, at = min(iou, 1 - 1e-10), None
        for j in mine:
            if j in taken and not known.ignore[j]:
                continue
            if at is not None and not ignore[at] and ignore[j]:
                break
            overlap = slow_overlap(one.boxes[r], known.boxes[j], known.ignore[j])
            if overlap >= best:
                best, at = overlap, j
        if at is not None:
            taken.add(at)
            rows.append((one.scores[r], not ignore[at], ignore[at]))
        else:
            area = float(np.prod(one.boxes[r, 2:].astype(float) - one.boxes[r, :2]))
            rows.append((one.scores[r], False, not low <= area <= high))
    return rows, sum(not ignore[j] for j in mine)


def slow_ap(truth, results, label, iou, limits):
    """COCO's interpolated precision at 101 recalls; None without objects."""
    parts = [slow_matches(one, known, label, iou, limits)
             for one, known in zip(results, truth, strict=True)]
    wanted = sum(part[1] for part in parts)
    if not wanted:
        return None
    rows = sorted((row for part in parts for row in part[0] if not row[2]), key=lambda r: -r[0])
    right = np.cumsum([row[1] for row in rows])
    recall = right / wanted
    precision = right / np.arange(1, len(rows) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(recall, np.linspace(0, 1, 101), side="left")
    return np.mean([precision[p] if p < len(rows) else 0.0 for p in places])


def test_200_random_cases_equal_the_slow_loop():
    random, defined = np.random.default_rng(0), 0
    for _ in range(200):
        truth, results = random_case(random)
        if not sum((~one.ignore).sum() for one in truth):
            continue
        stats, _ = coco_ap.average_precision(truth, results)
        for suffix, iou in (("50", 0.5), ("75", 0.75)):
            slow = [slow_ap(truth, results, i, iou, LIMITS[""]) for i in range(3)]
            slow = np.mean([value for value in slow if value is not None])
            assert stats[f"ap{suffix}"] == pytest.approx(slow, abs=1e-9)
        defined += 1
    assert defined > 150


def test_areas_and_classes_equal_the_slow_loop():
    random = np.random.default_rng(1)
    thresholds = np.linspace(0.5, 0.95, 10)
    for _ in range(15):
        truth, results = random_case(random)
        if not sum((~one.ignore).sum() for one in truth):
            continue
        stats, by_class = coco_ap.average_precision(truth, results)
        for suffix, limits in LIMITS.items():
            slow = [[slow_ap(truth, results, i, t, limits) for t in thresholds] for i in range(3)]
            means = {n: np.mean(v) for n, v in zip("abc", slow, strict=True) if v[0] is not None}
            assert (f"ap{suffix}" in stats) == bool(means), "what is undefined is left out"
            if means:
                mean = np.mean(list(means.values()))
                assert stats[f"ap{suffix}"] == pytest.approx(mean, abs=1e-9)
            if not suffix:
                assert by_class == pytest.approx(means, abs=1e-9)


@pytest.mark.parametrize("masks", [False, True])
def test_files_that_pycocotools_reads_alone_give_the_numbers_that_are_printed(tmp_path, masks):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truth, results = random_case(np.random.default_rng(5), masks)
    printed = detection.scores(truth, results, masks=masks)
    files = coco_ap.write(tmp_path / "evaluation", truth, results, masks=masks)
    assert [f.name for f in files] == ["truth.json", "boxes.json", "masks.json"][: 2 + masks]
    assert sorted(f.name for f in (tmp_path / "evaluation").iterdir()) == sorted(
        f.name for f in files), "nothing else is left there"
    for file, kind, prefix in zip(files[1:], ("bbox", "segm"), ("box_", "mask_"), strict=False):
        with contextlib.redirect_stdout(io.StringIO()):
            known = COCO(str(files[0]))
            judge = COCOeval(known, known.loadRes(str(file)), kind)
            judge.evaluate()
            judge.accumulate()
            judge.summarize()
        prefix = prefix if masks else ""
        for name, value in zip(coco_ap.NAMES, judge.stats, strict=True):
            assert printed.get(prefix + name, -1) == value, "to the last bit"
    rows = json.loads(files[1].read_text())
    assert {row["image_id"] for row in rows} <= {one.number for one in truth}
    assert {row["category_id"] for row in rows} <= {3, 5, 9}, "the publisher's numbers"


def test_masks_that_are_right_in_wrong_boxes_count_as_masks():
    truth, _ = random_case(np.random.default_rng(6), True)
    truth = Truth([record([(5, 5, 25, 25)], [0], [False], 1, [rectangle((5, 5, 25, 25))], SIZE)])
    found = found_in([(0, 0, 60, 40)], [0.9], [0], masks=[rectangle((5, 5, 25, 25))])
    scores = detection.scores(truth, [found], masks=True)
    assert scores["mask_ap"] == pytest.approx(1) and scores["box_ap"] == 0


def test_no_detections_score_0_and_perfect_ones_1():
    truth = Truth([record([(5, 5, 25, 25)], [0], [False], 1)])
    none = coco_ap.average_precision(truth, [found_in([], [], [])])[0]
    assert none["ap"] == none["ar100"] == 0
    perfect = coco_ap.average_precision(truth, [found_in([(5, 5, 25, 25)], [0.3], [0])])
    assert perfect[0]["ap"] == pytest.approx(1) and perfect[1] == {"a": pytest.approx(1)}
    assert perfect[0]["ap_small"] == pytest.approx(1) and "ap_large" not in perfect[0]


def test_a_crowd_may_be_found_often_or_not_at_all():
    truth = Truth([record([(5, 5, 25, 25), (30, 30, 110, 110)], [0, 0], [False, True], 1)])
    inside = [(5, 5, 25, 25), (31, 31, 50, 50), (60, 60, 90, 90)]
    assert coco_ap.average_precision(truth, [found_in(inside, [0.5, 0.9, 0.8], [0, 0, 0])])[0][
        "ap"] == pytest.approx(1)


@pytest.mark.parametrize("boxes, ignore", [([], []), ([(5, 5, 25, 25)], [True])])
def test_nothing_to_find_is_refused(boxes, ignore):
    truth = Truth([record(boxes, [0] * len(boxes), ignore, 1)])
    with pytest.raises(ValueError, match="Expected something to find"):
        coco_ap.average_precision(truth, [found_in([(5, 5, 9, 9)], [1.0], [0])])


def test_numbers_of_images_that_are_not_all_different_are_replaced():
    truth = Truth([record([(5, 5, 25, 25)], [0], [False], 0) for _ in range(3)])
    assert coco_ap.image_numbers(truth) == [1, 2, 3]
    results = [found_in([(5, 5, 25, 25)], [0.3], [0])] * 3
    assert coco_ap.average_precision(truth, results)[0]["ap"] == pytest.approx(1)


def test_results_that_do_not_belong_to_the_truth_are_refused():
    truth = Truth([record([(5, 5, 25, 25)], [0], [False], 1)])
    with pytest.raises(ValueError, match="Expected one result for each of 1 images"):
        coco_ap.average_precision(truth, [])
    with pytest.raises(ValueError, match="Expected classes 0..2. Received: .3."):
        coco_ap.average_precision(truth, [found_in([(5, 5, 25, 25)], [1.0], [3])])
    with pytest.raises(ValueError, match="Expected masks in the results"):
        coco_ap.results_json(truth, [found_in([(5, 5, 25, 25)], [1.0], [0])], masks=True)


def test_nothing_is_printed(capfd):
    truth, results = random_case(np.random.default_rng(7))
    coco_ap.average_precision(truth, results)
    assert capfd.readouterr() == ("", "")


def test_without_pycocotools_the_extra_is_named(monkeypatch):
    for name in ("pycocotools", "pycocotools.mask", "pycocotools.coco"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ValueError, match=r"pip install 'tfvision\[detection\]'"):
        coco_ap.encoded([np.zeros((3, 3), np.uint8)])
    truth = Truth([record([(5, 5, 25, 25)], [0], [False], 1)])
    with pytest.raises(ValueError, match=r"tfvision\[detection\]"):
        coco_ap.average_precision(truth, [found_in([(5, 5, 25, 25)], [1.0], [0])])
