"""MNIST: handwritten digits, 28 x 28 px, grey, bright ink on black (LeCun et al., 1998)."""

import numpy as np

from tfvision.data import download as net
from tfvision.data.files import DataError, choose_split, locate
from tfvision.data.idx import read_idx

FOLDER = "mnist"
PUBLISHER = "https://ossci-datasets.s3.amazonaws.com/mnist/"
LAYOUT = "train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, and both as t10k-..., .gz or not"
LICENCE = "CC BY-SA 3.0 (Yann LeCun and Corinna Cortes)"
CLASSES = tuple("0123456789")
SPLITS = {  # The files' name, and the rows.
    "train": ("train", slice(0, 60_000)),
    "test": ("t10k", slice(0, 10_000)),
    "fit": ("train", slice(0, 55_000)),
    "validation": ("train", slice(55_000, 60_000)),
}
PARTS = {"fit": "train", "validation": "train"}
MIRRORS = (PUBLISHER, "https://storage.googleapis.com/cvdf-datasets/mnist/")
MD5 = {  # Of the unpacked files; the wrapper differs from mirror to mirror.
    "train-images-idx3-ubyte.gz": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte.gz": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte.gz": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte.gz": "27ae3e4e09519cfbb04c329615203637",
}
COUNTS = {"train": 60_000, "t10k": 10_000}


def load(root=None, split="train", *, download=True):
    """The digits of a split, in the order of the files.

    root      folder with the four files; default: see files.locate
    split     the publisher's "train" (60,000) and "test" (10,000); "fit" and "validation" are the
              first 55,000 and the last 5,000 of "train", for choices that must not see "test"
    download  fetch the files that are missing
    return    image uint8 [n, 28, 28, 1], label int32 [n]
    """
    choose_split(split, SPLITS)
    name, rows = SPLITS[split]
    files = _names(name)
    folder = net.home(root, FOLDER, publisher=PUBLISHER, layout=LAYOUT)
    sources = {file: _source(file) for file in files}
    net.ensure(folder, sources, publisher=PUBLISHER, download=download)
    image, label = read_pair(folder, name)
    return {"image": image[rows], "label": label[rows]}


def read_pair(folder, name):
    """All images and labels of "train" or "t10k": uint8 [n, 28, 28, 1], int32 [n]."""
    image_file, label_file = (net.find(folder, file) for file in _names(name))
    image, label = read_idx(image_file, magic=2051), read_idx(label_file, magic=2049)
    if image.shape != (COUNTS[name], 28, 28):
        expected = (COUNTS[name], 28, 28)
        raise DataError(f"{image_file}: holds images {image.shape}, expected {expected}")
    if label.shape != (COUNTS[name],):
        raise DataError(f"{label_file}: holds {len(label)} labels, expected {COUNTS[name]}")
    if label.max() > 9:
        row = int(label.argmax())
        raise DataError(f"{label_file}: label {label[row]} at row {row}, expected 0..9")
    return image[..., np.newaxis], label.astype(np.int32)


def check(root=None):
    """Every fault of the data set, one line each, naming the file."""
    folder = locate(root, FOLDER, publisher=PUBLISHER, layout=LAYOUT)
    for name, md5 in MD5.items():
        file = net.find(folder, name)
        if file is None:
            yield f"{folder / name}: missing; get it from {PUBLISHER}"
            continue
        try:
            read_idx(file, magic=2051 if "images" in name else 2049)
            net.verify(file, md5=md5, unpacked=True)
        except DataError as fault:
            yield str(fault)


def _names(name):
    return f"{name}-images-idx3-ubyte.gz", f"{name}-labels-idx1-ubyte.gz"


def _source(name):
    """How download.fetch gets a file."""
    return {"addresses": [mirror + name for mirror in MIRRORS], "md5": MD5[name], "unpacked": True}
