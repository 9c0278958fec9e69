"""Tensors in PyTorch's files (.pth, .pt), read without PyTorch.

Such a file is a pickle, and a pickle may call any function there is. Here it may only make
dictionaries, lists, numbers, texts and tensors; a file that asks for anything else is refused.
Both forms are known: a zip archive, and the one pickle behind the other that PyTorch wrote before
version 1.6.
"""

import io
import math
import pickle
import struct
import zipfile
from collections import OrderedDict
from typing import NamedTuple

import ml_dtypes
import numpy as np

from tfvision.data.files import DataError

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001  # What the older form begins with.
TYPES = {
    "FloatStorage": "<f4", "DoubleStorage": "<f8", "HalfStorage": "<f2", "LongStorage": "<i8",
    "IntStorage": "<i4", "ShortStorage": "<i2", "CharStorage": "i1", "ByteStorage": "u1",
    "BoolStorage": "?", "BFloat16Storage": ml_dtypes.bfloat16,
}
BROKEN = (pickle.UnpicklingError, zipfile.BadZipFile, struct.error, EOFError, ValueError, KeyError,
          IndexError, TypeError, AttributeError, OverflowError, MemoryError, NotImplementedError)


class Kind(NamedTuple):
    """The type of a storage's numbers, in place of torch's class."""

    name: str


class Storage(NamedTuple):
    """A run of numbers: `count` from `first` on, in the file's storage `key`."""

    key: str
    dtype: np.dtype
    first: int
    count: int


class Tensor(NamedTuple):
    """Where in a storage the numbers of a tensor are; `array` reads them."""

    storage: Storage
    first: int
    shape: tuple
    strides: tuple

    def array(self, storages):
        """The numbers, read-only; `storages` are bytes by key. ValueError where they are none."""
        storage = self.storage
        whole = np.frombuffer(storages[storage.key], storage.dtype)[storage.first :][:storage.count]
        numbers = (self.first, *self.shape, *self.strides)
        if not all(type(n) is int and n >= 0 for n in numbers):
            raise ValueError(f"a tensor of shape {self.shape}")
        if len(self.shape) != len(self.strides):
            raise ValueError(f"a tensor of shape {self.shape} with strides {self.strides}")
        pairs = zip(self.shape, self.strides, strict=True)
        last = self.first + sum((side - 1) * stride for side, stride in pairs)
        if 0 in self.shape:
            return np.zeros(self.shape, storage.dtype)
        if last >= len(whole) or math.prod(self.shape) > len(whole):
            raise ValueError(f"a tensor that ends at {last} of {len(whole)} numbers")
        strides = [stride * whole.itemsize for stride in self.strides]
        return np.lib.stride_tricks.as_strided(
            whole[self.first :], self.shape, strides, writeable=False)


class Forbidden(ValueError):
    """The name that a pickle asked for."""


class Unpickler(pickle.Unpickler):
    """Knows tensors and dictionaries, and nothing that could do harm."""

    def __init__(self, file):
        super().__init__(file, encoding="utf-8")
        self.storages = {}

    def find_class(self, module, name):
        if module in ("torch", "torch.storage") and name in TYPES:
            return Kind(name)
        known = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
            ("torch._utils", "_rebuild_parameter"): _parameter,
        }
        if (module, name) not in known:
            raise Forbidden(f"{module}.{name}")
        return known[module, name]

    def persistent_load(self, told):
        word, kind, key, _, count, *view = told
        if word != "storage" or not isinstance(kind, Kind):
            raise ValueError(f"an unknown object {told!r:.80}")
        first, view = 0, view[0] if view else None
        if view:
            _, first, count = view
        storage = Storage(str(key), np.dtype(TYPES[kind.name]), int(first), int(count))
        return self.storages.setdefault((storage.key, first, count), storage)


def _tensor(storage, first, shape, strides, *_):
    if not isinstance(storage, Storage):
        raise ValueError("a tensor without numbers")
    return Tensor(storage, first, tuple(shape), tuple(strides))


def _parameter(tensor, *_):
    return tensor


def load(file, data):
    """What a file holds: dictionaries, lists, numbers and texts with arrays for tensors.

    file     its name, for messages
    data     its bytes
    raises   DataError, naming the file, where it is damaged or asks for more than tensors
    """
    try:
        content, storages = _zipped(data) if data[:2] == b"PK" else _one_behind_another(data)
        return _arrays(content, storages)
    except Forbidden as error:
        raise DataError(
            f"{file}: holds {error}, which is more than weights and is not run. Save them alone: "
            "torch.save(model.state_dict(), FILE)"
        ) from None
    except BROKEN as error:
        told = str(error) or type(error).__name__
        raise DataError(f"{file}: is damaged, or no file of PyTorch ({told:.120})") from None


def is_one(data):
    """Whether bytes begin as PyTorch's files do."""
    return data[:4] == b"PK\x03\x04" or (data[:1] == b"\x80" and data[1:2] in b"\x02\x03\x04\x05")


def _zipped(data):
    """(content, {key: bytes}) of a zip archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        top = next((name[: -len("data.pkl")] for name in names if name.endswith("data.pkl")), None)
        if top is None or f"{top}constants.pkl" in names:
            raise ValueError("a program for TorchScript" if top else "a zip without data.pkl")
        if f"{top}byteorder" in names and archive.read(f"{top}byteorder") != b"little":
            raise ValueError("numbers with the high byte first")
        unpickler = Unpickler(io.BytesIO(archive.read(f"{top}data.pkl")))
        content = unpickler.load()
        return content, {key: _stored(archive, f"{top}data/{key}")
                         for key in {key for key, *_ in unpickler.storages}}


def _stored(archive, name):
    """The bytes of an entry, which PyTorch does not compress."""
    if archive.getinfo(name).compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{name} is compressed")
    return archive.read(name)


def _one_behind_another(data):
    """(content, {key: bytes}) of the older form: pickles, then storages with their lengths."""
    file = io.BytesIO(data)
    if Unpickler(file).load() != MAGIC or Unpickler(file).load() != PROTOCOL:
        raise ValueError("a pickle that torch.save did not write")
    if not Unpickler(file).load().get("little_endian"):
        raise ValueError("numbers with the high byte first")
    unpickler = Unpickler(file)
    content = unpickler.load()
    sizes = {storage.key: storage.dtype.itemsize for storage in unpickler.storages.values()}
    storages = {}
    for key in Unpickler(file).load():
        (count,) = struct.unpack("<q", file.read(8))
        storages[str(key)] = file.read(count * sizes[str(key)])
    return content, storages


def _arrays(content, storages):
    """The content with arrays in place of tensors."""
    if isinstance(content, Tensor):
        return content.array(storages)
    if isinstance(content, dict):
        return {key: _arrays(value, storages) for key, value in content.items()}
    if isinstance(content, list):
        return [_arrays(value, storages) for value in content]
    return content
