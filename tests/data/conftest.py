"""What the tests of the readers share: no network, and small data sets written as published."""

import gzip
import struct
import zipfile

import cv2
import numpy as np
import pytest

from tfvision.data import mnist, omniglot


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """No test fetches anything; those of the download itself allow it, from 127.0.0.1."""
    monkeypatch.setenv("TFVISION_OFFLINE", "1")


@pytest.fixture(scope="session")
def idx_bytes():
    """(array, magic=None) -> the bytes of an idx file of uint8."""

    def pack(array, magic=None):
        head = struct.pack(">I", 0x0800 + array.ndim if magic is None else magic)
        return head + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()

    return pack


@pytest.fixture
def small_mnist(tmp_path, monkeypatch, idx_bytes):
    """A folder with 24 + 12 random digits as published, and a reader that expects so many."""
    splits = {"train": slice(0, 24), "fit": slice(0, 18), "validation": slice(18, 24)}
    names = {"train": "train", "fit": "train", "validation": "train"}
    rows = {split: (names[split], part) for split, part in splits.items()}
    monkeypatch.setattr(mnist, "SPLITS", rows | {"test": ("t10k", slice(0, 12))})
    monkeypatch.setattr(mnist, "COUNTS", {"train": 24, "t10k": 12})
    random = np.random.default_rng(0)
    for name, count in mnist.COUNTS.items():
        images = random.integers(0, 256, [count, 28, 28], np.uint8)
        labels = np.arange(count, dtype=np.uint8) % 10
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            file = tmp_path / f"{name}-{kind}-ubyte.gz"
            file.write_bytes(gzip.compress(idx_bytes(array)))
    return tmp_path


@pytest.fixture
def small_omniglot(tmp_path, monkeypatch):
    """A folder with zips as published: 6 + 2 alphabets of 2 characters, two one-shot runs."""
    counts = {"images_background.zip": (6, 12), "images_evaluation.zip": (2, 4)}
    monkeypatch.setattr(omniglot, "CHARACTERS", counts | {omniglot.RUNS: (0, 0)})
    for name, (alphabets, _) in counts.items():
        write_zip(tmp_path / name, dict(alphabet_members(name.removesuffix(".zip"), alphabets)))
    write_zip(tmp_path / omniglot.RUNS, {**run_members("run01", 1), **run_members("run02", 7)})
    return tmp_path


def alphabet_members(folder, alphabets):
    yield f"{folder}/", b""
    yield f"__MACOSX/{folder}/._x.png", b"no picture"
    for number in range(alphabets * 2):
        for drawer in range(1, 21):
            place = f"{folder}/Alphabet_{number // 2}/character{number % 2 + 1:02}"
            yield f"{place}/{number + 1:04}_{drawer:02}.png", png(number, drawer)


def run_members(run, shift):
    """Test item i shows what training image (i * shift) % 20 shows."""
    pairs = [(i + 1, i * shift % 20 + 1) for i in range(20)]
    lines = [f"{run}/test/item{i:02}.png {run}/training/class{k:02}.png" for i, k in pairs]
    members = {f"{run}/class_labels.txt": "\n".join(lines).encode()}
    for i, k in pairs:
        members[f"{run}/test/item{i:02}.png"] = png(k, 1)
        members[f"{run}/training/class{k:02}.png"] = png(k, 2)
    return members


def png(number, drawer):
    """A drawing whose first pixels tell character and drawer: the rest is paper."""
    image = np.full([105, 105], 255, np.uint8)
    image[0, : number + 1] = image[1, :drawer] = 0
    return cv2.imencode(".png", image)[1].tobytes()


def write_zip(file, members):
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
