"""data.distorted_mnist: the paper's distortions, measured; inside the frame; the same again."""

from functools import cache

import numpy as np
import pytest
import tensorflow as tf

from tfvision.data import distorted_mnist as data
from tfvision.data.synthetic import digits

KINDS = list(data.SIDES)


@cache
def known():
    return digits.load("test")["image"][:300]


@cache
def made(kind, seed=5):
    return data.fixed(known(), kind=kind, seed=seed, part=128)


def blob(*places):
    """White squares of 3 x 3 px at (x, y) on black: uint8 [28, 28, 1]."""
    image = np.zeros([28, 28, 1], np.uint8)
    for x, y in places:
        image[y - 1 : y + 2, x - 1 : x + 2] = 255
    return image


def centres(images):
    """Mean place of the ink of each image: [n, 2], (x, y) px."""
    ink = images[..., 0].astype(float)
    total, at = ink.sum((1, 2)), np.arange(images.shape[1])
    return np.stack([(ink.sum(1) * at).sum(1), (ink.sum(2) * at).sum(1)], 1) / total[:, None]


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_and_number_make_the_same_digit_in_any_batch(kind):
    side = data.SIDES[kind]
    assert made(kind).shape == (300, side, side, 1) and made(kind).dtype == np.uint8
    index = tf.range(40, 47, dtype=tf.int64)
    again = data.distort(known()[40:47], index, kind=kind, seed=5, others=known())
    np.testing.assert_array_equal(again, made(kind)[40:47])
    assert np.mean(data.fixed(known()[:9], kind=kind, seed=6) != made(kind)[:9]) > 0.02
    assert np.mean(made(kind)[0] != made(kind)[1]) > 0.02


@pytest.mark.parametrize("kind", KINDS)
def test_batches_are_a_function_of_the_step(kind):
    examples = {"image": known(), "label": np.arange(300)}
    options = {"kind": kind, "batch_size": 8, "seed": 3}
    whole = list(data.batches(examples, **options).take(3).as_numpy_iterator())
    later = next(data.batches(examples, start_step=2, **options).as_numpy_iterator())
    for name in whole[2]:
        np.testing.assert_array_equal(later[name], whole[2][name])
    numbers = tf.constant(whole[2]["index"])
    image = known()[whole[2]["label"]]
    truth = data.distort(image, numbers, kind=kind, seed=3, others=known())
    np.testing.assert_array_equal(whole[2]["image"], truth)


@pytest.mark.parametrize("kind, kept", [("R", 0.99), ("RTS", 0.96), ("TC", 1.0), ("E", 0.97)])
def test_the_ink_stays_inside_the_frame(kind, kept):
    """Its amount is that of the digit times the square of the scale, which is 1, 0.99, 1, 0.77."""
    area = {"R": 1, "RTS": (1.2**3 - 0.7**3) / 1.5, "TC": 1, "E": (1 - 0.75**3) / 0.75}[kind]
    share = made(kind).sum((1, 2, 3), float) / known().sum((1, 2, 3), float)
    assert share.mean() / area >= kept * (1 if kind == "TC" else 0.98)
    if kind != "TC":  # There other ink is added.
        assert share.mean() / area < 1.04


def test_r_turns_about_the_middle_by_up_to_90_degrees_either_way():
    image = np.repeat(blob((20, 14))[np.newaxis], 4000, 0)
    x, y = (centres(data.fixed(image, kind="R", seed=0)) - 13.5).T
    np.testing.assert_allclose(np.hypot(x, y), np.hypot(6.5, 0.5), atol=0.1)
    angle = np.degrees(np.arctan2(y, x) - np.arctan2(0.5, 6.5))
    assert -91 < angle.min() < -88 and 88 < angle.max() < 91
    np.testing.assert_allclose(np.histogram(angle, 6, (-90, 90))[0] / 4000, 1 / 6, atol=0.03)


def test_rts_turns_by_45_degrees_scales_by_0_7_to_1_2_and_goes_anywhere():
    image = np.repeat(blob((8, 14), (20, 14))[np.newaxis], 2000, 0)
    found = data.fixed(image, kind="RTS", seed=0)
    ink = found[..., 0] > 100
    long = np.array([np.hypot(np.ptp(x), np.ptp(y)) for y, x in map(np.nonzero, ink)])
    assert abs(long.min() - 0.7 * 14) < 2 and abs(long.max() - 1.2 * 14) < 4
    place = centres(found)
    assert (place.min(0) < 9).all() and (place.max(0) > 32).all()
    np.testing.assert_allclose(place.mean(0), 20.5, atol=0.5)


def test_tc_moves_by_whole_pixels_and_adds_six_pieces():
    digit, place = blob((12, 12), (15, 15)), []
    for i in range(30):
        index = tf.constant([i], tf.int64)
        alone = data.distort(digit[None], index, kind="TC", seed=1, others=digit[None] * 0).numpy()
        assert set(np.unique(alone)) == {0, 255} and (alone > 0).sum() == 18
        y, x = np.argwhere(alone[0, ..., 0])[0]
        np.testing.assert_array_equal(alone[0, y : y + 6, x : x + 6], digit[11:17, 11:17])
        place.append((x, y))
        white = np.full_like(digit, 99)[None]
        cluttered = data.distort(digit[None], index, kind="TC", seed=1, others=white).numpy()
        assert np.array_equal(np.maximum(cluttered, alone), cluttered)
        assert 100 < (cluttered == 99).sum() <= 6 * 36
    assert np.ptp(place, axis=0).min() > 30


def test_p_maps_the_corners_of_a_quadrilateral_to_those_of_the_digit():
    quad = np.float32([[[2, 3], [25, 1], [27, 22], [4, 26]]])
    h = data._square_from(tf.constant(quad)).numpy().reshape(3, 3)
    mapped = np.concatenate([quad[0], np.ones([4, 1])], 1) @ h.T
    np.testing.assert_allclose(
        mapped[:, :2] / mapped[:, 2:], [[0, 0], [1, 0], [1, 1], [0, 1]], atol=1e-4
    )


def test_p_stretches_a_corner_along_its_diagonal():
    normal = np.zeros([1, 32], np.float32)
    normal[0, 0] = -3 * np.sqrt(2) / 5  # The first corner, inwards by 3 px in x and in y.
    points = data._projective(tf.ones([1, 4]), tf.constant(normal)).numpy()[0]  # Scale 1.
    np.testing.assert_allclose(points[3, 3], [0, 0], atol=1e-3)
    for y, x in ((0, 27), (27, 27), (27, 0)):
        np.testing.assert_allclose(points[y, x], [x, y], atol=1e-3)


def test_p_never_folds_the_image():
    normal = tf.random.stateless_normal([4000, 4, 2], [0, 1])
    corners = tf.constant([[[-10.5, -10.5], [10.5, -10.5], [10.5, 10.5], [-10.5, 10.5]]])
    share = data._unfolded(corners, 5 * normal).numpy().ravel()
    assert set(share) <= {0.25, 0.5, 1.0} and (share < 1).mean() < 0.1
    quad = (corners + 5 * normal * share[:, None, None]).numpy()
    sides = np.roll(quad, -1, 1) - quad
    turn = sides[..., 0] * np.roll(sides, -1, 1)[..., 1] - sides[..., 1] * np.roll(
        sides, -1, 1
    )[..., 0]
    assert (turn > 0).all()


def test_e_moves_control_points_by_1_5_px():
    normal = tf.random.stateless_normal([500, 32], [0, 1])
    still = np.stack(np.meshgrid(np.arange(28.0), np.arange(28.0)), -1)
    shift = data._elastic(tf.ones([500, 4]), normal).numpy() - still  # Scale 1.
    at = np.arange(4) * 9
    np.testing.assert_allclose(
        shift[:, at][:, :, at], 1.5 * normal.numpy().reshape(-1, 4, 4, 2), atol=1e-3
    )


def test_another_kind_and_another_size_are_refused():
    index = tf.range(2, dtype=tf.int64)
    for kind, image in (("X", known()[:2]), ("R", known()[:2, :27])):
        with pytest.raises(ValueError, match=f"Received: kind='{kind}'"):
            data.distort(image, index, kind=kind, seed=0)
