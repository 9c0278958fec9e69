"""data.point_changes: what belongs to an example, how large it is, what it leaves alone."""

import numpy as np
import pytest
import tensorflow as tf

from tfvision import ops
from tfvision.data import point_changes as changes

POINTS = np.random.default_rng(0).uniform(-1, 1, [6, 50, 3]).astype(np.float32)
INDEX = tf.range(10, 16, dtype=tf.int64)
ALL = {"warp": 0.3, "rotate": "any", "scale": 0.3, "jitter": 0.01, "outliers": 0.2, "drop": 0.5}


def batch(rows=slice(None)):
    return {"points": tf.constant(POINTS[rows]), "index": INDEX[rows]}


def test_a_change_belongs_to_the_example_whoever_makes_it():
    whole = changes.change(batch(), points=20, seed=3, **ALL)["points"]
    part = changes.change(batch(slice(4, 6)), points=20, seed=3, **ALL)["points"]
    np.testing.assert_array_equal(whole[4:], part)
    other = changes.change(batch(), points=20, seed=4, **ALL)["points"]
    assert np.abs(whole - other).max() > 0.1


@pytest.mark.parametrize("n, count", [(50, 20), (64, 64), (7, 7), (6, 15)])
def test_a_subset_has_no_point_twice_and_differs_from_set_to_set(n, count):
    points = tf.constant(POINTS[:, :1].repeat(n, 1))
    rows = changes.subset(points, INDEX, count, seed=0).numpy()
    assert rows.min() >= 0 and rows.max() < n
    if count <= n:
        assert all(len(np.unique(row)) == count for row in rows)
    assert len(np.unique(rows, axis=0)) > 1


def test_every_point_is_taken_about_as_often():
    index = tf.range(4000, dtype=tf.int64)
    rows = changes.subset(tf.zeros([4000, 50, 3]), index, 10, seed=1)
    counts = np.bincount(np.ravel(rows), minlength=50)
    assert 650 < counts.min() and counts.max() < 950


def test_parts_and_further_numbers_stay_with_their_points():
    points = np.concatenate([POINTS, POINTS], -1)
    part = np.tile(np.arange(50), [6, 1])
    found = changes.change({"points": tf.constant(points), "part": tf.constant(part),
                            "index": INDEX}, points=20, seed=0, rotate="up")
    own = np.take_along_axis(POINTS, found["part"].numpy()[..., None], 1)
    np.testing.assert_array_equal(found["points"][..., 3:], own)


def test_points_that_have_parts_stay_on_them():
    part = tf.zeros([6, 50], tf.int32)
    plain, faulty = (changes.change(batch() | {"part": part}, points=50, seed=0, **faults)["points"]
                     for faults in ({}, {"outliers": 0.5, "drop": 0.5}))
    np.testing.assert_array_equal(plain, faulty)


@pytest.mark.parametrize("how", ["up", "any"])
def test_turned_points_keep_their_distances_and_up_stays_up(how):
    turned = changes.turned(POINTS, INDEX, how=how, seed=0).numpy()
    np.testing.assert_allclose(
        np.linalg.norm(turned, axis=-1), np.linalg.norm(POINTS, axis=-1), rtol=1e-4
    )
    assert np.array_equal(turned[..., 2], POINTS[..., 2]) == (how == "up")
    volume = np.linalg.det(turned[0, :3].astype(float))
    assert volume == pytest.approx(np.linalg.det(POINTS[0, :3].astype(float)), rel=1e-3)


def test_points_of_a_plane_turn_by_no_more_than_they_should():
    turned = changes.turned(POINTS[..., :2], INDEX, how="up", seed=0, most=0.1).numpy()
    plane = [p[..., 0] + 1j * p[..., 1] for p in (turned, POINTS)]
    angle = np.angle(plane[0] / plane[1])
    assert 0.02 < np.abs(angle).max() <= 0.101
    with pytest.raises(ValueError, match="any"):
        changes.turned(POINTS[..., :2], INDEX, how="any", seed=0)


def test_noise_is_as_large_as_it_should_be():
    moved = changes.jittered(POINTS, INDEX, sigma=0.01, seed=0) - POINTS
    assert np.std(moved) == pytest.approx(0.01, rel=0.1)
    assert np.abs(changes.jittered(POINTS, INDEX, sigma=1.0, seed=0) - POINTS).max() < 0.0501
    factor = changes.scaled(POINTS, INDEX, most=0.25, seed=0) / POINTS
    assert 0.8 <= np.min(factor) and np.max(factor) <= 1.2501
    np.testing.assert_allclose(factor, factor[:, :1].numpy().repeat(50, 1), rtol=1e-4)


def test_dropped_points_lie_on_the_first_and_outliers_in_the_sphere():
    less = changes.dropped(tf.constant(POINTS), INDEX, most=0.9, seed=0).numpy()
    gone = np.any(less != POINTS, -1)
    np.testing.assert_array_equal(less[gone], POINTS[:, :1].repeat(50, 1)[gone])
    assert gone.mean(1).max() > 0.3 > gone.mean(1).min()
    far = changes.with_outliers(tf.constant(POINTS), INDEX, least=0.2, most=0.2, seed=0).numpy()
    changed = np.any(far != POINTS, -1)
    assert 0.1 < changed.mean() < 0.3 and np.linalg.norm(far[changed], axis=-1).max() <= 1


@pytest.mark.parametrize("d", [2, 3])
def test_a_warp_bends_sets_smoothly_and_the_more_the_larger_its_angle(d):
    plain = POINTS[..., :d]
    points = tf.constant(plain)
    small, large = (changes.warped(points, INDEX, angle=a, seed=0).numpy() for a in (0.1, 0.5))
    least, most = np.abs(small - plain).mean(), np.abs(large - plain).mean()
    assert 0.01 < least < most / 3
    twin = tf.constant(plain + 1e-3)  # Neighbours stay neighbours.
    both = changes.warped(tf.concat([points, twin], 1), INDEX, angle=0.5, seed=0).numpy()
    np.testing.assert_allclose(both[:, 50:] - both[:, :50], 1e-3, atol=5e-3)
    np.testing.assert_allclose(changes.warped(points, INDEX, angle=0.0, seed=0), points)


def test_only_planes_and_space_are_warped():
    with pytest.raises(ValueError, match="2 or 3 coordinates to warp. Received: d=1"):
        changes.warped(POINTS[..., :1], INDEX, angle=0.1, seed=0)


@pytest.mark.parametrize("d", [2, 3])
def test_the_rotations_of_a_warp_are_rotations_of_the_angle_asked_for(d):
    index = tf.range(500, dtype=tf.int64)
    matrices = changes.small_rotations(index, d, angle=0.1, seed=0).numpy()
    np.testing.assert_allclose(matrices @ matrices.swapaxes(-1, -2), np.eye(d) + 0 * matrices,
                               atol=1e-5)
    assert 0.09 < matrices[..., 1, 0].std() < 0.11


def test_a_warp_turns_what_is_near_one_place_only_rigidly():
    heap = tf.constant(POINTS * 1e-2)  # All anchors are one: a mean of rotations about it.
    found = changes.warped(heap, INDEX, angle=0.2, seed=0).numpy().astype(float)
    far = [np.linalg.norm(a[:, None] - a[None], axis=-1) for a in (found[0], heap[0].numpy())]
    np.testing.assert_allclose(far[0], far[1], rtol=0.1, atol=1e-4)


def test_along_its_axes_a_set_is_the_same_but_for_half_turns_however_it_came():
    points = np.exp(POINTS * 2) * np.float32([1, 3, 2])
    turned = changes.turned(tf.constant(points), INDEX, how="any", seed=5)
    found, other = (changes.change({"points": tf.constant(x), "index": INDEX}, points=50, seed=0,
                                   rotate="axes")["points"].numpy() for x in (points, turned))
    np.testing.assert_allclose(found, other, atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(found, axis=-1).max(1), 1, rtol=1e-5)
    index = tf.range(400, dtype=tf.int64)
    flips = changes.flipped(tf.ones([400, 1, 3]), index, seed=0).numpy()[:, 0]
    seen, count = np.unique(flips, axis=0, return_counts=True)
    assert {tuple(row) for row in seen} == set(changes.FLIPS) and count.min() > 70


@pytest.mark.parametrize("rotate", ["none", "up", "any", "axes"])
def test_sets_are_posed_as_those_that_are_measured(rotate):
    found = changes.change({"points": tf.constant(POINTS), "index": INDEX}, points=30, seed=0,
                           rotate=rotate, scale=0.3, warp=0.3)["points"]
    np.testing.assert_allclose(found, ops.in_unit_sphere(found), atol=1e-6)
    assert not np.allclose(POINTS[:, :30], ops.in_unit_sphere(POINTS[:, :30]), atol=0.05)
