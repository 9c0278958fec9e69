"""tfvision.data.augment: known answers, and what random changes must leave alone."""

import numpy as np
import pytest
import tensorflow as tf

from tfvision.data import augment

SEED = (7, 11)
RANDOM = np.random.default_rng(0)


def both_ways(function):
    """The function's result in eager mode and in a graph: numpy arrays."""
    return function().numpy(), tf.function(function, autograph=False)().numpy()


@pytest.mark.parametrize("count,size", [(2, 9), (3, 33), (4, 10), (5, 5), (3, 1), (1, 6)])
def test_cubic_matrix_keeps_constants_and_knots(count, size):
    matrix = augment.cubic_matrix(count, size)
    assert matrix.shape == (size, count)
    np.testing.assert_allclose(matrix.sum(1), 1, atol=1e-6)
    if size > 1 and count > 1 and (size - 1) % (count - 1) == 0:
        at_knots = matrix[:: (size - 1) // (count - 1)]
        np.testing.assert_allclose(at_knots, np.eye(count), atol=1e-6)


def test_cubic_matrix_reproduces_parabolas_between_inner_knots():
    count, size = 7, 61
    x = np.linspace(0, count - 1, size)
    inside = (x >= 1) & (x <= count - 2)
    for power in (1, 2):
        found = augment.cubic_matrix(count, size) @ np.arange(count) ** power
        np.testing.assert_allclose(found[inside], x[inside] ** power, atol=1e-4)


def test_an_elastic_field_of_no_scale_is_zero_and_scale_is_its_deviation():
    assert not augment.elastic_field(SEED, size=9, scale=0.0).numpy().any()
    fields = np.stack([augment.elastic_field((3, i), size=5, scale=4.0) for i in range(400)])
    corners = fields[:, ::4, ::4]
    assert abs(corners.std() - 4) < 0.3 and abs(corners.mean()) < 0.3


def test_an_elastic_field_is_smooth():
    field = augment.elastic_field(SEED, size=65, scale=5.0).numpy()
    assert np.abs(np.diff(field, 2, axis=0)).max() < 0.2 and np.ptp(field) > 3


def test_warp_without_change_is_the_image():
    image = RANDOM.random([16, 16, 3], np.float32)
    same = augment.warp(image, SEED, size=16, elastic=0.0, turn=False)
    np.testing.assert_allclose(same, image, atol=1e-6)


def test_warp_without_turn_is_a_crop_of_the_image_somewhere():
    y, x = np.mgrid[:40, :30].astype(np.float32)
    for i in range(30):
        crop = augment.warp(np.stack([x, y], -1), (i, i), size=12, elastic=0.0, turn=False).numpy()
        np.testing.assert_allclose(np.diff(crop[..., 0], axis=1), 1, atol=1e-4)
        np.testing.assert_allclose(np.diff(crop[..., 1], axis=0), 1, atol=1e-4)
        assert crop.min() >= 0 and crop[..., 0].max() <= 29 and crop[..., 1].max() <= 39


def test_a_turn_keeps_distances_and_mirrors_half_of_the_time():
    y, x = np.mgrid[:64, :64].astype(np.float32)
    mirrored, angles = [], []
    for i in range(100):
        crop = augment.warp(np.stack([x, y], -1), (5, i), size=9, elastic=0.0).numpy()
        right, down = crop[4, 5] - crop[4, 4], crop[5, 4] - crop[4, 4]
        np.testing.assert_allclose([right @ right, down @ down, right @ down], [1, 1, 0], atol=1e-3)
        mirrored.append(np.linalg.det([right, down]) < 0)
        angles.append(np.arctan2(down[0], down[1]))
    assert 0.35 < np.mean(mirrored) < 0.65
    assert min(angles) < -2.5 and max(angles) > 2.5


def test_image_and_label_move_together():
    disc = ((np.mgrid[:48, :48] - [[[20]], [[27]]]) ** 2).sum(0) < 150
    maps = np.stack([disc * 0.8, disc], -1).astype(np.float32)
    for i in range(5):
        moved = augment.warp(maps, (1, i), size=40, elastic=6.0).numpy()
        np.testing.assert_allclose(moved[..., 0], 0.8 * moved[..., 1], atol=1e-6)
        assert moved[..., 1].max() > 0.9


@pytest.mark.parametrize("shape", [(1, 1), (3, 50), (50, 3)])
def test_images_smaller_than_the_crop_are_mirrored_not_refused(shape):
    image = RANDOM.random([*shape, 2], np.float32)
    crop = augment.warp(image, SEED, size=16).numpy()
    assert crop.shape == (16, 16, 2) and np.isfinite(crop).all()
    assert crop.min() >= image.min() - 1e-6 and crop.max() <= image.max() + 1e-6


@pytest.mark.parametrize(
    "change",
    [
        lambda image, seed: augment.warp(image, seed, size=20),
        augment.grey,
    ],
)
def test_a_seed_decides_the_change_in_graph_and_eager_mode(change):
    image = RANDOM.random([24, 24, 1], np.float32)
    eager, graph = both_ways(lambda: change(image, SEED))
    np.testing.assert_allclose(eager, graph, atol=1e-5)
    np.testing.assert_array_equal(eager, change(image, SEED))
    assert np.abs(eager - change(image, (7, 12)).numpy()).max() > 1e-3


def test_grey_stays_in_range_and_in_order():
    image = np.linspace(0, 1, 101, dtype=np.float32)[None, :, None]
    for i in range(40):
        changed = augment.grey(image, (2, i), contrast=0.9, brightness=0.5).numpy()[0, :, 0]
        assert changed.min() >= 0 and changed.max() <= 1 and (np.diff(changed) >= -1e-6).all()


def test_grey_of_no_strength_is_the_image():
    image = RANDOM.random([5, 5, 3], np.float32)
    same = augment.grey(image, SEED, contrast=0.0, brightness=0.0)
    np.testing.assert_allclose(same, image, atol=2e-6)


@pytest.mark.parametrize("size", [16, 17])
def test_crops_that_are_not_deformed_keep_their_pixels(size):
    image = np.random.default_rng(0).random([30, 37, 1]).astype(np.float32)
    for k in range(8):
        crop = augment.warp(tf.constant(image), [0, k], size=size, deformed=0.0).numpy()
        turned = [np.rot90(m, r) for m in (crop, crop[:, ::-1]) for r in range(4)]
        windows = np.lib.stride_tricks.sliding_window_view(image[..., 0], (size, size))
        errors = [np.abs(windows - t[..., 0]).max((2, 3)).min() for t in turned]
        assert min(errors) < 1e-4
