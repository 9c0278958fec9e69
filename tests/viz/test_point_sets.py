"""viz.point_sets, points, curves and ply: clouds in space and in the plane."""

import numpy as np
import pytest

from tfvision.viz import curves, ply, point_sets, points

RANDOM = np.random.default_rng(0)
NAMES = ("one", "two", "three")


@pytest.mark.parametrize("d", [2, 3])
def test_a_page_shows_predictions_sets_and_curves(d):
    clouds = RANDOM.normal(size=[7, 30, d])
    sets = [(clouds[0], np.arange(30) < 5, point_sets.lattice(d)[:50])]
    series = {"missing_random": [(0, 1), (0.5, 0.8)], "jitter": [(0, 1), (0.1, 0.2)]}
    full = point_sets.page(clouds, ["a"] * 7, np.arange(7) > 2, sets, series)
    bare = point_sets.page(clouds, ["a"] * 7, np.arange(7) > 2, [], {})
    assert full.dtype == bare.dtype == np.uint8 and full.shape[2] == 3
    assert full.shape[0] > bare.shape[0] > 100


def test_wrong_ones_are_named_in_red():
    cloud = [RANDOM.normal(size=[9, 3])]
    red = [point_sets.page(cloud, ["name"], [right], [], {}) for right in (True, False)]
    counts = [np.sum((p[..., 0] > 150) & (p[..., 1] < 80)) for p in red]
    assert counts[1] > counts[0]


def test_a_lattice_fills_the_unit_sphere_and_no_more():
    for d, count, share in ((2, 64**2, np.pi / 4), (3, 26**3, np.pi / 6)):
        found = point_sets.lattice(d)
        assert found.shape[1] == d and found.dtype == np.float32
        far = np.linalg.norm(found, axis=1)
        assert 0.98 < far.max() <= 1 and far.min() < 0.1
        assert len(found) == pytest.approx(count * share, rel=0.12)


@pytest.mark.parametrize("d", [3, 9])
def test_parts_are_shown_beside_the_truth(d):
    part = RANDOM.integers(0, 3, [2, 40])
    picture = point_sets.parts(RANDOM.normal(size=[2, 40, d]), part, part, NAMES)
    assert picture.shape[0] > 440 and picture.shape[1] > 440


def test_critical_points_stand_out_and_labels_have_colours():
    cloud = RANDOM.normal(size=[60, 3])
    plain, some = points.cloud(cloud), points.cloud(cloud, critical=np.arange(60) < 3)
    assert np.mean(plain != 255) > np.mean(np.ptp(some.astype(int), axis=-1) > 30)
    labelled = points.cloud(cloud, names=NAMES, labels=np.arange(60) % 3)
    assert labelled.shape[1] > plain.shape[1]


@pytest.mark.parametrize("d", [2, 3])
def test_a_point_lies_at_the_same_place_however_few_others_are_drawn(d):
    cloud = RANDOM.normal(size=[60, d])
    places = []
    for some in (cloud, cloud[[7]]):
        tones = np.full([len(some), 3], 0, np.uint8)
        tones[7 % len(some)] = (200, 0, 0)
        picture = points.cloud(some, tones=tones, frame=cloud).astype(int)
        places.append(np.argwhere(picture[..., 0] - picture[..., 1] > 150).mean(0))
    np.testing.assert_allclose(*places, atol=3)


@pytest.mark.parametrize("cloud", [np.zeros([1, 3]), np.ones([5, 2]), np.zeros([3, 3])])
def test_sets_without_extent_are_drawn(cloud):
    assert points.cloud(cloud).shape == (560, 560, 3)


def test_a_higher_curve_lies_higher():
    def row(y):
        picture = curves.curves({"a": [(0, y), (1, y)]}, "title")
        strong = np.ptp(picture[30:180, 60:].astype(int), axis=-1).sum(1)
        return strong.argmax()

    assert row(0.9) < row(0.5)


def test_a_ply_file_is_read_back(tmp_path):
    from tfvision.runtime import points as reader

    cloud = RANDOM.normal(size=[5, 3])
    ply.write_ply(tmp_path / "sets" / "a.ply", cloud, np.full([5, 3], 9, np.uint8))
    found = reader.read(tmp_path / "sets" / "a.ply")["points"]
    np.testing.assert_allclose(found, cloud, rtol=1e-6)
    ply.write_ply(tmp_path / "b.ply", cloud[:, :2])
    np.testing.assert_array_equal(reader.read(tmp_path / "b.ply")["points"][:, 2], np.zeros(5))
    assert not list(tmp_path.glob("**/.*.ply"))
