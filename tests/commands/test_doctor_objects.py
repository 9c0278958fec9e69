"""tfvision doctor of detection data: every fault by place, then what each split holds."""

import cv2
import numpy as np
import pytest

from tfvision.commands import doctor


@pytest.fixture
def folder(tmp_path):
    """Ten images with a box or two each, as YOLO's text."""
    random = np.random.default_rng(0)
    (tmp_path / "classes.txt").write_text("cat\ndog\nfox\n")
    for part in ("images", "labels"):
        (tmp_path / part).mkdir()
    for i in range(10):
        image = random.integers(0, 256, [20, 30, 3], np.uint8)
        cv2.imwrite(str(tmp_path / "images" / f"{i}.png"), image)
        lines = ["0 0.5 0.5 0.2 0.4", "1 0.25 0.5 0.5 0.5"][: 1 + i % 2]
        (tmp_path / "labels" / f"{i}.txt").write_text("\n".join(lines))
    return tmp_path


def run(capsys, *args):
    status = doctor.main([str(arg) for arg in args])
    return status, capsys.readouterr()


def test_a_clean_set_is_summed_up_and_ends_with_0(folder, capsys):
    status, told = run(capsys, "yolo", "--root", folder)
    assert status == 0 and "0 faults" in told.out and told.err == ""
    assert "train: 8 images, 12 objects" in told.out
    assert "validation: 2 images, 3 objects" in told.out
    assert "classes: cat 8, dog 4 (of 3 classes)" in told.out
    assert "warning: train: 1 of 3 classes have no object: fox" in told.out


def test_faults_are_told_once_with_their_line_and_end_with_1(folder, capsys):
    (folder / "labels" / "3.txt").write_text("0 0.5 0.5 0.2 0.4\n\n0 0.5 0.5 0 0.4\n7 0.5 0.5 1 1")
    (folder / "images" / "4.png").write_bytes(b"no image")
    status, told = run(capsys, "yolo", "--root", folder)
    faults = [line for line in told.out.splitlines() if line.startswith("fault:")]
    assert status == 1 and len(faults) == 3 and "3 faults" in told.out and told.err == ""
    text = "\n".join(faults)
    for part in ("3.txt: line 3: box", "3.txt: line 4: unknown class 7", "4.png: no image"):
        assert part in text
    assert "validation: 1 images" in told.out, "what can be read is summed up"


def test_an_image_that_is_there_twice_is_a_warning(folder, capsys):
    copies = {"5.png": "0.png", "9.png": "1.png"}
    for name, other in copies.items():
        (folder / "images" / name).write_bytes((folder / "images" / other).read_bytes())
    status, told = run(capsys, "yolo", "--root", folder)
    assert status == 0 and "5.png is the same image as" in told.out
    assert "warning: train and validation share 1 images" in told.out


def test_images_without_objects_are_counted(folder, capsys):
    (folder / "labels" / "0.txt").unlink()
    assert "; 1 have none" in run(capsys, "yolo", "--root", folder)[1].out
