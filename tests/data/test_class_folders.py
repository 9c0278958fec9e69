"""tfvision.data.class_folders: a folder for each class, in both layouts."""

import cv2
import numpy as np
import pytest

from tfvision.data import class_folders
from tfvision.data.files import DataError


def write(file, value):
    file.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(file), np.full([10, 14, 3], value, np.uint8))


@pytest.fixture
def root(tmp_path):
    for i in range(6):
        write(tmp_path / "cat" / f"{i}.png", 10 * i)
        write(tmp_path / "ape" / f"{i}.jpg", 100 + 10 * i)
    (tmp_path / "empty").mkdir()
    (tmp_path / "ape" / "notes.txt").write_text("none")
    return tmp_path


def test_every_fifth_picture_of_each_class_is_for_validation(root):
    train, held_out = (class_folders.load(root, s, size=4) for s in ("train", "validation"))
    assert class_folders.names(root) == ["ape", "cat"]
    assert train["label"].tolist() == [0] * 5 + [1] * 5 and held_out["label"].tolist() == [0, 1]
    assert held_out["image"][:, 0, 0, 0].tolist() == [140, 40]
    assert train["image"].shape == (10, 4, 4, 3) and train["image"].dtype == np.uint8
    with pytest.raises(ValueError, match="Expected split in .*Received: split='test'"):
        class_folders.load(root, "test")


def test_folders_named_after_splits_are_the_splits(tmp_path):
    for split, count in (("train", 3), ("validation", 2), ("test", 1)):
        for name in ("b", "a"):
            for i in range(count):
                write(tmp_path / split / name / f"{i}.png", 50)
    splits = (*class_folders.SPLITS, "test")
    sizes = [len(class_folders.load(tmp_path, s, size=4)["label"]) for s in splits]
    assert sizes == [6, 4, 2] and list(class_folders.check(tmp_path)) == []
    write(tmp_path / "validation" / "c" / "0.png", 50)
    (fault,) = class_folders.check(tmp_path)
    assert f"{tmp_path}/validation/c: a class that is not in" in fault


def test_without_a_folder_for_validation_every_fifth_training_picture_is_held_out(tmp_path):
    for split, count in (("train", 6), ("test", 2)):
        for name in ("a", "b"):
            for i in range(count):
                write(tmp_path / split / name / f"{i}.png", 10 * i)
    red = {split: class_folders.load(tmp_path, split, size=2)["image"][:, 0, 0, 0].tolist()
           for split in (*class_folders.SPLITS, "test")}
    assert red == {"train": [0, 10, 20, 30, 50] * 2, "validation": [40] * 2, "test": [0, 10] * 2}
    (tmp_path / "train" / "b" / "4.png").write_bytes(b"x")
    (fault,) = class_folders.check(tmp_path)
    assert "train/b/4.png" in fault


def test_a_split_that_has_a_folder_is_never_measured_on_training_pictures(root):
    for split in ("test", "validation"):
        for name in ("ape", "cat"):
            write(root / split / name / "0.png", 250)
        assert class_folders.load(root, split, size=2)["image"].min() == 250
    assert len(class_folders.load(root, "train", size=2)["label"]) == 12
    write(root / "test" / "dog" / "0.png", 50)
    (fault,) = class_folders.check(root)
    assert f"{root}/test/dog: a class that is not in {root}" in fault


def test_of_few_pictures_the_last_is_held_out_and_one_alone_serves_both(tmp_path):
    for name, count in (("a", 3), ("b", 1)):
        for i in range(count):
            write(tmp_path / name / f"{i}.png", 10 * i)
    train, held_out = (class_folders.load(tmp_path, s, size=2) for s in class_folders.SPLITS)
    assert train["image"][:, 0, 0, 0].tolist() == [0, 10, 0]
    assert held_out["image"][:, 0, 0, 0].tolist() == [20, 0]


def test_a_broken_picture_and_a_missing_class_are_told(root):
    (root / "cat" / "3.png").write_bytes(b"x")
    with pytest.raises(DataError, match="cat/3.png"):
        class_folders.load(root)
    (fault,) = class_folders.check(root)
    assert "cat/3.png" in fault
    for file in (root / "cat").iterdir():
        file.unlink()
    with pytest.raises(DataError, match="at least 2 classes, found \\['ape'\\]"):
        class_folders.load(root)
