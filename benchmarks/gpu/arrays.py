"""The arrays of a module: what goes in, and what is kept of what comes out; needs NumPy alone."""

import numpy as np

KEPT = 65536  # Numbers of an output that are kept for the check, at equal steps.


def random_inputs(entry):
    """float32 arrays, uniform between their bounds, by an entry of modules.json: seed and inputs.

    They are the same on every machine.
    """
    random = np.random.default_rng(entry["seed"])
    return [
        (low + (high - low) * random.random(shape, np.float32)).astype(np.float32)
        for shape, low, high in entry["inputs"]
    ]


def sample(output):
    """Every so many-th number of an output, at most KEPT."""
    flat = np.asarray(output).ravel()
    return flat[:: max(1, -(-flat.size // KEPT))]
