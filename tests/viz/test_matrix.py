import numpy as np
import pytest

from tfvision.viz.matrix import HIGH, LOW, matrix


def cells(picture, counts):
    """The colour of each cell beside its upper left corner."""
    n, m = np.shape(counts)
    top, cell, pad = 34, 43, 12
    left = picture.shape[1] - pad
    wide = next(w for w in range(cell, 200) if (left - m * w) < left and _edge(picture, left, w, m))
    return np.array([[picture[top + i * cell + 2, left - (m - j) * wide + 2] for j in range(m)]
                     for i in range(n)])


def _edge(picture, left, wide, m):
    column = left - (m - 1) * wide - 1
    return (picture[36, column] == 255).all() and (picture[36, column + 1] != 255).any()


def test_a_cell_is_as_dark_as_its_share_of_the_row():
    counts = [[9, 1], [0, 4]]
    found = cells(matrix(counts, ["a", "b"], ["a", "b"]), counts)
    np.testing.assert_array_equal(found[1, 0], LOW)
    np.testing.assert_array_equal(found[1, 1], HIGH)
    np.testing.assert_allclose(found[0, 0], 0.1 * LOW + 0.9 * HIGH, atol=1)


@pytest.mark.parametrize("counts", [np.zeros([1, 1], int), np.full([4, 4], 10**9),
                                    np.arange(12).reshape(3, 4)])
def test_any_table_makes_a_picture(counts):
    names = [f"a class with a long name {i}" for i in range(4)]
    picture = matrix(counts, names[: len(counts)], names[: counts.shape[1]])
    assert picture.dtype == np.uint8 and picture.shape[0] > 40 * len(counts)
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 3
