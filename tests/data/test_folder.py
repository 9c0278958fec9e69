"""data.folder: which pictures, and what becomes of them."""

import cv2
import numpy as np
import pytest

from tfvision.data import folder
from tfvision.data.files import DataError


def write(file, image):
    file.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(file), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))


@pytest.fixture
def root(tmp_path):
    """Twelve pictures of one colour each, in two folders, of many sizes."""
    for i in range(12):
        image = np.full([20 + i, 40 - i, 3], [10 * i, 0, 255], np.uint8)
        write(tmp_path / ("a" if i < 6 else "b/c") / f"{i:02d}.png", image)
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / ".hidden.png").write_bytes(b"")
    return tmp_path


def test_splits_share_nothing_and_hold_everything(root):
    train, validation = (folder.load(root, s, size=8)["image"] for s in folder.SPLITS)
    assert train.shape == (11, 8, 8, 3) and validation.shape == (1, 8, 8, 3)
    assert sorted([*train[:, 0, 0, 0], *validation[:, 0, 0, 0]]) == [10 * i for i in range(12)]
    np.testing.assert_array_equal(train[0, 0, 0], [0, 0, 255])  # RGB.


def test_few_pictures_serve_both_splits(tmp_path):
    write(tmp_path / "one.jpg", np.full([9, 9, 3], 7, np.uint8))
    for split in folder.SPLITS:
        assert folder.load(tmp_path, split, size=4, channels=1)["image"].shape == (1, 4, 4, 1)


def test_the_middle_square_is_kept():
    wide = np.zeros([10, 30, 1], np.uint8)
    wide[:, 10:20] = 200
    np.testing.assert_array_equal(folder.square(wide, 5), np.full([5, 5, 1], 200))
    assert folder.square(wide, 40).shape == (40, 40, 1)


def test_a_broken_picture_is_named(root):
    (root / "a" / "zz.png").write_bytes(b"not a picture")
    with pytest.raises(DataError, match="zz.png"):
        folder.load(root)
    assert [fault for fault in folder.check(root) if "zz.png" in fault]


@pytest.mark.parametrize("options", [{"size": 0}, {"channels": 2}])
def test_impossible_sizes_are_refused(root, options):
    with pytest.raises(ValueError, match="Received: size="):
        folder.load(root, **options)
