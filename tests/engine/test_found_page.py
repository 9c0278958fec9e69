"""The picture of what a detector found."""

import numpy as np
import pytest

from tfvision.data.synthetic import scenes
from tfvision.engine import found_page
from tfvision.metrics import detection


@pytest.fixture(scope="module")
def truth():
    return scenes.load("validation", count=3)


def found_of(record, keep=slice(None), masks=False):
    """What is true, as found."""
    n = len(record.boxes)
    maps = record.bitmaps()[keep] if masks else None
    return detection.found_in(record.boxes[keep], np.ones(n)[keep], record.classes[keep],
                              masks=maps)


@pytest.mark.parametrize("masks", [False, True])
def test_what_is_true_is_drawn_twice_where_all_was_found(truth, masks):
    record = truth[0]
    true, ours = found_page.beside_truth(record, found_of(record, masks=masks), truth.classes)
    assert max(true.shape[:2]) == found_page.SIDE
    np.testing.assert_array_equal(true, ours)


def test_the_worst_comes_first(truth):
    results = [found_of(record) for record in truth]
    results[1] = found_of(truth[1], keep=slice(0, 0))
    shares = [found_page.agreement(truth, results, i) for i in range(3)]
    assert shares == [1, 0, 1]
    page = found_page.found_page(truth, results)
    assert page.dtype == np.uint8 and page.ndim == 3


def test_masks_come_back_from_run_lengths(truth):
    record = truth[0]
    found = found_of(record, masks=True)
    np.testing.assert_array_equal(found.bitmaps(range(len(record.boxes))), record.bitmaps())
    assert found.bitmaps([]).size == 0


def test_a_picture_keeps_its_sides_ratio_and_stands_in_the_middle():
    picture = found_page.fitted(np.zeros([10, 20, 3], np.uint8))
    assert picture.shape == (120, 240, 3)
    sheet = found_page.centred(picture, (140, 240))
    assert not sheet[10:130].any() and (sheet[:10] == 255).all() and (sheet[130:] == 255).all()
