"""Records and sets of them: what they promise to everyone who uses them."""

import cv2
import numpy as np
import pytest

from tfvision.data.files import DataError
from tfvision.data.instance_masks import Patch
from tfvision.data.objects import ObjectSet, record

IMAGE = np.zeros([8, 10, 3], np.uint8)


def test_a_record_has_the_types_of_the_contract():
    one = record("a", IMAGE, (8, 10), [(0, 0, 4, 4), (1, 2, 10, 8)], [1, 0], crowd=[False, True])
    assert one.boxes.dtype == np.float32 and one.classes.dtype == np.int32
    assert one.ignore.tolist() == [False, True] and one.difficult.tolist() == [False, False]
    assert one.areas.tolist() == [16, 54] and one.masks is None and one.pixels() is IMAGE


def test_an_image_without_objects_is_a_record():
    one = record("a", IMAGE, (8, 10), [], [])
    assert one.boxes.shape == (0, 4) and one.classes.shape == one.ignore.shape == (0,)
    assert one.bitmaps().shape == (0, 8, 10) and one.squares(5).shape == (0, 5, 5)
    assert one.rles() == [] and ObjectSet(("x",), [one]).most == 0


@pytest.mark.parametrize("box", [(1, 1, 1, 4), (4, 1, 2, 4), (-1, 0, 2, 2), (0, 0, 11, 2),
                                 (0, 0, np.nan, 2), (0, 0, 2, 9)])
def test_a_box_that_is_empty_or_outside_never_gets_into_a_record(box):
    with pytest.raises(ValueError, match="Expected boxes .* within 10 x 8 px"):
        record("a", IMAGE, (8, 10), [box], [0])


@pytest.mark.parametrize("other", [{"classes": [0, 1]}, {"crowd": [True, True]}, {"masks": []},
                                   {"areas": [1, 2]}])
def test_lengths_that_differ_are_refused(other):
    arguments = {"classes": [0]} | other
    classes = arguments.pop("classes")
    with pytest.raises(ValueError, match="Expected 1 of everything"):
        record("a", IMAGE, (8, 10), [(0, 0, 2, 2)], classes, **arguments)


def test_an_object_may_have_no_mask_beside_one_that_has():
    mask = Patch(np.ones([2, 2], np.uint8), 0, 0)
    one = record("a", IMAGE, (8, 10), [(0, 0, 2, 2), (4, 4, 6, 6)], [0, 0], masks=[mask, None])
    assert one.bitmaps().sum((1, 2)).tolist() == [4, 0]
    assert one.squares(3).sum((1, 2)).tolist() == [9, 0] and one.rles()[1] is None
    alone = record("a", IMAGE, (8, 10), [(0, 0, 2, 2)], [0], masks=[None])
    assert alone.masks is None and not ObjectSet(("x",), [alone]).masked


def test_pixels_are_read_in_rgb_when_asked_for(tmp_path):
    file = tmp_path / "a.png"
    one = record("a", file, (8, 10), [], [])
    with pytest.raises(DataError, match=str(file)):
        one.pixels()
    cv2.imwrite(str(file), np.full([8, 10, 3], [1, 2, 3], np.uint8))  # BGR
    assert one.pixels()[0, 0].tolist() == [3, 2, 1]


def test_a_slice_of_a_set_is_a_set():
    records = [record(str(i), IMAGE, (8, 10), [(0, 0, 1, 1)] * i, [0] * i) for i in range(4)]
    objects = ObjectSet(("x", "y"), records)
    assert len(objects) == 4 and objects.most == 3 and objects.category_ids == (1, 2)
    part = objects[1:3]
    assert [r.name for r in part] == ["1", "2"] and part.classes == objects.classes
    assert objects[-1] is records[3]
