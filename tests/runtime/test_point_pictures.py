"""runtime: what a point network says, as a picture, and parts of points on disk."""

import numpy as np

from tfvision.runtime import picture, save

POINTS = np.random.default_rng(0).normal(size=[40, 3])
CARD = {"classes": ["cup", "chair"]}


def test_classes_and_critical_points_of_a_set_are_drawn():
    said = {"probabilities": np.array([[0.2, 0.8]], np.float32)}
    plain = picture.picture(CARD, {"points": POINTS}, said)
    some = said | {"critical": np.array([[3, 3, 7, -1]], np.int32)}
    marked = picture.picture(CARD, {"points": POINTS}, some)
    assert plain.shape == marked.shape and np.any(plain != marked)
    none = said | {"critical": np.full([1, 4], -1, np.int32)}
    np.testing.assert_array_equal(picture.picture(CARD, {"points": POINTS}, none), plain)


def test_parts_of_points_are_drawn_and_saved_as_numbers(tmp_path):
    labels = np.arange(40, dtype=np.int32)[None] % 2
    outputs = {"labels": labels, "probabilities": np.ones([1, 40, 2], np.float32)}
    nine = np.concatenate([POINTS] * 3, 1)
    assert picture.picture(CARD, {"points": nine}, outputs).shape[2] == 3
    save.save(tmp_path, "a", {}, None, {"labels": labels[0]})
    with np.load(tmp_path / "a.npz") as found:
        np.testing.assert_array_equal(found["labels"], labels[0])
