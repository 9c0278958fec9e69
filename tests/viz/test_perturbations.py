"""viz.perturbations: changes in colour, amplified by a factor that is told."""

import numpy as np
import pytest

from tfvision.viz import perturbations


def test_no_change_of_a_grey_image_is_white_and_full_ones_are_red_and_blue():
    change = np.array([[[0.0], [0.5], [-0.5], [np.nan], [9.0]]])
    found = perturbations.signed(change, 2)
    assert found[0, 0].tolist() == found[0, 3].tolist() == [255, 255, 255]
    assert tuple(found[0, 1]) == tuple(found[0, 4]) == perturbations.MORE
    assert tuple(found[0, 2]) == perturbations.LESS


def test_changes_of_rgb_images_are_around_grey():
    found = perturbations.signed(np.array([[[0.0, 0.5, -0.5]]]), 2)
    assert found.tolist() == [[[128, 255, 0]]]


@pytest.mark.parametrize("largest, factor", [(1.0, 1), (0.4, 2), (0.1, 10), (0.011, 100), (0, 1)])
def test_the_largest_change_is_shown_almost_in_full(largest, factor):
    assert perturbations.amplification(np.array([0.0, -largest])) == factor


@pytest.mark.parametrize("channels", [1, 3])
def test_a_sheet_has_a_card_for_each_row(channels):
    images = np.zeros([5, 8, 8, channels], np.uint8)
    changes = np.full([5, 8, 8, channels], 0.1)
    title, picture = perturbations.sheet("all", images, changes, list("abcde"), np.arange(5))
    assert title.shape[1] == picture.shape[1] and picture.dtype == np.uint8
    card = perturbations.card(images[0], changes[0], "3 > 5", factor=10)
    assert picture.shape[0] > 2 * card.shape[0] and picture.shape[1] > 4 * card.shape[1]
