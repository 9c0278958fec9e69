"""tfvision doctor: what it prints, and how it ends."""

import shutil

import cv2
import numpy as np
import pytest

from tfvision.commands import doctor
from tfvision.commands.errors import UsageError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Ten random pairs of image and label."""
    monkeypatch.setenv("TFVISION_OFFLINE", "1")
    random = np.random.default_rng(0)
    for kind in ("image", "label"):
        (tmp_path / kind).mkdir()
    for number in range(10):
        image = random.integers(0, 256, [6, 6, 3], np.uint8)
        cv2.imwrite(str(tmp_path / "image" / f"{number}.png"), image)
        label = np.zeros([6, 6], np.uint8)
        label[:3, :3] = 1
        cv2.imwrite(str(tmp_path / "label" / f"{number}.png"), label)
    return tmp_path


def run(capsys, *args):
    status = doctor.main([str(a) for a in args])
    return status, capsys.readouterr().out


def test_a_clean_set_is_summed_up_and_ends_with_0(folder, capsys):
    status, told = run(capsys, "pairs", "--root", folder)
    assert status == 0 and "0 faults" in told and "warning" not in told and "fault:" not in told
    assert "train: 8 examples" in told and "validation: 2 examples" in told
    assert "image: uint8 [6, 6, 3]" in told and "0 75.0%, 1 25.0% of the pixels" in told


def test_every_fault_is_told_with_its_file_and_ends_with_1(folder, capsys):
    (folder / "label" / "3.png").unlink()
    (folder / "image" / "7.png").write_bytes(b"no image")
    status, told = run(capsys, "pairs", "--root", folder)
    faults = [line for line in told.splitlines() if line.startswith("fault:")]
    assert status == 1 and len(faults) == 2 and "2 faults" in told
    assert str(folder / "image" / "3.png") in faults[0] and "7.png: no image" in faults[1]
    assert "validation: 2 examples" in told, "what can be read is summed up"


def test_an_empty_folder_ends_with_1(tmp_path, capsys):
    status, told = run(capsys, "pairs", "--root", tmp_path)
    assert status == 1 and f"fault: {tmp_path / 'image'}: no images" in told
    status, told = run(capsys, "mnist", "--root", tmp_path)
    assert status == 1 and told.count("missing; get it from") == 4
    assert list(tmp_path.iterdir()) == [], "nothing is fetched"


def test_classes_can_be_limited(folder, capsys):
    assert run(capsys, "pairs", "--root", folder, "--classes", "2")[0] == 0
    status, told = run(capsys, "pairs", "--root", folder, "--classes", "1")
    assert status == 1 and "class 1, but there are 1" in told


def test_an_image_of_both_splits_is_a_warning(folder, capsys):
    shutil.copy(folder / "image" / "0.png", folder / "image" / "4.png")
    status, told = run(capsys, "pairs", "--root", folder)
    assert status == 0 and "warning: train and validation share 1 images" in told


def test_constant_images_and_a_single_class_are_warnings(folder, capsys):
    cv2.imwrite(str(folder / "image" / "2.png"), np.full([6, 6, 3], 7, np.uint8))
    for number in range(10):
        cv2.imwrite(str(folder / "label" / f"{number}.png"), np.ones([6, 6], np.uint8))
    status, told = run(capsys, "pairs", "--root", folder)
    assert status == 0 and "warning: train: 1 images of one colour, the first is row 2" in told
    assert "warning: train: all labels are 1" in told


def test_splits_that_are_parts_of_others_are_no_leak():
    hashes = {"all": {1, 2, 3}, "train": {1, 2}, "test": {3}}
    parts = {"train": "all", "test": "all"}
    assert list(doctor.shared_images(hashes, parts)) == []
    assert len(list(doctor.shared_images(hashes | {"test": {2}}, parts))) == 1


def test_without_a_name_the_data_sets_are_listed(capsys):
    status, told = run(capsys)
    assert status == 2
    for name, text in doctor.readers().items():
        assert name in told and text in told
    assert {"mnist", "pairs"} <= set(doctor.readers()) and "files" not in doctor.readers()


def test_a_mistyped_name_is_guessed():
    with pytest.raises(UsageError, match="no data set 'mnits'. Did you mean mnist?"):
        doctor.main(["mnits"])


def test_a_missing_folder_and_an_unknown_flag_are_errors_of_usage(tmp_path, capsys):
    with pytest.raises(ValueError, match="no such folder"):
        doctor.main(["mnist", "--root", str(tmp_path / "absent")])
    with pytest.raises(SystemExit) as end:
        doctor.main(["mnist", "--rot", "x"])
    assert end.value.code == 2


@pytest.mark.parametrize(
    "labels,names,told",
    [
        (np.array([0, 0, 1, 2]), ("a", "b"), "a 50.0%, b 25.0%, 2 25.0% of the examples"),
        (np.repeat(np.arange(30), 3), None, "30, of 3 to 3 examples each"),
        (np.array([0.5, 1.5]), None, "float64 labels"),
    ],
)
def test_classes_are_counted(labels, names, told):
    assert doctor.balance(labels, names) == told


def test_images_of_many_sizes_are_described():
    rows = [np.zeros([4, 5, 3]), np.zeros([2, 9, 3])]
    assert doctor.shape_of(rows) == "2 rows of [2, 9, 3] to [4, 5, 3]"
