"""Records on a canvas: where they lie, and which slots they fill."""

import numpy as np
import pytest

from tfvision.data.instance_masks import Patch
from tfvision.data.objects import record
from tfvision.data.views import canvas_of, letterboxed, shown, slotted

MASK = Patch(np.ones([4, 8], np.uint8), 10, 20)


def one(size=(60, 100), masks=None):
    image = np.full([*size, 3], 200, np.uint8)
    return record("a", image, size, [(10, 20, 18, 24), (0, 0, 100, 60)], [2, 1],
                  crowd=[False, True], masks=masks)


def test_a_wide_image_lies_in_the_middle_between_grey():
    image, view = letterboxed(np.full([50, 100, 3], 200, np.uint8), (80, 40))
    assert view.tolist() == pytest.approx([0.4, 0.4, 0, 30])
    assert (image[30:50] == 200).all() and (image[:30] == 128).all() and (image[50:] == 128).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 200), (200, 1), (7, 3), (64, 64)])
def test_an_image_of_any_size_finds_a_place(size):
    image, view = letterboxed(np.full([*size, 3], 9, np.uint8), (32, 48))
    assert image.shape == (32, 48, 3) and (image == 9).any() and (view[:2] > 0).all()


def test_boxes_go_where_the_image_goes():
    found = shown(one(), (50, 50), 3)
    np.testing.assert_allclose(found["boxes"], [(5, 20, 9, 22), (0, 10, 50, 40), (0, 0, 0, 0)])
    assert found["classes"].tolist() == [2, 1, -1] and found["size"].tolist() == [60, 100]
    assert found["ignore"].tolist() == [False, True, False]
    back = (found["boxes"][:2] - np.tile(found["view"][2:], 2)) / np.tile(found["view"][:2], 2)
    np.testing.assert_allclose(back, one().boxes, atol=1e-4)


def test_an_object_without_a_mask_is_ignored_where_masks_are_asked_for():
    found = slotted(one(masks=[None, MASK]), 4, 7)
    assert found["masks"].shape == (4, 7, 7) and found["ignore"][:2].tolist() == [True, True]
    assert not slotted(one(masks=[None, MASK]), 4)["ignore"][0]


def test_a_side_or_a_pair_is_a_canvas():
    assert canvas_of(5) == canvas_of(np.int64(5)) == (5, 5) and canvas_of([3, 4]) == (3, 4)
    for bad in (0, (3,), (3, 0), (1, 2, 3)):
        with pytest.raises(ValueError, match="Expected a side or"):
            canvas_of(bad)
