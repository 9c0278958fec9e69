"""Arrays in the idx format of MNIST, packed by gzip or not."""

import gzip
import zlib
from pathlib import Path

import numpy as np

from tfvision.data.files import DataError, read_bytes

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(file, *, magic=None):
    """The array in an idx file, in the byte order of this computer.

    magic    the number the file must begin with: 256 * type + number of dimensions, so 2051 for
             uint8 images [n, h, w] and 2049 for uint8 labels [n]; None takes any
    return   array [d0, d1, ...] of uint8, int8, int16, int32, float32 or float64
    raises   DataError: cannot be read, damaged gzip, wrong magic number, too short, too long
    """
    data = _unpacked(file)
    found = int.from_bytes(data[:4], "big")
    kind, dimensions = TYPES.get(found >> 8), found & 0xFF
    if len(data) < 4 or kind is None or (magic is not None and found != magic):
        expected = f"magic number {magic}" if magic else "an idx file"
        raise DataError(f"{file}: expected {expected}, found {found}; is it the right file?")
    begin = 4 + 4 * dimensions
    shape = np.frombuffer(data[4:begin].ljust(4 * dimensions, b"\0"), ">u4").tolist()
    expected = begin + int(np.prod(shape, dtype=object)) * np.dtype(kind).itemsize
    if len(data) != expected:
        fault = "truncated" if len(data) < expected else "too long"
        raise DataError(f"{file}: {fault}: {len(data)} bytes, but shape {shape} needs {expected}")
    array = np.frombuffer(data, kind, offset=begin).reshape(shape)
    return array.astype(array.dtype.newbyteorder("="))


def _unpacked(file):
    """The bytes in a file that may be packed by gzip, whatever it is called."""
    data = read_bytes(Path(file))
    if data[:2] != b"\x1f\x8b":
        return data
    try:
        return gzip.decompress(data)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{file}: damaged gzip file ({error}); replace it") from None
