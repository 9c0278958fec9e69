"""Weights from the files of PyTorch's users, and from files that want to do harm."""

import io
import json
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tfvision.data import state_dict
from tfvision.data.files import DataError

GOLDEN = Path(__file__).parents[1] / "golden"


def in_safetensors(arrays, file, **changes):
    """Writes a .safetensors file; `changes` replace entries of its header."""
    header, blocks, end = {"__metadata__": {"format": "pt"}}, [], 0
    kinds = {"float32": "F32", "float16": "F16", "int64": "I64", "uint16": "BF16", "bool": "BOOL"}
    for name, value in arrays.items():
        blocks.append(value.tobytes())
        header[name] = {"dtype": kinds[value.dtype.name], "shape": list(value.shape),
                        "data_offsets": [end, end + value.nbytes]}
        end += value.nbytes
    text = json.dumps(header | changes).encode()
    Path(file).write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blocks))
    return file


def zipped(file, content, **entries):
    """Writes a .pth file with these bytes as its pickle."""
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", content)
        for name, value in entries.items():
            archive.writestr(f"archive/{name.replace('__', '/')}", value)
    return file


def program(*lines):
    """A pickle of the first protocol, from its text lines."""
    return ("\n".join(lines) + ".").encode()


def tensor(size, stride, first="0", count="4", kind="FloatStorage"):
    """The pickle of {"w": a tensor in the storage 0}."""
    return program(
        "(dS'w'", "ctorch._utils", "_rebuild_tensor_v2", "((S'storage'", "ctorch", kind,
        "S'0'", "S'cpu'", f"I{count}", f"tQI{first}", f"({size}t({stride}tI00", "NtRs",
    )


def test_all_three_forms_hold_the_same_weights():
    today, old, other = (
        state_dict.load(GOLDEN / f"torchvision_1{end}") for end in (".pth", "_old.pth",
                                                                    ".safetensors"))
    assert len(today) == len(old) == len(other) > 80
    assert today.keys() == other.keys() and "rpn.head.conv.weight" in old
    for name, value in today.items():
        np.testing.assert_array_equal(value, other[name])
    for (name, value), older in zip(today.items(), old.values(), strict=True):
        np.testing.assert_array_equal(value, older, err_msg=name)


def test_half_precision_and_whole_numbers(tmp_path):
    arrays = {"half": np.float16([1.5, -2]), "count": np.int64([7]), "on": np.array([True]),
              "brain": np.uint16([0x3FC0, 0xC000])}
    found = state_dict.load(in_safetensors(arrays, tmp_path / "a.safetensors"))
    assert found["half"].tolist() == [1.5, -2] and found["count"].tolist() == [7]
    assert found["brain"].astype(np.float32).tolist() == [1.5, -2] and found["on"].tolist() == [1]


def test_a_tensor_may_be_any_view_of_its_numbers(tmp_path):
    numbers = np.arange(6, dtype=np.float32)
    content = tensor("I3\nI1\n", "I2\nI1\n", first="1", count="6")
    file = zipped(tmp_path / "a.pth", content, data__0=numbers.tobytes())
    np.testing.assert_array_equal(state_dict.load(file)["w"], [[1], [3], [5]])


@pytest.mark.parametrize("outer", ["model", "state_dict", "module"])
def test_checkpoints_of_trainings_and_of_several_gpus(outer, tmp_path):
    content = tensor("I4\n", "I1\n").replace(b"S'w'", b"S'module.w'")
    if outer != "module":
        content = b"(dS'epoch'\nI3\nsS'" + outer.encode() + b"'\n" + content[:-1] + b"s."
    file = zipped(tmp_path / "a.pth", content, data__0=np.float32([1, 2, 3, 4]).tobytes())
    assert state_dict.load(file)["w"].tolist() == [1, 2, 3, 4]


class Harm:
    """What a hostile pickle is made of."""

    def __reduce__(self):
        import os

        return os.mkdir, ("harm",)


@pytest.mark.parametrize("form", ["zip", "old"])
def test_a_pickle_that_would_run_something_is_refused_and_does_not(form, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if form == "zip":
        zipped("a.pth", pickle.dumps({"w": Harm()}))
    else:
        parts = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, {"w": Harm()}]
        Path("a.pth").write_bytes(b"".join(pickle.dumps(part, 2) for part in parts))
    with pytest.raises(DataError, match=r"a\.pth: holds posix\.mkdir, which is more than weights"):
        state_dict.load("a.pth")
    assert not Path("harm").exists()


@pytest.mark.parametrize("size, stride, first, count", [
    ("I5\n", "I1\n", "0", "4"),  # Beyond the end.
    ("I2\n", "I1\n", "3", "4"),
    ("I2\n", "I-1\n", "3", "4"),  # Backwards.
    ("I2\n", "I1\n", "-1", "4"),
    ("I2\nI2\n", "I1\n", "0", "4"),  # As many strides as sides.
    ("I99999999999\n", "I0\n", "0", "4"),  # A single number, 400 GB of it.
    ("I5\n", "I1\n", "0", "9"),  # The file is shorter than it says.
])
def test_a_tensor_outside_of_its_numbers_is_refused(size, stride, first, count, tmp_path):
    file = zipped(tmp_path / "a.pth", tensor(size, stride, first, count), data__0=bytes(16))
    with pytest.raises(DataError, match="a.pth: is damaged, or no file of PyTorch"):
        state_dict.load(file)


@pytest.mark.parametrize("entry", [
    {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]},
    {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]},
    {"dtype": "F32", "shape": [-2], "data_offsets": [8, 0]},
    {"dtype": "F8_E4M3", "shape": [2], "data_offsets": [0, 2]},
    {"dtype": "F32", "shape": [2]},
    [],
])
def test_damaged_headers_are_refused(entry, tmp_path):
    file = in_safetensors({"w": np.float32([1, 2])}, tmp_path / "a.safetensors", w=entry)
    with pytest.raises(DataError, match=r"a\.safetensors: is damaged"):
        state_dict.load(file)


@pytest.mark.parametrize("content, told", [
    (b"", "begins neither"),
    (b"\x89PNG\r\n\x1a\n", "begins neither"),
    (b"PK\x03\x04 and no more", "is damaged"),
    (pickle.dumps([1, 2], 2), "is damaged, or no file of PyTorch"),
    (struct.pack("<Q", 900) + b'{"a": ', "is damaged"),
])
def test_what_is_no_file_of_weights_is_said_by_name(content, told, tmp_path):
    (tmp_path / "x.pth").write_bytes(content)
    with pytest.raises(DataError, match=f"x.pth: {told}"):
        state_dict.load(tmp_path / "x.pth")


def test_a_cut_file_is_refused_wherever_it_is_cut(tmp_path):
    for name in ("torchvision_1_old.pth", "torchvision_1.pth", "torchvision_1.safetensors"):
        whole = (GOLDEN / name).read_bytes()
        for share in (0.001, 0.03, 0.2, 0.99):
            (tmp_path / name).write_bytes(whole[: int(share * len(whole))])
            with pytest.raises(DataError, match=name):
                state_dict.load(tmp_path / name)


@pytest.mark.parametrize("content", [[1], {}, {"w": 3}, {1: 2}])
def test_what_holds_no_weights_is_refused(content, tmp_path):
    file = zipped(tmp_path / "a.pth", pickle.dumps(content, 2))
    with pytest.raises(DataError, match="a.pth: holds no state_dict"):
        state_dict.load(file)


def test_programs_compressed_files_and_other_processors_numbers_are_refused(tmp_path):
    content, file = tensor("I4\n", "I1\n"), tmp_path / "a.pth"
    for extra, told in (({"constants.pkl": b""}, "TorchScript"), ({"byteorder": b"big"}, "high")):
        with pytest.raises(DataError, match=told):
            state_dict.load(zipped(file, content, data__0=bytes(16), **extra))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", content)
        archive.writestr("archive/data/0", bytes(16))
    file.write_bytes(packed.getvalue())
    with pytest.raises(DataError, match="is compressed"):
        state_dict.load(file)


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(DataError, match="nothing.pth: cannot be read"):
        state_dict.load(tmp_path / "nothing.pth")
