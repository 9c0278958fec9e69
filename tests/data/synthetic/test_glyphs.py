"""tfvision.data.synthetic.glyphs: rows as Omniglot's, characters that can be told apart."""

import cv2
import numpy as np
import pytest

from tfvision.data.synthetic import glyphs


@pytest.fixture(scope="module")
def held_out():
    return glyphs.load("validation")


def test_rows_are_alphabets_of_characters_by_drawers(held_out):
    assert held_out["image"].shape == (4 * 400, 105, 105, 1)
    assert held_out["image"].dtype == np.uint8 and set(np.unique(held_out["image"])) == {0, 255}
    assert (np.bincount(held_out["label"]) == 20).all() and held_out["label"].max() == 79
    assert sorted(set(held_out["alphabet"])) == [2, 8, 14, 20]
    assert held_out["drawer"][:40].tolist() == [*range(20), *range(20)]
    assert {v.dtype.name for k, v in held_out.items() if k != "image"} == {"int32"}


def test_every_image_has_ink_off_the_border(held_out):
    ink = (held_out["image"][..., 0] == 0).mean((1, 2))
    assert ink.min() > 0.005 and 0.03 < ink.mean() < 0.12 and ink.max() < 0.3
    assert (held_out["image"][:, [0, -1]] == 255).all()


def test_no_drawing_comes_twice(held_out):
    assert len({image.tobytes() for image in held_out["image"]}) == len(held_out["image"])


def test_splits_share_no_alphabet():
    splits = {name: set(numbers) for name, numbers in glyphs.SPLITS.items()}
    assert splits["train"] | splits["validation"] == splits["background"]
    assert not splits["train"] & splits["validation"]
    assert not splits["background"] & splits["evaluation"]


def test_runs_have_one_right_answer_and_are_neither_trivial_nor_hopeless():
    runs = glyphs.one_shot_runs(count=4)
    right = []
    for run in runs:
        assert run["training"].shape == run["test"].shape == (20, 105, 105, 1)
        assert sorted(run["answer"]) == list(range(20)) and run["answer"].dtype == np.int32
        test, training = (np.stack([soft(i) for i in run[k]]) for k in ("test", "training"))
        right += list((test @ training.T).argmax(1) == run["answer"])
        assert not (run["training"][run["answer"]] == run["test"]).all((1, 2, 3)).any()
    assert 0.25 < np.mean(right) < 0.98


def soft(image):
    """Blurred ink, of unit length."""
    blurred = cv2.GaussianBlur(255 - image[..., 0], (0, 0), 5).astype(np.float32).ravel()
    return blurred / np.linalg.norm(blurred)


def test_runs_are_the_same_for_the_same_seed_and_agree_with_the_images():
    one, again = glyphs.one_shot_runs(count=2), glyphs.one_shot_runs(count=2)
    for a, b in zip(one, again, strict=True):
        for name in a:
            np.testing.assert_array_equal(a[name], b[name])
    assert not np.array_equal(one[0]["training"], one[1]["training"]), "other drawers"
