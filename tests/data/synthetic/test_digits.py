"""tfvision.data.synthetic.digits: made as MNIST is made, and told apart like digits."""

import numpy as np
import pytest

from tfvision.data.synthetic import digits


@pytest.fixture(scope="module")
def train():
    return digits.load()


def test_digits_come_in_mnists_shape_and_all_equally_often(train):
    assert train["image"].shape == (6000, 28, 28, 1) and train["image"].dtype == np.uint8
    assert train["label"].dtype == np.int32
    assert (np.bincount(train["label"]) == 600).all()
    assert (train["label"][:-1] == train["label"][1:]).mean() < 0.2, "in random order"


def test_ink_is_bright_centred_by_mass_and_keeps_off_the_border(train):
    ink = train["image"][..., 0].astype(float)
    assert 20 < ink.mean() < 50 and (ink.max((1, 2)) > 180).all()
    for other in (1, 2):
        centre = (ink.sum(other) * np.arange(28)).sum(1) / ink.sum((1, 2))
        assert abs(centre.mean() - 13.5) < 0.2 and centre.std() < 0.6
    border = np.concatenate([ink[:, [0, -1]].ravel(), ink[:, :, [0, -1]].ravel()])
    assert (border > 0).mean() < 0.01


def test_fit_and_validation_make_up_train_and_test_is_new(train):
    fit, rest, test = (digits.load(split) for split in ("fit", "validation", "test"))
    for name in train:
        np.testing.assert_array_equal(train[name], np.concatenate([fit[name], rest[name]]))
    known = {image.tobytes() for image in train["image"]}
    assert len(known) == 6000 and not any(image.tobytes() in known for image in test["image"])


def test_nearest_neighbours_name_most_but_not_all_digits(train):
    test = digits.load("test")
    x, y = (d["image"].reshape(-1, 784).astype(np.float32) / 255 for d in (test, train))
    squared = (y**2).sum(1) - 2 * x[:500] @ y.T
    right = train["label"][squared.argmin(1)] == test["label"][:500]
    assert 0.93 < right.mean() < 1.0
