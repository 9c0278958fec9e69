"""What a model says comes back to the pixels of the image, and proposals are counted."""

import types

import numpy as np
import pytest

from tfvision.metrics import detection

pytest.importorskip("pycocotools.mask", reason="pip install tfvision[detection]")
from pycocotools import mask as coco  # noqa: E402


def batch_of(size=(60, 100), canvas=50, rows=(0,)):
    """A batch with the view of an image letterboxed on a square canvas."""
    ratio = canvas / max(size)
    corner = [(canvas - round(side * ratio)) // 2 for side in size]
    n = len(rows)
    return {"row": np.array(rows), "size": np.tile(np.int32(size), (n, 1)),
            "view": np.tile(np.float32([ratio, ratio, corner[1], corner[0]]), (n, 1))}


def test_boxes_come_back_to_the_image_and_the_count_is_kept():
    outputs = {"boxes": [[[5, 15, 25, 30], [-9, 10, 60, 40], [1, 1, 2, 2]]],
               "scores": [[0.5, 0.9, 0.99]], "class_ids": [[1, 2, 0]], "count": [2]}
    one, = detection.found({k: np.array(v) for k, v in outputs.items()}, batch_of())
    np.testing.assert_allclose(one.boxes, [(0, 0, 100, 60), (10, 10, 50, 40)], atol=1e-4)
    assert one.scores.tolist() == [np.float32(0.9), 0.5] and one.classes.tolist() == [2, 1]
    assert one.rles is None and one.boxes.dtype == np.float32


def test_rows_that_fill_up_the_last_batch_are_left_out():
    outputs = {"boxes": np.zeros([3, 1, 4]), "scores": np.zeros([3, 1]),
               "class_ids": np.zeros([3, 1], int), "count": np.array([1, 0, 1])}
    assert [len(one.boxes) for one in detection.found(outputs, batch_of(rows=(4, 5, -1)))] == [1, 0]


def test_masks_of_the_canvas_and_of_the_boxes_come_back_alike():
    size, canvas = (60, 100), 50
    truth = np.zeros(size, np.uint8)
    truth[10:40, 20:70] = 1
    mask = np.zeros([1, 1, canvas, canvas], np.uint8)
    mask[0, 0, 15:30, 10:35] = 1
    outputs = {"boxes": np.array([[[10.0, 15, 35, 30]]]), "scores": np.array([[1.0]]),
               "class_ids": np.array([[0]]), "count": np.array([1])}
    for more in ({"masks": mask}, {"mask_crops": np.ones([1, 1, 28, 28], np.float32)}):
        one, = detection.found(outputs | more, batch_of(size, canvas))
        found = coco.decode(one.rles[0])
        assert found.shape == size and (found & truth).sum() > 0.95 * (found | truth).sum()
    empty = outputs | {"count": np.array([0]), "masks": mask}
    assert detection.found(empty, batch_of(size, canvas))[0].rles == []


def test_many_crops_are_pasted_in_parts():
    crops = np.ones([37, 14, 14], np.float32)
    boxes = np.float32([(i, 0, i + 4, 5) for i in range(37)])
    masks = detection.pasted(crops, boxes, (10, 50))
    assert len(masks) == 37 and all(mask.shape == (10, 50) for mask in masks)
    assert all(mask[1:4, i + 1 : i + 3].all() for i, mask in enumerate(masks))


def test_detections_that_are_no_numbers_are_left_out():
    one = detection.found_in([(0, 0, np.nan, 5), (0, 0, 5, 5), (1, 1, 2, 2)], [0.9, np.nan, 0.2],
                             [0, 0, 1])
    assert one.scores.tolist() == [np.float32(0.2)] and one.classes.tolist() == [1]
    with pytest.raises(ValueError, match="Expected as many boxes as scores"):
        detection.found_in([(0, 0, 5, 5)], [0.5, 0.4], [0])


def records(*boxes):
    return [types.SimpleNamespace(boxes=np.float32(b).reshape(-1, 4),
                                  ignore=np.zeros(len(b), bool)) for b in boxes]


def test_proposals_are_counted_at_every_overlap():
    truth = records([(0, 0, 10, 10), (20, 20, 40, 40)], [])
    proposals = [np.float32([(0, 0, 10, 8), (20, 20, 30, 30)]), np.zeros([0, 4], np.float32)]
    scores = detection.proposal_scores(truth, proposals)
    assert scores["proposal_recall"] == 0.5 and scores["proposals"] == 1
    assert scores["proposal_average_recall"] == pytest.approx(0.5 * 0.7), "IoU 0.8: 7 of 10 steps"
    assert detection.proposal_scores(truth, proposals, most=0)["proposal_recall"] == 0
    truth[0].ignore[1] = True
    assert detection.proposal_scores(truth, proposals)["proposal_recall"] == 1


def test_proposals_for_nothing_are_refused():
    with pytest.raises(ValueError, match="Expected something to find"):
        detection.proposal_scores(records([]), [np.zeros([0, 4])])


def test_classes_of_another_numbering_are_found_by_their_names():
    one = detection.found_in([[0, 0, 1, 1]] * 3, [0.9, 0.8, 0.7], [2, 0, 1],
                             masks=np.ones([3, 4, 4], np.uint8))
    (found,) = detection.renamed([one], ("cat", "zebra", "dog"), ("dog", "cow", "cat"))
    np.testing.assert_array_equal(found.classes, [0, 2])
    np.testing.assert_allclose(found.scores, [0.9, 0.8])
    assert len(found.boxes) == len(found.rles) == 2
    assert detection.renamed([one], ("cat",), ("cat",)) == [one]
    with pytest.raises(ValueError, match="Expected some of the model's classes, cat.*dog"):
        detection.renamed([one], ("cat",), ("dog",))
