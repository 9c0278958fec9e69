"""tfvision.data.synthetic.membranes: shapes, splits that share nothing, membranes that are dark."""

import numpy as np

from tfvision.data.synthetic import membranes


def test_slices_have_dark_membranes_between_most_of_the_cells():
    data = membranes.load("validation", size=96)
    assert data["image"].shape == (6, 96, 96, 1) and data["image"].dtype == np.uint8
    assert data["label"].shape == (6, 96, 96) and data["label"].dtype == np.int32
    assert set(np.unique(data["label"])) == {0, 1} and 0.5 < data["label"].mean() < 0.95
    image, cell = data["image"][..., 0], data["label"] == 1
    assert image[cell].mean() > image[~cell].mean() + 40


def test_no_slice_comes_twice():
    slices = [membranes.load(split, size=48)["image"] for split in membranes.SPLITS]
    slices = np.concatenate(slices)
    assert len({one.tobytes() for one in slices}) == len(slices)
