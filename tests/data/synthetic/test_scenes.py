"""Scenes: the same by number, with boxes tight around what is visible."""

import numpy as np
import pytest

from tfvision.data.synthetic import scenes


def test_a_scene_depends_on_its_number_not_on_how_many_are_asked_for():
    few, more = scenes.load("train", count=3), scenes.load("train", count=6)
    for one, other in zip(few, more, strict=False):
        np.testing.assert_array_equal(one.pixels(), other.pixels())
        np.testing.assert_array_equal(one.boxes, other.boxes)
    other_seed = scenes.load("train", count=3, seed=1)
    assert any((a.pixels() != b.pixels()).any() for a, b in zip(few, other_seed, strict=True))


def test_no_scene_is_in_two_splits():
    pictures = [{one.pixels().tobytes() for one in scenes.load(split, count=30)}
                for split in scenes.SPLITS]
    assert len(set.union(*pictures)) == 30 * len(scenes.SPLITS)


@pytest.mark.parametrize("size", [64, 128, 160])
def test_boxes_are_tight_around_masks_that_do_not_overlap(size):
    objects = scenes.load("validation", size=size, count=25)
    assert objects[0].pixels().shape == (size, size, 3)
    for one in objects:
        masks = one.bitmaps()
        assert masks.sum(0).max(initial=0) <= 1, "what lies in front hides what lies behind"
        for mask, box in zip(masks, one.boxes, strict=True):
            rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            tight = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
            assert box.tolist() == tight and mask.sum() >= scenes.SMALLEST


def test_all_classes_occur_about_equally_and_some_scenes_are_empty():
    objects = scenes.load("validation")
    labels = np.concatenate([one.classes for one in objects])
    counts = np.bincount(labels, minlength=len(scenes.CLASSES))
    assert counts.min() > 0.6 * counts.mean() and len(objects) == 200
    numbers = [len(one.boxes) for one in objects]
    assert 0 in numbers and max(numbers) <= scenes.MOST
    hidden = [one.areas.min() / one.areas.max() for one in objects if len(one.boxes) > 1]
    assert min(hidden) < 0.1, "sizes differ"


@pytest.mark.parametrize("options", [{"size": 16}, {"count": 201}, {"count": -1}])
def test_numbers_that_make_no_sense_are_refused(options):
    with pytest.raises(ValueError, match="Expected size >= 32"):
        scenes.load("validation", **options)
