"""tfvision.data.isbi2012: splits of the stack, and slices that are refused by name."""

import cv2
import numpy as np
import pytest

from tfvision.data import isbi2012
from tfvision.data.files import DataError


@pytest.fixture
def slices(tmp_path):
    """25 slices of 12 x 10 px; the first pixel tells the number."""
    random = np.random.default_rng(0)
    for number in range(25):
        image = random.integers(0, 256, [12, 10], np.uint8)
        image[0, 0] = number
        label = np.uint8(255) * (random.random([12, 10]) < 0.8)
        write(tmp_path, "image", number, image)
        write(tmp_path, "label", number, label)
    return tmp_path


def write(root, kind, number, picture):
    folder = root / "train" / kind
    folder.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / f"{number}.png"), picture)
    return folder / f"{number}.png"


def test_splits_are_runs_of_the_stack(slices):
    for split, numbers in (("train", range(20)), ("validation", range(20, 25)), ("all", range(25))):
        data = isbi2012.load(slices, split)
        assert data["image"][:, 0, 0, 0].tolist() == list(numbers)
        assert data["image"].shape[1:] == (12, 10, 1) and data["image"].dtype == np.uint8
        assert data["label"].shape[1:] == (12, 10) and data["label"].dtype == np.int32
        assert set(np.unique(data["label"])) == {0, 1}


def test_a_cell_is_255_in_the_file_and_1_here(slices):
    write(slices, "label", 0, np.full([12, 10], 255, np.uint8))
    assert isbi2012.load(slices)["label"][0].all()


@pytest.mark.parametrize(
    "kind,picture,message",
    [
        ("label", np.zeros([12, 9], np.uint8), r"its size \(12, 9\) is not the image's \(12, 10\)"),
        ("label", np.full([12, 10], 7, np.uint8), r"expected 0 \(membrane\).*found \[7\]"),
        ("image", np.zeros([1, 1], np.uint8), r"is not the image's \(1, 1\)"),
    ],
)
def test_faults_are_told_by_load_and_by_check(slices, kind, picture, message):
    write(slices, kind, 3, picture)
    with pytest.raises(DataError, match=f"label/3.png: .*{message}"):
        isbi2012.load(slices)
    (fault,) = isbi2012.check(slices)
    assert "label/3.png" in fault


def test_check_goes_on_behind_a_fault(slices):
    (slices / "train" / "image" / "2.png").unlink()
    (slices / "train" / "label" / "21.png").write_bytes(b"no image")
    write(slices, "image", 9, np.zeros([5, 5], np.uint8))
    write(slices, "label", 9, np.zeros([5, 5], np.uint8))
    faults = list(isbi2012.check(slices))
    parts = ("image/2.png: cannot be read", "image/9.png: its size", "label/21.png: no image")
    assert len(faults) == 3 and all(p in f for p, f in zip(parts, faults, strict=True))
    (slices / "train" / "image" / "2.png").unlink(missing_ok=True)
    with pytest.raises(DataError, match="image/2.png"):
        isbi2012.load(slices)


def test_slices_of_two_sizes_are_refused_by_name(slices):
    for kind in ("image", "label"):
        write(slices, kind, 22, np.zeros([5, 5], np.uint8))
    with pytest.raises(DataError, match=r"image/22.png: its size \(5, 5\) is not that of"):
        isbi2012.load(slices, "validation")


def test_an_empty_folder_and_an_unknown_split_are_refused(tmp_path):
    with pytest.raises(DataError, match="0.png: cannot be read"):
        isbi2012.load(tmp_path)
    with pytest.raises(ValueError, match="Expected split in"):
        isbi2012.load(tmp_path, "test")


@pytest.mark.data
def test_the_publishers_slices_are_clean_and_mostly_cell(data_root):
    assert list(isbi2012.check(data_root / "isbi2012")) == []
    data = isbi2012.load(data_root / "isbi2012", "validation")
    assert data["image"].shape == (5, 512, 512, 1)
    assert 0.7 < data["label"].mean() < 0.85
    image, cell = data["image"][..., 0], data["label"] == 1
    assert image[cell].mean() > image[~cell].mean() + 30, "membranes are dark"
