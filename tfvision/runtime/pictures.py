"""Pictures from files, as every model takes them: uint8, upright, RGB or grey."""

from pathlib import Path

import cv2
import numpy as np

ENDINGS = frozenset(
    ".jpg .jpeg .jpe .png .tif .tiff .bmp .dib .webp .gif .jp2 .avif .pgm .ppm .pnm .pbm .hdr .exr"
    .split()
)
LARGEST = 2**28  # Pixels; one such picture takes 0.8 GB.
DEPTHS = (255, 1023, 4095, 16383, 65535)  # The largest values of 8, 10, 12, 14 and 16 bits.
RGB_WEIGHTS = np.float32([0.299, 0.587, 0.114])


def read(file, *, channels=3, page=0):
    """The picture in a file: uint8 [h, w, channels], RGB or grey, upright as its EXIF data says.

    channels  3 or 1
    page      of a TIFF file with several
    raises    OSError or ValueError that names the file: missing, empty, broken, cut off, too large

    Transparent pixels are laid on white. 16-bit values are divided so that the smallest usual bit
    depth (8, 10, 12, 14 or 16) which holds the largest of them becomes 0..255. Floating point
    values within 0..1 become 0..255; all others, and other integers, are stretched from the
    smallest to the largest; what is not finite counts as 0.
    """
    pixels = decode(file, page)
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.shape[2] in (2, 4):
        pixels = on_white(to_8_bit(pixels))
    else:
        pixels = to_8_bit(pixels[..., :3])
    if pixels.shape[2] == 3:
        pixels = pixels[..., ::-1]  # OpenCV has blue first.
    return np.ascontiguousarray(with_channels(pixels, channels))


def pages(file):
    """How many pictures a file holds: more than one in some TIFF files."""
    file = Path(file)
    if file.suffix.lower() not in (".tif", ".tiff") or not file.is_file():
        return 1
    try:
        return max(1, cv2.imcount(str(file), cv2.IMREAD_UNCHANGED))
    except cv2.error:
        return 1


def decode(file, page=0):
    """What the file holds: [h, w] or [h, w, c], blue first, in its own depth."""
    file = Path(file)
    content = file.read_bytes()
    if not content:
        raise ValueError(f"{file}: is empty")
    if cut_off(content):
        raise ValueError(f"{file}: is cut off: the end of the picture is missing")
    try:
        pixels = upright(np.frombuffer(content, np.uint8), file, page)
    except (cv2.error, MemoryError) as error:
        raise ValueError(f"{file}: cannot be read: {reason(error)}") from error
    if pixels is None or not pixels.size:
        raise ValueError(f"{file}: is no picture that OpenCV can read, or it is damaged")
    if pixels.shape[0] * pixels.shape[1] > LARGEST:
        raise ValueError(
            f"{file}: is too large: {pixels.shape[1]} x {pixels.shape[0]} px. "
            f"Expected at most {LARGEST} pixels; cut it into parts"
        )
    return pixels


def upright(content, file, page):
    """Decoded pixels, turned as the EXIF data says, alpha kept; None where it is no picture."""
    if page:
        _, found = cv2.imreadmulti(str(file), page, 1, flags=cv2.IMREAD_UNCHANGED)
        return found[0] if found else None
    colour = cv2.imdecode(content, cv2.IMREAD_ANYDEPTH | cv2.IMREAD_ANYCOLOR)
    if not may_have_alpha(content):
        return colour
    everything = cv2.imdecode(content, cv2.IMREAD_UNCHANGED)  # This one is not turned.
    if everything is None or everything.ndim == 2 or everything.shape[2] not in (2, 4):
        return colour
    return turned(everything, orientation(content.tobytes()))


def may_have_alpha(content):
    """Whether the file can hold transparency: JPEG cannot, PNG says it in its header."""
    head = content[:65536].tobytes()
    if head.startswith(b"\x89PNG"):
        return head[25:26] in (b"\x04", b"\x06") or b"tRNS" in head
    return not head.startswith(b"\xff\xd8\xff")


def orientation(content):
    """The EXIF orientation 1..8 that a file states, 1 where it states none."""
    start = max(content.find(b"Exif\0\0") + 6, 0) if b"Exif\0\0" in content[:65536] else -1
    if start < 0 and b"eXIf" in content:
        start = content.find(b"eXIf") + 4
    if start < 0 and b"EXIF" in content:
        start = content.find(b"EXIF") + 8
    order = {b"II": "little", b"MM": "big"}.get(content[start : start + 2]) if start >= 0 else None
    if order is None:
        return 1
    return _orientation_of(content[start:], order)


def _orientation_of(tiff, order):
    """The orientation entry (0x0112) of a TIFF header's first directory."""
    at = int.from_bytes(tiff[4:8], order)
    for i in range(int.from_bytes(tiff[at : at + 2], order)):
        entry = tiff[at + 2 + 12 * i : at + 14 + 12 * i]
        if int.from_bytes(entry[:2], order) == 0x0112:
            value = int.from_bytes(entry[8:10], order)
            return value if 1 <= value <= 8 else 1
    return 1


def turned(pixels, orientation):
    """Pixels as they are to be seen: EXIF orientations 1..8."""
    if orientation >= 5:
        pixels = np.swapaxes(pixels, 0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def cut_off(content):
    """Whether a JPEG file lacks its end; other formats' decoders see that themselves."""
    scan = content.rfind(b"\xff\xda")
    return content[:3] == b"\xff\xd8\xff" and scan >= 0 and b"\xff\xd9" not in content[scan:]


def to_8_bit(pixels):
    """uint8 from any depth, as `read` says."""
    if pixels.dtype == np.uint8:
        return pixels
    values = np.nan_to_num(pixels.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = 0.0, float(values.max())
    if pixels.dtype == np.uint16:
        high = next(depth for depth in DEPTHS if high <= depth)
    elif np.issubdtype(pixels.dtype, np.floating) and values.min() >= 0 and high <= 1:
        high = 1.0
    else:
        low = float(values.min())
    factor = 255 / (high - low) if high > low else 0.0
    return np.round((values - low) * factor).clip(0, 255).astype(np.uint8)


def on_white(pixels):
    """Colours [h, w, c + 1], alpha last, laid on white: uint8 [h, w, c]."""
    alpha = pixels[..., -1:].astype(np.float32) / 255
    return np.round(pixels[..., :-1] * alpha + 255 * (1 - alpha)).astype(np.uint8)


def with_channels(pixels, channels):
    """RGB from grey or grey from RGB where that is needed."""
    if pixels.shape[2] == channels:
        return pixels
    if channels == 3:
        return np.repeat(pixels[..., :1], 3, 2)
    if channels == 1:
        return np.round(pixels.astype(np.float32) @ RGB_WEIGHTS).astype(np.uint8)[..., None]
    raise ValueError(f"Expected channels 1 or 3. Received: channels={channels}")


def reason(error):
    """The last part of OpenCV's message, which says what was wrong."""
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0].rpartition("error: ")[2]
