"""Tensors in .safetensors files: a header in JSON, behind it the numbers.

The form: 8 bytes, the length of the header, low byte first; the header, {name: {"dtype", "shape",
"data_offsets": [begin, end]}}; the numbers of all tensors, low byte first, row after row.
"""

import json
import math
import struct

import ml_dtypes
import numpy as np

from tfvision.data.files import DataError

TYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": ml_dtypes.bfloat16, "I64": "<i8",
    "I32": "<i4", "I16": "<i2", "I8": "i1", "U8": "u1", "BOOL": "?",
}
MOST = 100_000_000  # Bytes of a header, as the format limits it.


def is_one(data):
    """Whether bytes begin as such a file does."""
    return len(data) > 8 and data[8:9] == b"{" and struct.unpack("<Q", data[:8])[0] <= MOST


def load(file, data):
    """The tensors of a file: name -> array, read-only.

    file     its name, for messages
    data     its bytes
    raises   DataError, naming the file, where it is damaged
    """
    end = 8 + struct.unpack("<Q", data[:8])[0]
    try:
        header = json.loads(data[8:end])
        return {name: _array(entry, data, end) for name, entry in header.items()
                if name != "__metadata__"}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        told = str(error) or type(error).__name__
        raise DataError(f"{file}: is damaged, or no .safetensors file ({told:.120})") from None


def _array(entry, data, end):
    """One tensor, by its entry of the header that ends at byte `end`."""
    dtype, shape = np.dtype(TYPES[entry["dtype"]]), entry["shape"]
    first, last = entry["data_offsets"]
    if not all(type(n) is int and n >= 0 for n in (first, last, *shape)):
        raise ValueError(f"the entry {entry!r:.80}")
    count = math.prod(shape)
    if last - first != count * dtype.itemsize or end + last > len(data):
        raise ValueError(f"{first}..{last} of {len(data) - end} bytes for the shape {shape}")
    return np.frombuffer(data, dtype, count, end + first).reshape(shape)
