"""Inputs that are no pictures: noise from a seed, points and other arrays as a model takes them."""

import numpy as np

from tfvision.runtime import points as files
from tfvision.runtime.fit import resize

COUNTED = ("points", "points1", "points2", "valid")


def is_noise(name, spec):
    """Whether an input is drawn from a seed: z and noise, of normal distribution."""
    return (name == "z" or name.startswith("noise")) and np.issubdtype(spec[0], np.floating)


def is_picture(spec):
    """Whether an input is a batch of uint8 images."""
    return spec[0] == np.uint8 and len(spec[1]) == 4 and spec[1][3] in (1, 3)


def noise(specs, count, seed):
    """Normal numbers for each input of that kind: `count` dicts name -> array without a batch.

    specs    name -> (dtype, shape) with the batch first
    raises   ValueError where a length is unknown
    """
    unknown = [name for name, (_, shape) in specs.items() if -1 in shape[1:]]
    if unknown:
        raise ValueError(f"Expected --input {unknown[0]}=FILE: its length is not in the model")
    random = np.random.default_rng(seed)
    drawn = {name: random.standard_normal([count, *shape[1:]]).astype(dtype)
             for name, (dtype, shape) in specs.items()}
    return [{name: value[i] for name, value in drawn.items()} for i in range(count)]


def from_arrays(arrays, specs, *, seed=0):
    """The inputs among named arrays, without a batch, as many points as the model takes.

    arrays   name -> array; for correspondences also points [n, 4], (x1, y1, x2, y2)
    specs    name -> (dtype, shape) with the batch first
    return   (inputs, n): n is how many correspondences are real, else None
    raises   ValueError where an input is missing or cannot be made to fit
    """
    arrays = dict(arrays)
    if "points1" in specs and arrays.get("points", np.empty(0)).shape[-1:] == (4,):
        both = arrays.pop("points")
        arrays |= {"points1": both[:, :2], "points2": both[:, 2:]}
    if "valid" in specs and "points1" in arrays and "valid" not in arrays:
        arrays["valid"] = np.ones(len(arrays["points1"]), bool)
    missing = sorted(set(specs) - set(arrays))
    if missing:
        raise ValueError(f"Expected {', '.join(missing)}. Received: {sorted(arrays) or 'nothing'}")
    inputs = {name: without_batch(arrays[name], name, *spec) for name, spec in specs.items()}
    if "points" in specs:
        inputs["points"] = files.fitted(inputs["points"], specs["points"][1], seed)
    if "points1" not in specs:
        return inputs, None
    return padded(inputs, specs)


def without_batch(value, name, dtype, shape):
    """One example of an input, in its dtype."""
    value = np.asarray(value)
    if value.ndim == len(shape) and len(value) == 1:
        value = value[0]
    if value.ndim != len(shape) - 1:
        raise ValueError(
            f"Expected {name} of {len(shape) - 1} dimensions. Received: {list(value.shape)}"
        )
    if dtype == np.uint8 and is_picture((dtype, shape)) and -1 not in shape[1:3]:
        value = resize(value, shape[1:3])
    return value.astype(dtype)


def padded(inputs, specs):
    """Correspondences filled up with slots that are not valid: (inputs, how many are real)."""
    counts = {name: len(inputs[name]) for name in COUNTED if name in inputs}
    n, room = counts["points1"], specs["points1"][1][1]
    if len(set(counts.values())) > 1 or not n:
        raise ValueError(f"Expected the same number of rows, at least one. Received: {counts}")
    if room == -1:
        return inputs, n
    if n > room or (n < room and "valid" not in inputs):
        raise ValueError(f"Expected at most {room} correspondences. Received: {n}")
    for name in counts:
        sides = [(0, room - n)] + [(0, 0)] * (inputs[name].ndim - 1)
        inputs[name] = np.pad(inputs[name], sides)
    return inputs, n
