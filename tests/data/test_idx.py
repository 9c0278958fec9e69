"""tfvision.data.idx: known bytes, and files that are not what they claim to be."""

import gzip
import struct

import numpy as np
import pytest

from tfvision.data.files import DataError
from tfvision.data.idx import read_idx

IMAGES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_bytes_come_back_in_their_shape_packed_or_not(tmp_path, idx_bytes, pack):
    file = tmp_path / "images"
    file.write_bytes(pack(idx_bytes(IMAGES)))
    array = read_idx(file, magic=2051)
    assert array.dtype == np.uint8
    np.testing.assert_array_equal(array, IMAGES)


@pytest.mark.parametrize("code,kind", [(0x0B, ">i2"), (0x0C, ">i4"), (0x0D, ">f4"), (0x0E, ">f8")])
def test_numbers_of_several_bytes_are_big_endian_in_the_file_only(tmp_path, code, kind):
    file = tmp_path / "numbers"
    numbers = np.array([1, -2, 300], kind)
    file.write_bytes(bytes([0, 0, code, 1]) + struct.pack(">I", 3) + numbers.tobytes())
    array = read_idx(file)
    assert array.dtype.isnative and array.dtype == np.dtype(kind).newbyteorder("=")
    assert array.tolist() == [1, -2, 300]


def damaged(data):
    packed = bytearray(gzip.compress(data))
    packed[len(packed) // 2] ^= 0xFF
    return bytes(packed)


@pytest.mark.parametrize(
    "break_it,message",
    [
        (lambda data: b"", "expected magic number 2051, found 0"),
        (lambda data: data[:3], "expected magic number 2051"),
        (lambda data: data[:9], "truncated"),
        (lambda data: data[:-1], r"truncated: 39 bytes, but shape \[2, 3, 4\] needs 40"),
        (lambda data: data + b"\0", "too long"),
        (lambda data: b"\x00\x00\x08\x01" + data[4:], "expected magic number 2051, found 2049"),
        (lambda data: data[:4] + b"\xff" * 12 + data[16:], "truncated"),
        (lambda data: gzip.compress(data)[:-9], "damaged gzip"),
        (damaged, "damaged gzip"),
        (lambda data: b"\x1f\x8b", "damaged gzip"),
    ],
)
def test_a_broken_file_is_named_with_its_fault(tmp_path, idx_bytes, break_it, message):
    file = tmp_path / "images"
    file.write_bytes(break_it(idx_bytes(IMAGES)))
    with pytest.raises(DataError, match=message) as error:
        read_idx(file, magic=2051)
    assert str(error.value).startswith(f"{file}: ")


def test_any_magic_number_of_the_format_will_do_but_no_other(tmp_path, idx_bytes):
    file = tmp_path / "x"
    file.write_bytes(idx_bytes(IMAGES, magic=0x0703))
    with pytest.raises(DataError, match="an idx file"):
        read_idx(file)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match="absent: cannot be read"):
        read_idx(tmp_path / "absent")
