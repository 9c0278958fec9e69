import numpy as np
import pytest

from tfvision import runtime
from tfvision.runtime.tiles import by_tiles


def filtered(image, kernel):
    """The filter of the model `filter` on the mirrored picture, by loops over its 25 weights."""
    x = np.pad(image[..., 0].astype(np.float64), 4, mode="reflect")
    for _ in range(2):
        h, w = x.shape[0] - 4, x.shape[1] - 4
        x = sum(kernel[i, j] * x[i : i + h, j : j + w] for i in range(5) for j in range(5))
    return x


@pytest.mark.parametrize("size", [(100, 77), (32, 32), (24, 24), (25, 48), (5, 90), (7, 6), (1, 1)])
def test_tiles_give_what_the_whole_picture_gives(models, kernel, size):
    image = np.random.default_rng(1).integers(0, 256, [*size, 1], np.uint8)
    found = runtime.predict(runtime.load(models / "filter"), {"image": image})["probabilities"]
    assert found.shape == (1, *size, 1) and found.dtype == np.float32
    np.testing.assert_allclose(found[0, ..., 0], filtered(image, kernel), rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("margin", [-1, 4, 5])
def test_a_margin_that_leaves_nothing_is_refused(margin):
    with pytest.raises(ValueError, match="margin"):
        by_tiles(dict, np.zeros([9, 9, 1], np.uint8), (8, 8), margin)


def test_outputs_that_are_no_maps_are_refused():
    with pytest.raises(ValueError, match=r"maps of 8 x 8 px.*boxes \[1, 3, 4\]"):
        by_tiles(
            lambda tile: {"boxes": np.zeros([1, 3, 4])}, np.zeros([9, 9, 1], np.uint8), (8, 8), 1
        )
