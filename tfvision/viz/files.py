"""Pictures on disk, written whole or not at all."""

import os
from pathlib import Path

import cv2


def write_image(file, image):
    """Writes uint8 [h, w, 3] RGB (or uint8 or uint16 [h, w]) in the format of the file's ending."""
    file = Path(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    hidden = file.with_name(f".{os.getpid()}.{file.name}")
    if image.ndim == 3:
        image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    try:
        if not cv2.imwrite(str(hidden), image):
            raise OSError(f"{file}: cannot be written")
        os.replace(hidden, file)
    finally:
        hidden.unlink(missing_ok=True)
