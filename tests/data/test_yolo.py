"""YOLO's text files, the three ways to lay them out, and as much YAML as they need."""

import cv2
import numpy as np
import pytest

from tfvision.data import yolo
from tfvision.data.files import DataError
from tfvision.data.yaml_names import read_yaml

SIZE = (40, 80)


def write(root, images, labels, texts):
    """Images 0.jpg, 1.jpg, ... with a text file each, None for no file."""
    (root / images).mkdir(parents=True, exist_ok=True)
    (root / labels).mkdir(parents=True, exist_ok=True)
    for i, text in enumerate(texts):
        cv2.imwrite(str(root / images / f"{i}.jpg"), np.full([*SIZE, 3], i, np.uint8))
        if text is not None:
            (root / labels / f"{i}.txt").write_text(text)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    outline = "1 0.5 0.5 0.75 0.5 0.75 1.0 0.5 1.0"
    write(tmp_path, "images/train", "labels/train", ["0 0.5 0.5 0.25 0.5\n\n", outline, None])
    write(tmp_path, "images/val", "labels/val", ["1 0.5 0.5 1 1"])
    return tmp_path


def test_shares_become_px_and_outlines_masks(folder, capsys):
    train = yolo.load(folder)
    assert train.classes == ("cat", "dog") and len(train) == 3
    assert train[0].boxes.tolist() == [[30, 10, 50, 30]] and train[0].masks is None
    assert train[1].boxes.tolist() == [[40, 20, 60, 40]] and train[1].classes.tolist() == [1]
    assert train[1].bitmaps()[0, 20:, 40:60].all() and train[1].bitmaps().sum() == 400
    assert len(train[2].boxes) == 0, "an image without a file has no objects"
    assert len(yolo.load(folder, "validation")) == 1 and capsys.readouterr().err == ""


@pytest.mark.parametrize("line, told", [
    ("2 0.5 0.5 0.1 0.1", "unknown class 2, there are 2"),
    ("-1 0.5 0.5 0.1 0.1", "unknown class -1"),
    ("0 0.5 0.5 0.1", "expected 4 numbers after the class"),
    ("0 0.5 0.5 0.1 0.1 0.9", "expected 4 numbers after the class"),
    ("0 40 20 10 10", "expected shares of the image's width and height"),
    ("0 nan 0.5 0.1 0.1", "expected shares"),
    ("cat 0.5 0.5 0.1 0.1", "expected a class and numbers"),
    ("0 0.5 0.5 0 0.1", "no width or no height"),
    ("0 0.95 0.5 0.3 0.1", "reaches 8 px beyond"),
    ("0 0.5 0.5 0.25 0.5", "is the box of"),
])
def test_a_line_at_fault_is_told_with_its_number_and_left_out_or_refused(folder, line, told):
    file = folder / "labels/train/0.txt"
    file.write_text(file.read_text() + line)
    faults = list(yolo.check(folder))
    assert len(faults) == 1 and f"{file}: line 3: " in faults[0] and told in faults[0]
    assert len(yolo.load(folder)) == 3
    with pytest.raises(DataError, match="0.txt: line 3"):
        yolo.load(folder, bad_boxes="refuse")


def test_a_cut_image_is_left_out(folder):
    file = folder / "images/train/0.jpg"
    file.write_bytes(file.read_bytes()[:100])
    assert len(yolo.load(folder)) == 2 and any("0.jpg: is cut off" in f for f in yolo.check(folder))


def test_other_layouts_are_found(tmp_path):
    (tmp_path / "data.yaml").write_text("train: ../train/images\nval: ../valid/images\n"
                                        "nc: 2\nnames: ['a', \"b, c\"]\n")
    write(tmp_path, "train/images", "train/labels", ["0 0.5 0.5 1 1"] * 2)
    write(tmp_path, "valid/images", "valid/labels", ["1 0.5 0.5 1 1"])
    assert len(yolo.load(tmp_path)) == 2 and len(yolo.load(tmp_path, "validation")) == 1
    assert yolo.load(tmp_path).classes == ("a", "b, c")


def test_one_folder_for_all_is_split_at_every_fifth_name(tmp_path):
    (tmp_path / "classes.txt").write_text("a\n")
    write(tmp_path, "images", "labels", ["0 0.5 0.5 1 1"] * 7)
    assert [one.name for one in yolo.load(tmp_path, "validation")] == ["4"]
    assert len(yolo.load(tmp_path)) == 6


def test_lists_of_images_are_splits(tmp_path):
    write(tmp_path, "images", "labels", ["0 0.5 0.5 1 1"] * 4)
    (tmp_path / "train.txt").write_text("images/0.jpg\nimages/2.jpg\n")
    (tmp_path / "val.txt").write_text("images/1.jpg\nimages/9.jpg\n")
    (tmp_path / "data.yaml").write_text("path: .\ntrain: train.txt\nval: val.txt\nnames:\n  0: a\n")
    assert [one.name for one in yolo.load(tmp_path)] == ["0", "2"]
    assert [one.name for one in yolo.load(tmp_path, "validation")] == ["1"]
    assert any("9.jpg: cannot be read" in fault for fault in yolo.check(tmp_path))


@pytest.mark.parametrize("text, names", [
    ("names: [a, 'b', \"c d\"]", ["a", "b", "c d"]),
    ("names: [a,\n  b]  # two\n", ["a", "b"]),
    ("names:\n- a\n- b # comment\n", ["a", "b"]),
    ("names:\n  - a\n  - 'b: c'\nnc: 2", ["a", "b: c"]),
    ("nc: 2\nnames:\n  0: a\n  1: b\n", {0: "a", 1: "b"}),
    ("names: {0: a, 1: b}", {0: "a", 1: "b"}),
    ("# names: [x]\n---\nnames: [a]\ndownload: |\n  import os\n  names = 3\n", ["a"]),
])
def test_yaml_s_ways_to_write_names(tmp_path, text, names):
    file = tmp_path / "data.yaml"
    file.write_text(text)
    assert read_yaml(file)["names"] == names


@pytest.mark.parametrize("text", ["", "names:\n", "names: 5", "names:\n  0: a\n  2: b\n"])
def test_names_that_are_missing_or_have_gaps_are_refused(tmp_path, text):
    (tmp_path / "data.yaml").write_text(text)
    write(tmp_path, "images", "labels", ["0 0.5 0.5 1 1"])
    with pytest.raises(DataError, match="names"):
        yolo.load(tmp_path)
