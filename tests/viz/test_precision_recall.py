import numpy as np
import pytest

from tfvision.viz.labels import palette
from tfvision.viz.precision_recall import precision_recall


def colour_of(number, count):
    return palette(count + 1)[1 + number]


def where(picture, colour):
    """(x, y) of the pixels of a colour in the part with the axes."""
    y, x = np.nonzero((picture[:, :420] == colour).all(-1))
    return x, y


def test_a_curve_lies_where_its_numbers_are():
    recall, precision = np.linspace(0, 0.5, 20), np.full(20, 0.8)
    picture = precision_recall({"cell": (recall, precision)})
    x, y = where(picture, colour_of(0, 1))
    left, width = 44, 420 - 66
    assert abs(x.min() - left) < 3 and abs(x.max() - (left + width / 2)) < 3
    assert abs(y.min() - (376 - 0.8 * width)) < 3 and abs(y.max() - 376) < 3


@pytest.mark.parametrize("count", [0, 1, 3, 50])
def test_any_number_of_curves_makes_a_picture(count):
    random = np.random.default_rng(0)
    found = {f"class {i}": (np.sort(random.random(9)), random.random(9)) for i in range(count)}
    picture = precision_recall(found)
    assert picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[0] >= 420
    for i in range(min(count, 20)):
        assert len(where(picture, colour_of(i, min(count, 20)))[0]) > 20


def test_a_class_that_nothing_was_found_of_has_an_empty_curve():
    empty = np.zeros(0)
    assert precision_recall({"cell": (empty, empty, empty)}).shape[1] > 420
