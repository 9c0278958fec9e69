import json

import numpy as np
import pytest

from tfvision.runtime import numbers
from tfvision.runtime.picture import picture

IMAGE = np.random.default_rng(0).integers(0, 256, [48, 64, 3], np.uint8)
CARD = {"classes": ["cat", "dog", "owl"], "joints": ["head"], "limbs": [[0, 1]]}
F = np.float32
RESULTS = {
    "classification": ({"probabilities": F([[0.2, 0.7, 0.1]])}, "dog 70.0%"),
    "segmentation": (
        {"labels": np.eye(48, 64, dtype=np.int32)[None],
         "probabilities": F(np.ones([1, 48, 64, 2]))},
        "cat 98.4%, dog 1.6%"),
    "detection": (
        {"boxes": F([[[1, 2, 30, 40], [0, 0, 0, 0]]]), "scores": F([[0.5, 0]]),
         "class_ids": np.int32([[2, -1]]), "count": np.int32([1])}, "1 owl"),
    "pose": ({"keypoints": F([[[4, 5, 0.9], [20, 30, 0.8], [9, 9, 0]]])}, "2 of 3 joints"),
    "people": (
        {"people": F(np.full([1, 4, 2, 3], 9)), "count": np.int32([2])}, "2 people"),
    "space": (
        {"corners": F(np.arange(16).reshape(1, 8, 2)), "dimensions": F([[1, 2, 3]]),
         "rotation": F(np.eye(3)[None]), "translation": F([[0, 1, 2.5]])}, "at (0, 1, 2.5)"),
    "embedding": (
        {"embedding": F(np.linspace(-1, 1, 8)[None]), "neighbours": np.int32([[5, 3]]),
         "distances": F([[0.1, 0.2]])}, "8 numbers, nearest: 5"),
    "samples": ({"samples": np.zeros([3, 8, 9, 1], np.uint8)}, "3 samples of 9 x 8 px"),
    "translation": ({"translated": IMAGE[None]}, "translated to 64 x 48 px"),
    "depth": ({"disparity": F(np.full([1, 48, 64], 2.5))}, "disparity 2.5 to 2.5 px"),
    "features": (
        {"keypoints": F(np.full([1, 6, 5], 3)), "descriptors": F(np.ones([1, 6, 4])),
         "count": np.int32([4])}, "4 keypoints"),
    "other": ({"code": F([[1, 2, 3]])}, "code [3]"),
}


@pytest.mark.parametrize("name", RESULTS)
def test_every_kind_of_result_is_told_drawn_and_json(name):
    outputs, line = RESULTS[name]
    content = numbers.numbers(CARD, outputs)
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert numbers.line(CARD, outputs) == line
    drawn = picture(CARD, {"image": IMAGE}, outputs)
    assert drawn.dtype == np.uint8 and drawn.ndim == 3 and drawn.shape[2] == 3
    assert name == "samples" or drawn.std() > 1


def test_no_output_is_lost_between_json_and_files():
    for name, (outputs, _) in RESULTS.items():
        content, files = numbers.numbers(CARD, outputs), numbers.arrays(outputs)
        renamed = {"detection": {"boxes", "scores", "class_ids"},
                   "classification": {"probabilities"}}.get(name, set())
        assert set(outputs) - {"count"} - renamed <= set(content) | set(files), name


def test_only_filled_slots_are_told():
    objects = numbers.numbers(CARD, RESULTS["detection"][0])["objects"]
    assert objects == [{"class": "owl", "class_id": 2, "score": 0.5, "box": [1, 2, 30, 40]}]
    assert len(numbers.numbers(CARD, RESULTS["people"][0])["people"]) == 2
    assert numbers.arrays(RESULTS["features"][0])["descriptors"].shape == (4, 4)


def test_classes_are_ranked_and_joints_named():
    ranking = numbers.numbers(CARD, RESULTS["classification"][0])["classes"]
    assert [row["class"] for row in ranking] == ["dog", "cat", "owl"]
    assert ranking[0]["probability"] == 0.7
    joints = numbers.numbers(CARD, RESULTS["pose"][0])["keypoints"]
    assert [joint["joint"] for joint in joints] == ["head", 1, 2]


def test_floats_are_short_and_what_is_not_finite_is_null():
    assert numbers.plain(F([0.1, np.nan, np.inf, 2])) == [0.1, None, None, 2.0]
    assert numbers.plain(np.bool_(True)) is True


def test_nothing_found_is_said():
    outputs, _ = RESULTS["detection"]
    none = outputs | {"count": np.int32([0])}
    assert numbers.line(CARD, none) == numbers.line(CARD, outputs, sure=1.1) == "nothing found"
    assert numbers.numbers(CARD, none)["objects"] == []
    assert picture(CARD, {"image": IMAGE}, none).shape[2] == 3


def test_what_a_search_found_is_told_with_classes_files_and_distances():
    outputs = {"embedding": F([[0.6, 0.8]]), "neighbours": np.int32([[4, 0]]),
               "class_ids": np.int32([[2, 0]]), "distances": F([[0.25, 1.5]])}
    card = CARD | {"gallery": {"files": ["cat/a.png", "b", "c", "d", "owl/e.png"]}}
    content = numbers.numbers(card, outputs)
    assert content["neighbours"] == [
        {"class": "owl", "class_id": 2, "item": 4, "file": "owl/e.png", "distance": 0.25},
        {"class": "cat", "class_id": 0, "item": 0, "file": "cat/a.png", "distance": 1.5},
    ]
    assert "distances" not in content and content["embedding"] == [0.6, 0.8]
    assert numbers.line(card, outputs) == "nearest: owl 0.25, cat 1.5"
    assert picture(card, {"image": IMAGE}, outputs).shape[2] == 3
