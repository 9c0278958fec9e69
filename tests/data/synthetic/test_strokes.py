"""tfvision.data.synthetic.strokes: curves through their points, pens of their width."""

import numpy as np
import pytest

from tfvision.data.synthetic import strokes


@pytest.mark.parametrize("count,corners", [(1, ()), (2, ()), (5, ()), (6, (2, 4))])
def test_a_curve_goes_through_its_points(count, corners):
    matrix = strokes.curve_matrix(count, corners)
    np.testing.assert_allclose(matrix.sum(1), 1, atol=1e-6)
    np.testing.assert_allclose(matrix[:: strokes.PER_SPAN], np.eye(count), atol=1e-6)


def test_a_corner_breaks_the_direction_and_nothing_else_does():
    knots = np.array([[0, 0], [1, 0], [2, 0], [2, 1], [2, 2]], float)

    def sharpest(corners):
        moves = np.diff(strokes.curve_matrix(5, corners) @ knots, axis=0)
        angles = np.unwrap(np.arctan2(moves[:, 1], moves[:, 0]))
        return np.abs(np.diff(angles)).max()

    assert sharpest((2,)) == pytest.approx(np.pi / 2, abs=1e-5) and sharpest(()) < 0.5


@pytest.mark.parametrize("pen", [3, 4.2, 5, 9, 12.6])
def test_a_line_is_as_wide_as_the_pen_and_a_point_is_a_dot(pen):
    line = strokes.draw([np.array([[10, 20], [30, 20]])], 41, pen)
    assert line[:, 20].sum() / 255 == pytest.approx(pen, abs=1.1) and line[20, 20] == 255
    assert not line[:12].any() and not line[:, :2].any()
    dot = strokes.draw([np.array([[20.0, 10.0]])], 41, 4)
    assert dot[10, 20] == 255 and 12 < (dot > 127).sum() < 40


def test_an_affine_map_turns_clockwise_on_screen_and_keeps_the_area():
    turned = strokes.affine(np.pi / 2, 0.0, 0.0) @ [1, 0]
    np.testing.assert_allclose(turned, [0, 1], atol=1e-9)
    maps = strokes.affine(np.array([0.3, -1.0]), np.array([0.5, 0.1]), np.array([0.4, -0.2]))
    np.testing.assert_allclose(np.linalg.det(maps), 1)
