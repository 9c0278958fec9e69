"""Sizes from the heads of files are those that OpenCV decodes, and cut files are found."""

import struct

import cv2
import numpy as np
import pytest

from tfvision.data.files import DataError, read_image
from tfvision.data.image_header import image_size

PIXELS = np.random.default_rng(0).integers(0, 256, [37, 53, 3], np.uint8)


def written(folder, ending, *options):
    file = folder / f"image{ending}"
    assert cv2.imwrite(str(file), PIXELS, list(options))
    return file


def with_exif(data, orientation, order):
    """A JPEG file's bytes with an Exif segment that turns it."""
    mark = b"II" if order == "<" else b"MM"
    tiff = mark + struct.pack(order + "HIH", 42, 8, 1)
    tiff += struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0) + bytes(4)
    body = b"Exif\0\0" + tiff
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]


@pytest.mark.parametrize("ending", [".jpg", ".png", ".bmp", ".tiff", ".webp"])
def test_the_size_is_that_of_the_decoded_image(tmp_path, ending):
    file = written(tmp_path, ending)
    assert image_size(file) == read_image(file).shape[:2] == (37, 53)


def test_a_progressive_jpeg_and_one_with_restarts_are_whole(tmp_path):
    for option in (cv2.IMWRITE_JPEG_PROGRESSIVE, cv2.IMWRITE_JPEG_RST_INTERVAL):
        file = written(tmp_path, ".jpg", option, 1)
        assert image_size(file) == (37, 53)
        file.write_bytes(file.read_bytes() + b"\0\0 more")  # So that every scan is walked through.
        assert image_size(file) == (37, 53)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", "<>")
def test_exif_turns_the_size_as_opencv_turns_the_image(tmp_path, orientation, order):
    file = written(tmp_path, ".jpg")
    file.write_bytes(with_exif(file.read_bytes(), orientation, order))
    assert image_size(file) == read_image(file).shape[:2]
    assert image_size(file) == ((53, 37) if orientation >= 5 else (37, 53))


@pytest.mark.parametrize("ending", [".jpg", ".png", ".bmp"])
def test_a_file_cut_at_any_place_is_refused_by_name(tmp_path, ending):
    file = written(tmp_path, ending)
    data = file.read_bytes()
    for share in (0.0, 0.01, 0.1, 0.5, 0.9):
        file.write_bytes(data[: int(share * len(data))])
        with pytest.raises(DataError, match=str(file)):
            image_size(file)


def test_a_jpeg_without_its_last_byte_is_refused(tmp_path):
    file = written(tmp_path, ".jpg")
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(DataError, match="cut off"):
        image_size(file)


@pytest.mark.parametrize("content", [b"", b"\xff\xd8", b"\xff\xd8\xff", b"\xff\xd8" + b"\xff" * 30,
                                     b"\xff\xd8\xff\xc0\0\x02", b"\x89PNG\r\n\x1a\n", b"text"])
def test_what_is_no_image_is_refused_by_name(tmp_path, content):
    file = tmp_path / "image.jpg"
    file.write_bytes(content)
    with pytest.raises(DataError, match=str(file)):
        image_size(file)


def test_a_missing_file_is_refused_by_name(tmp_path):
    with pytest.raises(DataError, match="absent.jpg: cannot be read"):
        image_size(tmp_path / "absent.jpg")


def test_random_bytes_behind_a_jpeg_head_never_hang_or_break(tmp_path):
    random, file = np.random.default_rng(1), written(tmp_path, ".jpg")
    data = np.frombuffer(file.read_bytes(), np.uint8)
    for _ in range(300):
        broken = data.copy()
        places = random.integers(2, len(data), 6)
        broken[places] = random.integers(0, 256, 6)
        file.write_bytes(broken.tobytes())
        try:
            image_size(file)
        except DataError as fault:
            assert str(file) in str(fault)
