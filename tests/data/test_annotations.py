"""Faults are found, told by place, and left out or refused; nothing at fault is trained on."""

import cv2
import numpy as np
import pytest

from tfvision.data import annotations
from tfvision.data.annotations import Annotation, Faults, every_fifth, image_record, sound
from tfvision.data.files import DataError
from tfvision.data.objects import ObjectSet

SIZE = (80, 100)


@pytest.fixture
def image(tmp_path):
    file = tmp_path / "image.png"
    cv2.imwrite(str(file), np.zeros([*SIZE, 3], np.uint8))
    return file


def one(box, **fields):
    return Annotation("a.xml: line 7", box, 0, **fields)


@pytest.mark.parametrize(
    "box, told",
    [
        ((5, 5, 5, 9), "no width or no height"),
        ((5, 9, 9, 5), "no width or no height"),
        ((5, 5, 5 + 1e-9, 9), "no width or no height"),
        ((100, 5, 120, 9), "lies outside the image \\(100 x 80 px\\)"),
        ((-9, 5, -1, 9), "lies outside"),
        ((float("nan"), 5, 9, 9), "a number that is none"),
        ((0, 0, float("inf"), 9), "a number that is none"),
    ],
)
def test_a_box_at_fault_is_told_by_its_place_and_left_out(box, told):
    faults = Faults()
    assert sound([one(box), one((1, 1, 5, 5))], SIZE, faults)[0].box == (1, 1, 5, 5)
    assert len(faults.found) == 1 and faults.found[0].startswith("a.xml: line 7: box (")
    with pytest.raises(DataError, match=f"a.xml: line 7: box .*{told}"):
        sound([one(box)], SIZE, Faults("refuse"))


def test_a_box_that_reaches_beyond_the_image_is_cut_and_told_from_more_than_a_pixel_on():
    faults = Faults()
    kept = sound([one((-1, -0.5, 100.9, 81)), one((-4, 0, 50, 50))], SIZE, faults)
    assert kept[0].box == (0, 0, 100, 80) and kept[1].box == (0, 0, 50, 50)
    assert len(faults.found) == 1 and "reaches 4 px beyond" in faults.found[0]


def test_a_box_that_is_there_twice_counts_once_but_other_classes_and_crowds_may_share_one():
    box, faults = (1, 1, 9, 9), Faults()
    found = [one(box), one(box), one(box)._replace(label=1), one(box, crowd=True)]
    assert len(sound(found, SIZE, faults)) == 3
    assert len(faults.found) == 1 and "is the box of a.xml: line 7 once more" in faults.found[0]


def test_an_image_of_another_size_than_its_annotation_says_is_left_out(image):
    faults = Faults()
    assert image_record("a", image, [], faults, size=(100, 80)) is None
    assert "is 100 x 80 px, but its annotation says 80 x 100; turned by Exif?" in faults.found[0]
    assert image_record("a", image, [], faults, size=SIZE).size == SIZE


def test_a_mask_of_another_size_is_told_and_its_box_stays(image):
    faults = Faults()
    mask = {"size": [3, 3], "counts": [9]}
    kept = image_record("a", image, [one((1, 1, 9, 9), mask=mask)], faults)
    assert len(kept.boxes) == 1 and kept.masks is None
    assert "a.xml: line 7: a run-length mask that is not of 80 x 100" in faults.found[0]


def test_what_was_left_out_is_said_in_one_line(image, capsys):
    def read(root, split, tell):
        found = [one((5, 5, 5, 9)), one((6, 6, 6, 9)), one((1, 1, 3, 3))]
        return ObjectSet(("x",), [image_record("a", image, found, tell)])

    objects = annotations.load(read, image.parent, "train", "skip")
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "train: 2 faults left out" in said and "line 7" in said
    assert len(objects[0].boxes) == 1 and len(objects.faults) == 2
    with pytest.raises(DataError, match="line 7"):
        annotations.load(read, image.parent, "train", "refuse")
    with pytest.raises(ValueError, match="Expected bad_boxes in .*Received: bad_boxes='ignore'"):
        annotations.load(read, image.parent, "train", "ignore")


def test_a_clean_set_says_nothing(image, capsys):
    def read(root, split, tell):
        return ObjectSet(("x",), [image_record("a", image, [one((1, 1, 3, 3))], tell)])

    annotations.load(read, image.parent, "train", "skip")
    assert capsys.readouterr().err == ""


def test_a_set_of_which_nothing_is_left_is_an_error_that_tells_the_first_fault(tmp_path):
    def read(root, split, tell):
        tell("b.jpg: is cut off")
        return ObjectSet(("x",), [])

    with pytest.raises(DataError, match="split 'train' has no images; the first fault: b.jpg"):
        annotations.load(read, tmp_path, "train", "skip")


def test_every_fifth_is_held_out_and_the_parts_make_the_whole():
    items = list(range(23))
    held, rest = every_fifth(items, "validation"), every_fifth(items, "train")
    assert held == [4, 9, 14, 19] and sorted(held + rest) == items
    assert every_fifth([1, 2], "validation") == every_fifth([1, 2], "train") == [1, 2]
