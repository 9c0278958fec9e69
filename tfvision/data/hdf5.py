"""Arrays from HDF5 files, read or refused by name."""

from pathlib import Path

import numpy as np

from tfvision.data.files import DataError, read_bytes


def read_arrays(file, **wanted):
    """Named arrays of one file, with one row per example.

    wanted   name -> shape of a row, None where any length is fine, as data=(None, 3)
    return   dict of arrays [n, ...], n >= 1
    raises   DataError, naming the file, for what is missing, damaged, or of another shape
    """
    import h5py

    if not Path(file).is_file():
        raise DataError(f"{file}: missing")
    try:
        with h5py.File(file, "r") as opened:
            missing = sorted(set(wanted) - set(opened))
            if missing:
                raise DataError(f"{file}: has no {missing[0]!r}, but {sorted(opened)}")
            found = {name: opened[name][:] for name in wanted}
    except (OSError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{file}: no HDF5 file that can be read ({error})") from None
    return _checked(file, found, wanted)


def _checked(file, found, wanted):
    rows = len(next(iter(found.values())))
    for name, shape in wanted.items():
        array = found[name]
        right = array.ndim == len(shape) + 1 and len(array) == rows > 0 and all(
            side in (None, length) for side, length in zip(shape, array.shape[1:], strict=True)
        )
        if not right or array.dtype.kind not in "iuf":
            told = f"{array.dtype} {list(array.shape)}"
            raise DataError(f"{file}: {name}: expected numbers [n, *{list(shape)}], found {told}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise DataError(f"{file}: {name}: has NaN or infinity")
    return found


def lines(file):
    """The lines of a text file, without empty ones; DataError where it cannot be read."""
    text = read_bytes(file).decode("utf-8", "replace")
    return [line.strip() for line in text.splitlines() if line.strip()]
