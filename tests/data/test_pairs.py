"""tfvision.data.pairs: the user's own files, in all the ways in which they go wrong."""

import cv2
import numpy as np
import pytest

from tfvision.data import pairs
from tfvision.data.files import DataError


def write(root, name, label=None, *, size=(8, 6), ending=".png", value=9):
    for kind in ("image", "label"):
        (root / kind).mkdir(exist_ok=True)
    cv2.imwrite(str(root / "image" / (name + ending)), np.full([*size, 3], value, np.uint8))
    if label is not None:
        cv2.imwrite(str(root / "label" / f"{name}.png"), np.broadcast_to(np.uint8(label), size))


@pytest.fixture
def folder(tmp_path):
    """Ten pairs, s0..s9, whose images hold their number and whose labels are 0 or 1."""
    for number in range(10):
        write(tmp_path, f"s{number}", number % 2, value=number)
    return tmp_path


def numbers(data):
    return data["image"][:, 0, 0, 0].tolist()


def test_every_fifth_image_is_for_validation(folder):
    train, held_out = pairs.load(folder), pairs.load(folder, "validation")
    assert numbers(train) == [0, 1, 2, 3, 5, 6, 7, 8] and numbers(held_out) == [4, 9]
    assert train["image"].shape == (8, 8, 6, 3) and train["label"].shape == (8, 8, 6)
    assert train["label"].dtype == np.int32
    np.testing.assert_array_equal(train["label"][:, 0, 0], np.array(numbers(train)) % 2)


def test_lists_make_splits_with_or_without_endings_and_with_dots_and_spaces(folder):
    write(folder, "a b.01", 1, value=77)
    (folder / "mine.txt").write_text("s3.png\ns5\n\n a b.01 \n")
    assert numbers(pairs.load(folder, "mine")) == [77, 3, 5]
    (folder / "train.txt").write_text("s1\n")
    assert numbers(pairs.load(folder)) == [1]


def test_a_list_that_names_no_image_is_told(folder):
    (folder / "train.txt").write_text("s1\nS2\n")
    with pytest.raises(DataError, match="train.txt: names 'S2'"):
        pairs.load(folder)
    assert any("train.txt: names 'S2'" in fault for fault in pairs.check(folder))


def test_a_split_without_a_list_is_refused(folder):
    with pytest.raises(ValueError, match="Expected split in .*test.txt.*'test'"):
        pairs.load(folder, "test")


def test_a_single_image_serves_both_splits(tmp_path):
    write(tmp_path, "only", 0)
    for split in pairs.SPLITS:
        assert len(pairs.load(tmp_path, split)["image"]) == 1


def test_images_of_one_pixel_are_images(tmp_path):
    write(tmp_path, "tiny", 1, size=(1, 1))
    assert pairs.load(tmp_path)["label"].tolist() == [[[1]]]


def test_0_and_255_mean_two_classes(tmp_path):
    write(tmp_path, "a", np.arange(8)[:, None] // 4 * 255)
    assert pairs.load(tmp_path)["label"][0, :, 0].tolist() == [0] * 4 + [1] * 4
    with pytest.raises(DataError, match="class 255, but there are 3"):
        pairs.load(tmp_path, classes=3)


FAULTS = {
    "s3.png: has no label": lambda root: (root / "label/s3.png").unlink(),
    "label/s3.png: its size": lambda root: cv2.imwrite(
        str(root / "label/s3.png"), np.zeros([8, 5], np.uint8)
    ),
    "image/s3.png: no image that": lambda root: (root / "image/s3.png").write_bytes(b"x"),
    "label/s3.png: no image that": lambda root: (root / "label/s3.png").write_bytes(b""),
    "label/s3.png: expected a label map": lambda root: cv2.imwrite(
        str(root / "label/s3.png"), np.random.default_rng(0).integers(0, 99, [8, 6, 3], np.uint8)
    ),
    "s3.png: its size": lambda root: write(root, "s3", 0, size=(8, 5)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_by_load_and_by_check(folder, fault):
    FAULTS[fault](folder)
    with pytest.raises(DataError, match=fault):
        pairs.load(folder)
    (told,) = pairs.check(folder)
    assert fault in told


def test_an_unknown_class_is_named(folder):
    write(folder, "s3", 5)
    with pytest.raises(DataError, match="label/s3.png: class 5, but there are 2"):
        pairs.load(folder)
    assert list(pairs.check(folder)) == [] and len(list(pairs.check(folder, classes=5))) == 1


def test_names_that_do_not_pair_are_faults(folder):
    write(folder, "s3", 1, ending=".jpg")
    cv2.imwrite(str(folder / "label" / "lonely.png"), np.zeros([8, 6], np.uint8))
    faults = list(pairs.check(folder))
    assert len(faults) == 2
    assert "s3.png: s3.jpg has the same name" in faults[0]
    assert "lonely.png: there is no image" in faults[1]


def test_an_empty_folder_is_told_with_what_belongs_there(tmp_path):
    with pytest.raises(DataError, match=f"{tmp_path}/image: no images. Expected: image/NAME"):
        pairs.load(tmp_path)
    with pytest.raises(DataError, match="no images"):
        list(pairs.check(tmp_path))
