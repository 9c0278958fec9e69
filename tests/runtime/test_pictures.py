import struct

import cv2
import numpy as np
import pytest

from tfvision.runtime import pictures
from tfvision.runtime.picture import picture

RANDOM = np.random.default_rng(3)
COLOUR = cv2.GaussianBlur(RANDOM.integers(0, 256, [40, 60, 3], np.uint8), (0, 0), 3)


def write(file, pixels, *exif):
    """Writes RGB or RGBA pixels, with an EXIF orientation if one is given."""
    pixels = np.ascontiguousarray(pixels)
    if pixels.ndim == 3 and pixels.shape[2] >= 3:
        order = [2, 1, 0, 3][: pixels.shape[2]]
        pixels = np.ascontiguousarray(pixels[..., order])
    content = cv2.imencode(file.suffix, pixels)[1].tobytes()
    if exif:
        content = with_exif(content, exif[0])
    file.write_bytes(content)
    return file


def with_exif(content, orientation):
    """A JPEG or PNG with an EXIF block that holds nothing but the orientation."""
    tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01" + struct.pack(">H", orientation)
    tiff += b"\0\0\0\0\0\0"
    if content[:2] == b"\xff\xd8":
        block = b"Exif\0\0" + tiff
        return content[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + content[2:]
    import zlib

    chunk = b"eXIf" + tiff
    chunk = struct.pack(">I", len(tiff)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return content[:33] + chunk + content[33:]


def seen(pixels, orientation):
    """What a viewer shows, from NumPy's own turns."""
    return {
        1: lambda x: x, 2: np.fliplr, 3: lambda x: np.rot90(x, 2), 4: np.flipud,
        5: lambda x: np.swapaxes(x, 0, 1), 6: lambda x: np.rot90(x, -1),
        7: lambda x: np.rot90(np.swapaxes(x, 0, 1), 2), 8: np.rot90,
    }[orientation](pixels)


@pytest.mark.parametrize("ending", [".png", ".tif", ".bmp", ".ppm"])
def test_lossless_files_come_back_as_rgb(tmp_path, ending):
    np.testing.assert_array_equal(pictures.read(write(tmp_path / f"a{ending}", COLOUR)), COLOUR)


def test_a_grey_model_gets_grey_and_a_colour_model_gets_colour(tmp_path):
    grey = COLOUR[..., :1]
    file = write(tmp_path / "grey.png", grey)
    np.testing.assert_array_equal(pictures.read(file, channels=1), grey)
    np.testing.assert_array_equal(pictures.read(file), np.repeat(grey, 3, 2))
    file = write(tmp_path / "colour.png", COLOUR)
    known = COLOUR @ np.array([0.299, 0.587, 0.114])
    assert np.abs(pictures.read(file, channels=1)[..., 0] - known).max() <= 0.51


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", [".jpg", ".png"])
def test_exif_rotation_is_respected(tmp_path, orientation, ending):
    file = write(tmp_path / f"a{ending}", COLOUR, orientation)
    plain = pictures.read(write(tmp_path / f"b{ending}", COLOUR))
    np.testing.assert_array_equal(pictures.read(file), seen(plain, orientation))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_respected_beside_transparency(tmp_path, orientation):
    opaque = np.concatenate([COLOUR, np.full([40, 60, 1], 255, np.uint8)], -1)
    file = write(tmp_path / "a.png", opaque, orientation)
    np.testing.assert_array_equal(pictures.read(file), seen(COLOUR, orientation))


def test_transparent_pixels_are_laid_on_white(tmp_path):
    pixels = np.zeros([1, 3, 4], np.uint8)
    pixels[0, :, 3] = 0, 128, 255
    found = pictures.read(write(tmp_path / "a.png", pixels))
    np.testing.assert_array_equal(found[0, :, 0], [255, 127, 0])


@pytest.mark.parametrize("largest", [255, 1023, 4095, 16383, 65535])
def test_16_bit_values_are_scaled_by_the_depth_that_is_used(tmp_path, largest):
    pixels = np.uint16([[0, largest // 2, largest]])
    found = pictures.read(write(tmp_path / "a.png", pixels), channels=1)[0, :, 0]
    np.testing.assert_allclose(found, [0, 127, 255], atol=1)


def test_float_pictures_within_one_keep_their_greys_and_others_are_stretched(tmp_path):
    unit = write(tmp_path / "unit.tif", np.float32([[0, 0.2, 0.5]]))
    np.testing.assert_array_equal(pictures.read(unit, channels=1)[0, :, 0], [0, 51, 128])
    wide = write(tmp_path / "wide.tif", np.float32([[-10, 0, 10]]))
    np.testing.assert_array_equal(pictures.read(wide, channels=1)[0, :, 0], [0, 128, 255])
    holes = write(tmp_path / "holes.tif", np.float32([[np.nan, np.inf, 1]]))
    np.testing.assert_array_equal(pictures.read(holes, channels=1)[0, :, 0], [0, 0, 255])
    flat = write(tmp_path / "flat.tif", np.float32([[7, 7, 7]]))
    np.testing.assert_array_equal(pictures.read(flat, channels=1)[0, :, 0], [0, 0, 0])


@pytest.mark.parametrize("ending", [".jpg", ".png", ".tif", ".bmp", ".webp", ".gif", ".ppm"])
@pytest.mark.parametrize("share", [0, 0.02, 0.5, 0.9])
def test_cut_off_files_are_named(tmp_path, ending, share):
    file = write(tmp_path / f"photo{ending}", COLOUR)
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ValueError, match=f"photo{ending}: "):
        pictures.read(file)


def test_other_files_are_named(tmp_path):
    file = tmp_path / "notes.jpg"
    file.write_text("no picture at all")
    with pytest.raises(ValueError, match="notes.jpg: is no picture"):
        pictures.read(file)
    with pytest.raises(FileNotFoundError, match="missing.jpg"):
        pictures.read(tmp_path / "missing.jpg")


def test_pictures_of_too_many_pixels_are_refused(tmp_path, monkeypatch):
    file = write(tmp_path / "big.png", COLOUR)
    monkeypatch.setattr(pictures, "LARGEST", 2399)
    with pytest.raises(ValueError, match="big.png: is too large: 60 x 40 px"):
        pictures.read(file)
    monkeypatch.setattr(pictures, "LARGEST", 2400)
    assert pictures.read(file).shape == (40, 60, 3)


def test_a_header_that_claims_a_huge_picture_is_refused(tmp_path):
    file = tmp_path / "bomb.pgm"
    file.write_bytes(b"P5 2000000 2000000 255\n" + bytes(100))
    with pytest.raises(ValueError, match="bomb.pgm: "):
        pictures.read(file)


def test_a_picture_of_one_pixel_is_read(tmp_path):
    file = write(tmp_path / "a.png", np.uint8([[[1, 2, 3]]]))
    np.testing.assert_array_equal(pictures.read(file), [[[1, 2, 3]]])


def test_every_page_of_a_tiff_file_can_be_read(tmp_path):
    file = tmp_path / "stack.tif"
    stack = [np.full([4, 5], i, np.uint8) for i in (10, 20, 30)]
    cv2.imwritemulti(str(file), stack)
    assert pictures.pages(file) == 3
    assert [int(pictures.read(file, channels=1, page=i)[0, 0, 0]) for i in range(3)] == [10, 20, 30]
    assert pictures.pages(write(tmp_path / "a.png", COLOUR)) == 1


def test_only_objects_that_are_likely_enough_are_drawn():
    image = np.full([40, 40, 3], 200, np.uint8)
    found = {
        "boxes": np.float32([[[4, 4, 20, 20], [22, 22, 38, 38]]]),
        "scores": np.float32([[0.9, 0.2]]), "class_ids": np.int32([[0, 0]]),
        "count": np.int32([2]), "masks": np.ones([1, 2, 40, 40], np.uint8),
    }
    card = {"classes": ["cell"]}
    some = {name: value[:, :1] if value.ndim > 1 else value for name, value in found.items()}
    drawn = picture(card, {"image": image}, found)
    np.testing.assert_array_equal(drawn, picture(card, {"image": image}, some))
    assert (picture(card, {"image": image}, found, sure=0.1) != drawn).any()
    none = {name: value[:, :0] if value.ndim > 1 else value for name, value in found.items()}
    np.testing.assert_array_equal(
        picture(card, {"image": image}, found, sure=0.95), picture(card, {"image": image}, none)
    )
