"""tfvision.data.files: where data lies, and images that are refused by name."""

import cv2
import numpy as np
import pytest

from tfvision.data import files
from tfvision.data.files import DataError

IMAGE = np.random.default_rng(0).integers(0, 256, [9, 7, 3], np.uint8)


def test_root_wins_over_the_variable_and_that_over_the_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TFVISION_DATA", str(tmp_path / "all"))
    assert files.place(tmp_path / "own", "x") == tmp_path / "own"
    assert files.place(None, "x") == tmp_path / "all" / "x"
    monkeypatch.delenv("TFVISION_DATA")
    assert files.place(None, "x") == tmp_path / "home" / ".tfvision" / "x"
    assert files.place("~/y", "x") == tmp_path / "home" / "y"


def test_a_missing_folder_is_told_with_what_belongs_there(tmp_path):
    with pytest.raises(DataError, match=f"{tmp_path / 'x'}: no such folder.*a.png.*http://p"):
        files.locate(tmp_path / "x", "x", publisher="http://p", layout="a.png")


def test_images_are_rgb_or_grey_with_a_channel_axis(tmp_path):
    file = tmp_path / "a.png"
    cv2.imwrite(str(file), IMAGE[..., ::-1])
    np.testing.assert_array_equal(files.read_image(file), IMAGE)
    assert files.read_image(file, cv2.IMREAD_GRAYSCALE).shape == (9, 7, 1)


@pytest.mark.parametrize("content", [b"", b"text", "half"])
@pytest.mark.parametrize("ending", [".png", ".jpg"])
def test_a_file_that_is_no_whole_image_is_named(tmp_path, content, ending):
    file = tmp_path / f"a{ending}"
    whole = cv2.imencode(ending, IMAGE)[1].tobytes()
    file.write_bytes(whole[: len(whole) // 2] if content == "half" else content)
    with pytest.raises(DataError, match=f"{file}: no image"):
        files.read_image(file)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(DataError, match="absent.png: cannot be read .No such file"):
        files.read_image(tmp_path / "absent.png")
    with pytest.raises(DataError, match="cannot be read .Is a directory"):
        files.read_image(tmp_path)


def test_label_maps_keep_their_numbers(tmp_path):
    label = IMAGE[..., 0]
    for picture in (label, np.repeat(label[..., None], 3, -1)):
        cv2.imwrite(str(tmp_path / "l.png"), picture)
        np.testing.assert_array_equal(files.read_label_map(tmp_path / "l.png"), label)


@pytest.mark.parametrize(
    "picture", [IMAGE, IMAGE[..., 0].astype(np.uint16), np.dstack([IMAGE, IMAGE[..., 0]])]
)
def test_colours_and_16_bits_are_no_label_map(tmp_path, picture):
    cv2.imwrite(str(tmp_path / "l.png"), picture)
    with pytest.raises(DataError, match="l.png: expected a label map of 8-bit grey"):
        files.read_label_map(tmp_path / "l.png")


def test_the_first_image_of_another_size_is_named():
    with pytest.raises(DataError, match=r"^c: its size \(9, 6\) is not that of a \(9, 7\)"):
        files.stack([IMAGE, IMAGE, IMAGE[:, 1:]], ["a", "b", "c"])
