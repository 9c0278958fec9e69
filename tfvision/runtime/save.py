"""A result on disk, each file written whole or not at all."""

import json
import os
from pathlib import Path

import numpy as np

from tfvision.viz.files import write_image

ENDINGS = (".png", ".json", ".labels.png", ".translated.png", ".npz")


def save(folder, stem, told, picture, arrays):
    """Writes <stem>.json, <stem>.png and what JSON cannot hold; the JSON file comes last.

    told     dict for JSON; `files`, name of the array -> name of its file, is added
    picture  uint8 [h, w, 3] or None
    arrays   name -> array: labels go to <stem>.labels.png (8 or 16 bits), a translated image to
             <stem>.translated.png, all others together to <stem>.npz
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    files = {name: file_of(stem, name, value) for name, value in arrays.items()}
    for name, file in files.items():
        if file.endswith(".png"):
            write_image(folder / file, as_image(arrays[name]))
    others = {name: arrays[name] for name, file in files.items() if file.endswith(".npz")}
    if others:
        write(folder / f"{stem}.npz", lambda file: np.savez_compressed(file, **others))
    if picture is not None:
        write_image(folder / f"{stem}.png", picture)
        files["picture"] = f"{stem}.png"
    text = json.dumps(told | {"files": files}, indent=2, ensure_ascii=False, allow_nan=False)
    write(folder / f"{stem}.json", lambda file: file.write(text.encode() + b"\n"))


def file_of(stem, name, value):
    """The name of the file that an array goes to."""
    small = name == "labels" and value.size and 0 <= value.min() and value.max() <= 65535
    if small and value.ndim == 2:
        return f"{stem}.labels.png"
    if name == "translated" and value.dtype == np.uint8:
        return f"{stem}.translated.png"
    return f"{stem}.npz"


def as_image(value):
    """Class numbers in as few bits as hold them; images as they are."""
    if value.ndim == 2:
        return value.astype(np.uint8 if value.max() <= 255 else np.uint16)
    return value[..., 0] if value.shape[2] == 1 else value


def write(file, content):
    """Calls content(open file) under a hidden name, then gives it its own."""
    hidden = file.with_name(f".{os.getpid()}.{file.name}")
    try:
        with open(hidden, "wb") as open_file:
            content(open_file)
        os.replace(hidden, file)
    finally:
        hidden.unlink(missing_ok=True)
