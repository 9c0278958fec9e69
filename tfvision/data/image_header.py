"""The size of an image from the head of its file, and whether the file ends where it should."""

import re
import struct
from pathlib import Path

from tfvision.data.files import DataError, read_image

PNG, PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # JPEG segments that hold the size.
MARKER = re.compile(rb"\xff+([^\x00\xd0-\xd7\xff])", re.DOTALL)


def image_size(file):
    """(h, w) px of the image as files.read_image gives it, from a few reads of its file.

    A JPEG or PNG file that was cut off is refused; OpenCV would fill the rest with grey. Other
    formats are decoded.

    raises  DataError, naming the file, where it is missing, empty, cut off or no image
    """
    try:
        with open(file, "rb") as stream:
            head = stream.read(24)
            if head[:2] == b"\xff\xd8":
                return _jpeg(file, stream)
            if head[:8] == PNG and head[12:16] == b"IHDR" and len(head) == 24:
                return _png(file, stream, head)
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror})") from None
    return read_image(file).shape[:2]


def _png(file, stream, head):
    stream.seek(max(Path(file).stat().st_size - 4096, 0))
    if PNG_END not in stream.read():
        raise _cut_off(file)
    w, h = struct.unpack(">II", head[16:24])
    return h, w


def _jpeg(file, stream):
    """Walks from segment to segment: the frame has the size, Exif whether it lies on its side."""
    size, turned, place = None, False, 2
    while True:
        stream.seek(place)
        head = stream.read(9)
        if len(head) < 4 or head[0] != 0xFF:
            raise _cut_off(file)
        if head[1] in (0xFF, 0x01, *range(0xD0, 0xD8)):  # Fill bytes, and markers without length.
            place += 1 if head[1] == 0xFF else 2
            continue
        length = struct.unpack(">H", head[2:4])[0]
        if head[1] in FRAMES and len(head) == 9:
            size = struct.unpack(">HH", head[5:9])
        elif head[1] == 0xE1:
            stream.seek(place + 4)
            turned = turned or _lies_on_its_side(stream.read(max(length - 2, 0)))
        elif head[1] == 0xDA:
            break
        place += 2 + length
    if not _ends(stream, place + 2 + length):
        raise _cut_off(file)
    if not size or not min(size):
        return read_image(file).shape[:2]
    return size[::-1] if turned else size


def _ends(stream, place):
    """Whether the scans that begin at `place` come to the end-of-image marker."""
    stream.seek(-2, 2)
    if stream.read() == b"\xff\xd9":
        return True
    stream.seek(place)
    data, place = stream.read(), 0
    while found := MARKER.search(data, place):
        if found[1] == b"\xd9":
            return True
        if len(data) < found.end() + 2:
            return False
        place = found.end() + struct.unpack_from(">H", data, found.end())[0]
    return False


def _lies_on_its_side(exif):
    """Whether Exif's orientation (5 to 8) exchanges height and width; OpenCV obeys it."""
    if exif[:6] != b"Exif\0\0" or exif[6:8] not in (b"II", b"MM"):
        return False
    order, tiff = "<" if exif[6:8] == b"II" else ">", exif[6:]
    try:
        first = struct.unpack_from(order + "I", tiff, 4)[0]
        for i in range(struct.unpack_from(order + "H", tiff, first)[0]):
            tag, _, _, value = struct.unpack_from(order + "HHIH", tiff, first + 2 + 12 * i)
            if tag == 0x0112:
                return 5 <= value <= 8
    except struct.error:
        pass
    return False


def _cut_off(file):
    """The DataError for a file whose end is missing."""
    return DataError(f"{file}: is cut off or damaged; get it anew or remove it")
