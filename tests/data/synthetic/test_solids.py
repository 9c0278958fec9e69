"""synthetic.primitives, solids and rooms: points lie evenly on surfaces, with their parts."""

import numpy as np
import pytest

from tfvision.data.synthetic import primitives, rooms, solids

N = 20_000


def random():
    return np.random.default_rng(0)


def test_a_box_has_its_points_on_its_sides_by_their_area():
    points = primitives.box(random(), N, (1, 2, 4))
    share = np.abs(points) / [0.5, 1, 2]
    np.testing.assert_allclose(share.max(1), 1)
    for axis, area in enumerate((8, 4, 2)):
        assert np.mean(share[:, axis] == 1) == pytest.approx(area / 14, abs=0.01)


def test_a_sphere_is_even_in_height():
    """Archimedes: slices of equal height have equal area."""
    points = primitives.ellipsoid(random(), N, (2, 2, 2))
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 2)
    counts, _ = np.histogram(points[:, 2], 10, (-2, 2))
    assert np.abs(counts / N - 0.1).max() < 0.01
    assert primitives.ellipsoid(random(), N, (1, 1, 1), lowest=0.0)[:, 2].min() >= 0


@pytest.mark.parametrize("bottom, top", [(1.0, 1.0), (1.0, 0.25), (0.0, 2.0)])
def test_a_cone_has_more_points_where_it_is_wide(bottom, top):
    points = primitives.frustum(random(), N, bottom, top, 2.0, caps=False)
    share = points[:, 2] / 2 + 0.5
    np.testing.assert_allclose(np.hypot(*points[:, :2].T), bottom + share * (top - bottom))
    lower = (bottom + (bottom + top) / 2) / (2 * (bottom + top))
    assert np.mean(share < 0.5) == pytest.approx(lower, abs=0.015)
    discs = primitives.frustum(random(), N, bottom, top, 2.0)
    side = np.pi * (bottom + top) * np.hypot(2, bottom - top)
    whole = side + np.pi * (bottom**2 + top**2)
    assert np.mean(np.abs(discs[:, 2]) > 1 - 1e-9) == pytest.approx(1 - side / whole, abs=0.01)


def test_a_ring_has_more_points_outside():
    points = primitives.torus(random(), N, 3.0, 1.0)
    far = np.hypot(points[:, 0], points[:, 1])
    np.testing.assert_allclose((far - 3) ** 2 + points[:, 2] ** 2, 1, atol=1e-9)
    assert np.mean(far > 3) == pytest.approx(0.5 + 1 / (3 * np.pi), abs=0.01)
    assert primitives.torus(random(), N, 3.0, 1.0, share=0.5)[:, 1].min() >= 0


def test_things_fill_the_unit_sphere_and_have_all_their_parts():
    found = solids.load("validation")
    assert found["points"].shape == (80, 1024, 3) and found["points"].dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found["points"], axis=-1).max(1), 1, rtol=1e-5)
    known = solids.parts()
    assert known.shape == (8, len(solids.NAMES)) and (known.sum(0) == 1).all()
    for label, part in zip(found["label"], found["part"], strict=True):
        assert set(np.unique(part)) == set(np.flatnonzero(known[label]))


def test_splits_are_parts_of_train_or_others():
    train, fit, rest, test = (solids.load(s, count=8) for s in solids.SPLITS)
    for name in ("points", "label", "part"):
        both = np.concatenate([fit[name], rest[name]])
        np.testing.assert_array_equal(both, train[name])
    first = {tuple(points[0]) for points in train["points"]}
    assert not first & {tuple(points[0]) for points in test["points"]}
    assert (np.bincount(test["label"]) == 20).all()


def test_legs_are_below_and_shades_above():
    found = solids.load("validation")
    height = {name: found["points"][found["part"] == i][:, 2].mean()
              for i, name in enumerate(solids.NAMES)}
    assert height["table legs"] < height["table top"] and height["lamp foot"] < -0.5
    assert height["lamp shade"] > 0.4 and height["rocket nose"] > height["rocket body"]


def test_rooms_have_floors_at_0_and_places_within_the_room():
    found = rooms.load("validation")
    points, part = found["points"], found["part"]
    assert points.shape == (32, 1024, 9) and part.max() < len(rooms.CLASSES)
    np.testing.assert_allclose(points[part == 1][:, 2], 0, atol=0.03)
    assert points[..., 3:].min() >= 0 and points[..., 3:].max() <= 1
    assert points[part == 0][:, 2].min() > 2.3 and len(np.unique(part)) == 7
