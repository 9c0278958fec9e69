"""Omniglot: 1623 characters of 50 alphabets, each by 20 drawers (Lake et al., 2015).

Images are 105 x 105 px with ink = 0 on 255, read from the publisher's zip files as they are.
"""

import zipfile
import zlib
from pathlib import PurePosixPath

import cv2
import numpy as np

from tfvision.data import download as net
from tfvision.data.files import DataError, choose_split, decode_image, locate

FOLDER = "omniglot"
PUBLISHER = "https://github.com/brendenlake/omniglot"
LAYOUT = "images_background.zip, images_evaluation.zip, all_runs.zip"
LICENCE = "MIT (Brenden Lake)"
SPLITS = ("background", "evaluation", "train", "validation")
PARTS = {"train": "background", "validation": "background"}
SIDE, DRAWERS = 105, 20
RUNS = "all_runs.zip"
ADDRESS = "https://github.com/brendenlake/omniglot/raw/master/python/"
MD5 = {
    "images_background.zip": "68d2efa1b9178cc56df9314c21c6e718",
    "images_evaluation.zip": "6b91aef0f799c5bb55b94e3f2daec811",
    RUNS: None,  # Its members have a CRC-32 each.
}
CHARACTERS = {"images_background.zip": (30, 964), "images_evaluation.zip": (20, 659), RUNS: (0, 0)}
DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError)


def load(root=None, split="background", *, download=True):
    """The images of a split, by alphabet, character and drawer.

    root      folder with the zip files; default: see files.locate
    split     the publisher's "background" (30 alphabets) and "evaluation" (20), for the one-shot
              test; "validation" is every sixth alphabet of "background" by name, from the third
              on (5 alphabets, each of at least 20 characters), and "train" the other 25
    download  fetch the file that is missing
    return    image uint8 [n, 105, 105, 1]; label int32 [n], the character, 0.. within the split;
              alphabet int32 [n], its number in the zip by name; drawer int32 [n], 0..19, the same
              person within an alphabet only. `names` says what the numbers stand for
    """
    with _open(_provide(root, split, download)) as archive:
        drawings = _drawings(archive, split)
        image = np.stack([_image(archive, drawing[-1]) for drawing in drawings])
        alphabets = _alphabets(archive)
    places = list(dict.fromkeys(drawing[:2] for drawing in drawings))
    labels, numbers = ({v: i for i, v in enumerate(found)} for found in (places, alphabets))
    rows = [(labels[a, c], numbers[a], drawer) for a, c, drawer, _ in drawings]
    label, alphabet, drawer = np.array(rows, np.int32).T.copy()
    return {"image": image, "label": label, "alphabet": alphabet, "drawer": drawer}


def names(root=None, split="background", *, download=True):
    """What the numbers of `load` stand for: a dict of lists of names.

    "label" lists the characters of the split, as Greek/character01, and "alphabet" all alphabets
    of its zip file.
    """
    with _open(_provide(root, split, download)) as archive:
        places = dict.fromkeys(drawing[:2] for drawing in _drawings(archive, split))
        return {"label": ["/".join(place) for place in places], "alphabet": _alphabets(archive)}


def one_shot_runs(root=None, *, download=True):
    """The publisher's 20-way one-shot trials: a list of runs, in order.

    Each run is a dict: training uint8 [20, 105, 105, 1], one image of each character; test
    uint8 [20, 105, 105, 1]; answer int32 [20], the row of `training` that shows the same
    character as each test image.
    """
    with _open(_provide(root, "all_runs", download)) as archive:
        keys = [name for name in sorted(archive.namelist()) if name.endswith("/class_labels.txt")]
        keys = [name for name in keys if not name.startswith("__MACOSX")]
        if not keys:
            raise DataError(f"{archive.filename}: no class_labels.txt in it; is it the right file?")
        return [_run(archive, key) for key in keys]


def _run(archive, key):
    """One run, from the name of its class_labels.txt."""
    text = _read(archive, key).decode("ascii", "replace")
    pairs = [line.split() for line in text.splitlines() if line.strip()]
    training = sorted({pair[-1] for pair in pairs})
    if len(pairs) != 20 or len(training) != 20 or any(len(pair) != 2 for pair in pairs):
        raise DataError(
            f"{archive.filename}: {key}: expected 20 lines with a test image and a training image "
            f"of its own each, found {len(pairs)} with {len(training)}"
        )
    return {
        "training": np.stack([_image(archive, member) for member in training]),
        "test": np.stack([_image(archive, member) for member, _ in pairs]),
        "answer": np.array([training.index(member) for _, member in pairs], np.int32),
    }


def check(root=None):
    """Every fault of the data set, one line each, naming the zip file and its member."""
    folder = locate(root, FOLDER, publisher=PUBLISHER, layout=LAYOUT)
    for name in MD5:
        if not (folder / name).is_file():
            yield f"{folder / name}: missing; get it from {PUBLISHER}"
            continue
        try:
            with _open(folder / name) as archive:
                yield from _faults(archive, *CHARACTERS[name])
            if name == RUNS:
                one_shot_runs(folder, download=False)
        except DataError as fault:
            yield str(fault)


def _faults(archive, alphabets, characters):
    """Faults of single images, then of their number (where one is expected)."""
    drawn = {}
    for member in _pictures(archive):
        try:
            if alphabets:
                *place, drawer, _ = _drawing(archive, member)
                drawn.setdefault(tuple(place), set()).add(drawer)
            _image(archive, member)
        except DataError as fault:
            yield str(fault)
    for place, drawers in drawn.items():
        if drawers != set(range(DRAWERS)):
            yield f"{archive.filename}: {'/'.join(place)}: {len(drawers)} of {DRAWERS} drawers"
    found = len({place[0] for place in drawn}), len(drawn)
    if found != (alphabets, characters):
        yield (
            f"{archive.filename}: {found[0]} alphabets and {found[1]} characters, expected "
            f"{alphabets} and {characters}"
        )


def _provide(root, split, download):
    """The zip file of a split, or of "all_runs", fetched where it is missing and may be."""
    choose_split(split, (*SPLITS, "all_runs"))
    name = f"images_{'evaluation' if split == 'evaluation' else 'background'}.zip"
    name = RUNS if split == "all_runs" else name
    folder = net.home(root, FOLDER, publisher=PUBLISHER, layout=LAYOUT)
    source = {"addresses": [ADDRESS + name], "md5": MD5[name], "check": _test}
    net.ensure(folder, {name: source}, publisher=PUBLISHER, download=download)
    return folder / name


def _test(file):
    """DataError where the zip file or a member's CRC-32 is wrong."""
    with _open(file) as archive:
        for member in archive.namelist():
            _read(archive, member)


def _open(file):
    try:
        return zipfile.ZipFile(file)
    except DAMAGE as error:
        raise DataError(f"{file}: damaged zip file ({error}); replace it") from None


def _read(archive, member):
    """The bytes of a member; DataError naming zip file and member."""
    try:
        return archive.read(member)
    except KeyError:
        raise DataError(f"{archive.filename}: {member}: is not in it") from None
    except DAMAGE as error:
        raise DataError(f"{archive.filename}: {member}: damaged ({error}); replace it") from None


def _image(archive, member):
    """The picture of a member: uint8 [105, 105, 1], 0 or 255."""
    name = f"{archive.filename}: {member}"
    image = decode_image(_read(archive, member), name, cv2.IMREAD_GRAYSCALE)
    if image.shape != (SIDE, SIDE, 1):
        raise DataError(f"{name}: its size is {image.shape[:2]}, expected {(SIDE, SIDE)}")
    return image


def _pictures(archive):
    """The names of all pictures; what a Mac adds to a zip file is none."""
    listed = (name for name in archive.namelist() if name.endswith(".png"))
    return [name for name in listed if not name.startswith("__MACOSX")]


def _drawing(archive, member):
    """(alphabet, character, drawer, member) from images_x/Greek/character01/0394_01.png."""
    parts = PurePosixPath(member).parts
    drawer = parts[-1].removesuffix(".png").rpartition("_")[2]
    if len(parts) != 4 or not drawer.isdecimal() or not 1 <= int(drawer) <= DRAWERS:
        raise DataError(
            f"{archive.filename}: {member}: expected a name like "
            "images_background/Greek/character01/0394_01.png"
        )
    return parts[1], parts[2], int(drawer) - 1, member


def _alphabets(archive):
    """The names of the alphabets in a zip file, sorted."""
    return sorted({_drawing(archive, member)[0] for member in _pictures(archive)})


def _drawings(archive, split):
    """(alphabet, character, drawer, member) of each image of a split, sorted."""
    drawings = sorted(_drawing(archive, member) for member in _pictures(archive))
    chosen = _alphabets(archive)
    if split in PARTS:
        held_out = chosen[2::6]
        chosen = held_out if split == "validation" else set(chosen) - set(held_out)
    drawings = [drawing for drawing in drawings if drawing[0] in chosen]
    if not drawings:
        raise DataError(f"{archive.filename}: split {split!r} has no images; is it the right file?")
    return drawings
