"""tfvision.data.synthetic.look_alikes: eight species that only small parts tell apart."""

import cv2
import numpy as np
import pytest

from tfvision.data.synthetic import look_alikes


def test_birds_of_all_species_come_equally_often_and_their_boxes_hold_them():
    birds = look_alikes.load("validation")
    assert birds["image"].shape == (400, 64, 64, 3) and birds["image"].dtype == np.uint8
    assert (np.bincount(birds["label"]) == 50).all() and len(look_alikes.CLASSES) == 8
    x1, y1, x2, y2 = birds["box"].T
    assert (0 <= x1).all() and (0 <= y1).all() and (x2 <= 64).all() and (y2 <= 64).all()
    assert (x2 - x1 > 18).all() and (y2 - y1 > 12).all()


def test_species_differ_in_their_parts_and_in_nothing_else():
    """The same random numbers draw the same bird with another crown or patch."""
    plain = look_alikes._bird(np.random.default_rng(0), 0)
    for species, more in ((1, 1), (2, 1), (3, 2)):
        other = look_alikes._bird(np.random.default_rng(0), species)
        assert len(other) == len(plain) + more
        for (a, tone_a), (b, tone_b) in zip(plain, other, strict=False):
            np.testing.assert_array_equal(a, b)
            assert tone_a == tone_b
    long = look_alikes._bird(np.random.default_rng(0), 4)
    pairs = enumerate(zip(plain, long, strict=True))
    unlike = [i for i, (a, b) in pairs if not np.array_equal(a[0], b[0])]
    assert unlike == [4] and np.ptp(long[4][0][:, 0]) > 1.5 * np.ptp(plain[4][0][:, 0])


def test_of_any_size_they_are_the_same_birds():
    small, large = look_alikes.load("validation"), look_alikes.load("validation", size=160)
    assert large["image"].shape == (400, 160, 160, 3) and large["image"].dtype == np.uint8
    np.testing.assert_array_equal(large["label"], small["label"])
    np.testing.assert_allclose(large["box"], 2.5 * small["box"], rtol=1e-6)
    for a, b in zip(small["image"][:20], large["image"], strict=False):
        again = cv2.resize(b, (64, 64), interpolation=cv2.INTER_AREA).astype(float)
        assert np.abs(again - a).mean() < 5
    with pytest.raises(ValueError, match="Received: size=0"):
        look_alikes.load(size=0)


def test_parts_are_small_against_the_image():
    shapes = look_alikes._bird(np.random.default_rng(1), 7)
    for points, _ in (shapes[4], *shapes[-2:]):
        assert np.prod(np.ptp(points, axis=0)) < 0.01 * 64**2


def test_no_image_of_one_split_is_in_another():
    names = ("validation", "test")
    validation, test = ({i.tobytes() for i in look_alikes.load(n)["image"]} for n in names)
    assert len(validation) == 400 and len(test) == 800 and not validation & test
