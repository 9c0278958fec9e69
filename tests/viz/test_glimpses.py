"""viz.glimpses: outlines where they belong, also beyond the image."""

import numpy as np

from tfvision.viz.glimpses import BAD, GOOD, TONES, glimpse

IMAGE = np.zeros([28, 28, 1], np.uint8)


def has(picture, colour):
    return (picture == np.uint8(colour)).all(-1)


def test_an_outline_lies_around_what_it_outlines_and_may_leave_the_image():
    outline = [(-3, 5), (20, 5), (20, 15), (-3, 15)]
    picture = glimpse(IMAGE, [outline], [IMAGE], "7", True, side=40)  # Shown as it is: 40 px.
    y, x = np.nonzero(has(picture[:40, :40], TONES[0]))
    assert abs(x.max() - 26) <= 2 and abs(x.min() - 3) <= 3  # 6 px of margin.
    assert abs(y.min() - 11) <= 4 and abs(y.max() - 21) <= 2


def test_a_mistake_is_told_in_red():
    right, wrong = (glimpse(IMAGE, [], [], "some text", right) for right in (True, False))
    for picture, there, absent in ((right, GOOD, BAD), (wrong, BAD, GOOD)):
        assert has(picture, there).any() and not has(picture, absent).any()
    assert right.shape == wrong.shape


def test_every_part_stands_beside_the_image():
    none, two = (glimpse(IMAGE, [], parts, "", True) for parts in ([], [IMAGE + 99, IMAGE + 99]))
    assert two.shape[1] == 3 * none.shape[1] + 8
    assert (two == 99).all(-1).sum() == 2 * 112 * 112
