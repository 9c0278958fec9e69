import numpy as np
import pytest

from tfvision.viz import boxes, classes, maps, panels, points, skeletons, vectors
from tfvision.viz.labels import palette

RANDOM = np.random.default_rng(2)
SIZES = [(28, 28), (1, 1), (480, 640), (3, 700), (700, 3)]


def photo(h, w, c=3):
    return RANDOM.integers(0, 256, [h, w, c], np.uint8)


def drawers(h, w):
    """Every drawer with plausible results on a picture of h x w px."""
    spots = RANDOM.uniform(0, (w, h), [4, 2])
    joints = np.concatenate([spots, np.ones([4, 1])], 1)
    corners = np.sort(RANDOM.uniform(0, 1, [3, 2, 2]), 1) * (w, h)
    found = corners.reshape(3, 4), np.array([0.9, 0.5, 0.3]), np.array([0, 1, 1])
    names = ["cat", "dog"]
    labels = RANDOM.integers(0, 3, [h, w])
    feature = np.concatenate([spots, np.full([4, 3], 0.7)], 1)
    return {
        "classification": lambda i: classes.classification(i, [0.3, 0.7], names),
        "segmentation": lambda i: classes.segmentation(i, labels, names),
        "detection": lambda i: boxes.detection(i, *found, names),
        "masks": lambda i: boxes.detection(i, *found, names, masks=np.ones([3, h, w], np.uint8)),
        "pose": lambda i: skeletons.pose(i, joints, [(0, 1), (2, 3)]),
        "people": lambda i: skeletons.people(i, np.stack([joints] * 2), [(0, 1)]),
        "cuboid": lambda i: skeletons.cuboid(i, RANDOM.uniform(0, (w, h), [8, 2])),
        "embedding": lambda i: vectors.embedding(i, RANDOM.normal(size=30)),
        "search": lambda i: vectors.embedding(i, [1.0], neighbours=[4, 2], distances=[0.1, 0.2]),
        "translation": lambda i: maps.translation(i, 255 - i),
        "depth": lambda i: maps.depth(i, RANDOM.random([h, w])),
        "features": lambda i: points.features(i, feature),
    }


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_drawer_takes_every_size_grey_or_colour(size, channels):
    image = photo(*size, channels)
    for name, draw in drawers(*size).items():
        picture = draw(image)
        assert picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[2] == 3, name
        assert picture.shape[0] >= size[0] and picture.shape[1] >= size[1], name


@pytest.mark.parametrize("draw", ["detection", "pose", "cuboid", "features", "people", "masks"])
def test_drawers_draw(draw):
    image = np.zeros([480, 640, 3], np.uint8)
    assert drawers(480, 640)[draw](image).any()


def test_what_is_empty_leaves_the_image_as_it_is():
    image, none = photo(480, 640), np.empty([0, 4])
    for picture in (
        boxes.detection(image, none, none[:, 0], none[:, 0].astype(int), []),
        boxes.detection(image, none, none[:, 0], none[:, 0].astype(int), [],
                        masks=np.empty([0, 480, 640])),
        skeletons.people(image, np.empty([0, 5, 3])),
        skeletons.pose(image, np.zeros([5, 3]), [(0, 1)]),
        points.features(image, np.empty([0, 5])),
    ):
        np.testing.assert_array_equal(picture, image)


def test_results_that_are_not_finite_do_not_stop_a_drawer():
    image = photo(60, 80)
    nan = np.full([3, 5], np.nan)
    points.features(image, nan)
    skeletons.pose(image, nan[:, :3], [(0, 1)])
    skeletons.cuboid(image, np.full([8, 2], np.nan))
    boxes.detection(image, nan[:, :4], nan[:, 0], np.zeros(3, int), [])
    vectors.embedding(image, nan[0])
    assert maps.depth(image, np.full([60, 80], np.nan)).dtype == np.uint8
    classes.classification(image, nan[0], [])
    points.matches(np.zeros([3, 2]), np.zeros([3, 2]), np.zeros(3))


def test_bars_are_as_long_as_their_values():
    panel = panels.bars([1.0, 0.5, 0.0], ["a", "b", "c"], height=100)
    blue = (panel == panels.BLUE).all(-1).sum(1).max()
    grey = (panel == panels.GREY).all(-1).sum(1)
    assert abs(2 * grey.max() - blue) <= 2
    assert (np.diff((grey == grey.max()).astype(int)) == 1).sum() == 1  # One such bar.


def test_shares_in_the_legend_are_those_of_the_map():
    labels = np.array([[0, 0, 0, 2]])
    rows = classes.legend_rows(labels, ["sky", "sea"], 3)
    assert [row[1:] for row in rows] == [("sky", "75.0%"), ("class 2", "25.0%")]
    np.testing.assert_array_equal(rows[1][0], palette(3)[2])


def test_class_colours_are_those_of_the_legend():
    labels = np.ones([500, 500], int)
    picture = classes.segmentation(np.zeros([500, 500], np.uint8), labels, ["a", "b"], strength=1)
    np.testing.assert_array_equal(picture[250, 250], palette(2)[1])


def test_the_depth_scale_spans_what_is_known():
    disparity = np.tile(np.linspace(2, 9, 500), [500, 1])
    disparity[0, 0] = np.nan
    picture = maps.depth(np.zeros([500, 500], np.uint8), disparity)
    row = picture[250, -500:].astype(int)
    np.testing.assert_array_equal(row[0], maps.ramp()[0])
    np.testing.assert_array_equal(row[-1], maps.ramp()[255])
    assert (np.diff(row.sum(-1)) >= -3).all()  # Ever brighter.


@pytest.mark.parametrize("count, rows, columns", [(1, 1, 1), (5, 2, 3), (16, 4, 4)])
def test_samples_lie_in_a_grid_as_square_as_they_allow(count, rows, columns):
    sheet = maps.samples(np.zeros([count, 8, 8, 1], np.uint8))
    black = (sheet == 0).all(-1)
    starts = [int((np.diff(np.r_[0, black.any(axis)]) == 1).sum()) for axis in (1, 0)]
    assert starts == [rows, columns]


def test_pictures_stand_in_the_middle_of_a_row_or_column():
    small, large = np.zeros([2, 3, 3], np.uint8), np.zeros([6, 5, 3], np.uint8)
    row = panels.beside(small, large, gap=1)
    assert row.shape == (6, 9, 3)
    np.testing.assert_array_equal((row[:, 0] == 0).all(-1), [0, 0, 1, 1, 0, 0])
    assert (row[:, 3] == 255).all()
    column = panels.above(small, large)
    assert column.shape == (8, 5, 3)
    np.testing.assert_array_equal((column[0] == 0).all(-1), [0, 1, 1, 1, 0])


def test_the_bars_of_a_vector_point_up_and_down():
    strip = panels.strip([1.0, -1.0], width=40, height=40)
    assert (strip[5, 10] == panels.BLUE).all() and (strip[35, 10] == 255).all()
    assert (strip[5, 30] == 255).all() and not (strip[35, 30] == 255).all()


def test_points_in_space_are_seen_upright():
    column = np.array([[0, 0, 0], [0, 0, 1.0]])
    flat, _ = points.project(column)
    assert flat[1, 1] < flat[0, 1]  # Up is up.
    np.testing.assert_array_equal(points.project(np.array([[1, 2, 0], [3, 6, 0.0]]))[0],
                                  [[-1, -2], [1, 2]])
