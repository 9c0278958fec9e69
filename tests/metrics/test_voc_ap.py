"""VOC's average precision against a plain loop over what the development kit's text says."""

import types

import numpy as np
import pytest

from tfvision.metrics import voc_ap
from tfvision.metrics.box_overlaps import ious
from tfvision.metrics.detection import Found, found_in


class Truth(list):
    """Records as an ObjectSet has them, as far as the metrics look."""

    def __init__(self, records, classes=3):
        super().__init__(records)
        self.classes = tuple("abc"[:classes])
        self.category_ids = tuple(range(1, classes + 1))


def record(boxes, classes, ignore=None, number=0, size=(100, 100)):
    boxes = np.reshape(np.float32(boxes), [-1, 4])
    ignore = np.zeros(len(boxes), bool) if ignore is None else np.array(ignore, bool)
    areas = np.prod(boxes[:, 2:].astype(float) - boxes[:, :2], 1)
    return types.SimpleNamespace(
        name=str(number), boxes=boxes, classes=np.array(classes, np.int32), ignore=ignore,
        areas=areas, number=number, size=size,
    )


def random_boxes(random, n):
    low = random.integers(0, 80, [n, 2])
    return np.concatenate([low, low + random.integers(5, 40, [n, 2])], 1).clip(0, 100)


def random_case(random):
    """A few images with objects, some ignored, and detections near some of them; scores tie."""
    records, results = [], []
    for i in range(random.integers(1, 5)):
        n, extra = random.integers(0, 6), random.integers(0, 5)
        boxes, classes = random_boxes(random, n), random.integers(0, 3, n)
        records.append(record(boxes, classes, random.random(n) < 0.25, i + 1))
        near = boxes[random.integers(0, n, random.integers(0, 8))] if n else boxes[:0]
        near = near + random.integers(-6, 7, near.shape)
        said = np.concatenate([near, random_boxes(random, extra)]).astype(np.float32)
        said[:, 2:] = np.maximum(said[:, 2:], said[:, :2] + 1)
        scores = random.integers(0, 12, len(said)) / 12
        results.append(found_in(said, scores, random.integers(0, 3, len(said))))
    return Truth(records), results


def slow_iou(a, b):
    w = min(a[2], b[2]) - max(a[0], b[0])
    h = min(a[3], b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0:
        return 0.0
    area = [(float(c[2]) - c[0]) * (float(c[3]) - c[1]) for c in (a, b)]
    return float(w) * float(h) / (area[0] + area[1] - float(w) * float(h))


def slow_ap(truth, results, label, points):
    """Everingham et al.: one detection after the other, the best first."""
    said = [(-float(s), i, r) for i, one in enumerate(results)
            for r, (s, c) in enumerate(zip(one.scores, one.classes, strict=True)) if c == label]
    wanted = sum(c == label and not g for one in truth
                 for c, g in zip(one.classes, one.ignore, strict=True))
    hits, taken = [], set()
    for _, i, r in sorted(said, key=lambda one: one[0]):
        best, at = 0.0, None
        for j, box in enumerate(truth[i].boxes):
            overlap = slow_iou(results[i].boxes[r], box) if truth[i].classes[j] == label else 0
            if overlap > best:
                best, at = overlap, j
        if best >= 0.5 and truth[i].ignore[at]:
            continue
        hits.append(best >= 0.5 and (i, at) not in taken)
        taken |= {(i, at)} if best >= 0.5 else set()
    if not wanted:
        return None
    tp = np.cumsum(hits)
    recall, precision = tp / wanted, tp / np.arange(1, len(hits) + 1)
    if points == 11:
        return np.mean([max([p for r, p in zip(recall, precision, strict=True)
                             if r >= level - 1e-12], default=0) for level in np.arange(11) / 10])
    recall, precision = np.array([0, *recall, 1]), np.array([0, *precision, 0])
    for i in range(len(precision) - 2, -1, -1):
        precision[i] = max(precision[i], precision[i + 1])
    return sum((recall[i + 1] - recall[i]) * precision[i + 1] for i in range(len(recall) - 1))


@pytest.mark.parametrize("points", [None, 11])
def test_200_random_cases_equal_the_slow_loop(points):
    random, defined = np.random.default_rng(0), 0
    for _ in range(200):
        truth, results = random_case(random)
        slow = {name: slow_ap(truth, results, i, points) for i, name in enumerate("abc")}
        slow = {name: value for name, value in slow.items() if value is not None}
        if not slow:
            with pytest.raises(ValueError, match="Expected something to find"):
                voc_ap.average_precision(truth, results, points=points)
            continue
        mean, by_class = voc_ap.average_precision(truth, results, points=points)
        assert by_class == pytest.approx(slow, abs=1e-12)
        assert mean == pytest.approx(np.mean(list(slow.values())), abs=1e-12)
        defined += 1
    assert defined > 150


def test_overlaps_equal_the_definition():
    random = np.random.default_rng(1)
    a, b = random_boxes(random, 30), random_boxes(random, 40)
    slow = [[slow_iou(x, y) for y in b] for x in a]
    np.testing.assert_allclose(ious(a, b), slow, atol=1e-12)
    assert ious(a[:0], b).shape == (0, 40) and not ious([(5, 5, 5, 5)], [(5, 5, 5, 5)]).any()


BOX = (10, 10, 50, 50)


def ap(found, truth=None, points=None):
    return voc_ap.average_precision(truth or Truth([record([BOX], [0])]), [found], points=points)[0]


def test_known_answers():
    perfect = found_in([BOX], [0.9], [0])
    assert ap(perfect) == 1 and ap(perfect, points=11) == 1
    assert ap(found_in([], [], [])) == 0
    assert ap(found_in([BOX], [0.9], [1])) == 0, "of another class"
    assert ap(found_in([(60, 60, 90, 90), BOX], [0.9, 0.5], [0, 0])) == 0.5
    assert ap(found_in([BOX, BOX], [0.9, 0.5], [0, 0])) == 1, "a duplicate behind costs nothing"
    two = Truth([record([BOX, (60, 60, 90, 90)], [0, 0])])
    assert ap(perfect, two) == 0.5 and ap(perfect, two, 11) == pytest.approx(6 / 11)


def test_an_overlap_of_exactly_a_half_is_enough():
    truth = Truth([record([(0, 0, 10, 10)], [0])])
    assert ap(found_in([(0, 0, 10, 5)], [1], [0]), truth) == 1
    assert ap(found_in([(0, 0, 10, 4.99)], [1], [0]), truth) == 0


def test_detections_on_difficult_objects_count_neither_way():
    truth = Truth([record([BOX, (60, 60, 90, 90)], [0, 0], [False, True])])
    found = found_in([(60, 60, 90, 90), (61, 60, 90, 90), BOX], [0.9, 0.8, 0.7], [0, 0, 0])
    assert ap(found, truth) == 1
    curve = voc_ap.curves(truth, [found])["a"]
    assert curve.recall.tolist() == [1] and curve.score.tolist() == [pytest.approx(0.7)]


@pytest.mark.parametrize("ignore", [[], [True]])
def test_nothing_to_find_and_lengths_that_differ_are_refused(ignore):
    truth = Truth([record([BOX][: len(ignore)], [0][: len(ignore)], ignore)])
    with pytest.raises(ValueError, match="Expected something to find. Received: 1 images"):
        voc_ap.average_precision(truth, [found_in([BOX], [1], [0])])
    with pytest.raises(ValueError, match="Expected one result for each of 1 images"):
        voc_ap.average_precision(truth, [])


def test_a_number_of_points_that_is_none_of_voc_s_is_refused():
    with pytest.raises(ValueError, match="Expected points 11 or None"):
        ap(found_in([BOX], [1], [0]), points=101)


def test_ties_and_the_order_of_images_change_nothing_but_the_tie():
    random = np.random.default_rng(2)
    truth, results = random_case(random)
    distinct = [Found(one.boxes, one.scores + random.random(len(one.scores)) * 1e-3, one.classes)
                for one in results]
    order = random.permutation(len(truth))
    turned = Truth([truth[i] for i in order])
    one = voc_ap.average_precision(truth, distinct)[1]
    assert one == pytest.approx(voc_ap.average_precision(turned, [distinct[i] for i in order])[1])
