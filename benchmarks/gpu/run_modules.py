"""Runs and times the modules of export_modules.py wherever JAX finds a device.

    python benchmarks/gpu/run_modules.py modules

Needs jax and NumPy alone. Checks every output, measures in the same run how fast this device copies
and multiplies, and prints how far each module is from what these allow: its roofline. Writes
results.json beside the modules.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from arrays import random_inputs, sample

# These parts of JAX are not public; the README says with which versions they were tried.
from jax._src.interpreters.mlir import make_ir_context
from jax._src.lib import xla_client
from jaxlib.mlir.dialects import stablehlo

APART = 256 << 20  # Bytes of inputs in turn, so that no cache holds them; fewer on a CPU.
COLUMNS = ("module", "ms", "alone ms", "GB/s", "of copy", "GFLOP/s", "of matmul", "roofline ms",
           "of roofline", "error", "")


def main():
    """Times what is in a folder; ends with status 1 where an output is wrong."""
    flags = parser().parse_args()
    device = jax.devices()[0]
    about = json.loads((flags.folder / "modules.json").read_text())
    chosen = [entry for entry in about["modules"] if flags.only in entry["name"]]
    limits = roofline(device, flags.seconds)
    print(f"{device.device_kind}, jax {jax.__version__}, in 10^9 per second: "
          + ", ".join(f"{name} {value / 1e9:.3g}" for name, value in limits.items()))
    print(" | ".join(COLUMNS))
    rows = []
    for entry in chosen:
        rows.append(row(flags.folder, entry, device, limits, flags.seconds))
        print(" | ".join(cells(rows[-1])), flush=True)
    results = {"device": device.device_kind, "platform": device.platform, "jax": jax.__version__,
               "made_with": {k: v for k, v in about.items() if k != "modules"},
               "limits": limits, "modules": rows}
    (flags.folder / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    raise SystemExit(any(not row["right"] for row in rows))


def parser():
    """The flags of this script."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="What export_modules.py wrote.")
    parser.add_argument("--only", default="", help="Modules with this in their name.")
    parser.add_argument("--seconds", type=float, default=1.0, help="Time for each module.")
    return parser


def roofline(device, seconds):
    """Bytes per second of a large copy, FLOP per second of large products of matrices.

    Both in the precision that XLA takes unasked: on a GPU float32 is multiplied in TensorFloat-32.
    """
    large = device.platform != "cpu"
    numbers, side = (1 << 28, 8192) if large else (1 << 24, 1024)
    random = np.random.default_rng(0)
    source = jax.device_put(random.random(numbers, np.float32), device)
    limits = {"copied bytes": 8 * numbers / timed(jax.jit(lambda x: x + 1), [[source]], seconds)[0]}
    square = jax.device_put(random.random([side, side], np.float32), device)
    for dtype in ("float32", "bfloat16"):
        x = square.astype(dtype)
        time_taken, _ = timed(jax.jit(jnp.matmul), [[x, x]], seconds)
        limits[f"{dtype} FLOP"] = 2 * side**3 / time_taken
    return limits


def row(folder, entry, device, limits, seconds):
    """Times and checks one module."""
    run = loaded(device, (folder / f"{entry['name']}.bin").read_bytes())
    arrays = random_inputs(entry)
    copies = 1 + APART // max(1, sum(a.nbytes for a in arrays)) if device.platform != "cpu" else 2
    sets = [[jax.device_put(a, device) for a in arrays] for _ in range(min(copies, 32))]
    error, right = checked(run(*sets[0]), folder / f"{entry['name']}.npz", entry["tolerance"])
    each, alone = timed(run, sets, seconds)
    copying = entry["moved"] / limits["copied bytes"]
    multiplying = (entry["flops"] or 0) / limits["float32 FLOP"]
    return {
        "name": entry["name"], "seconds": each, "seconds_alone": alone, "error": error,
        "right": right, "moved": entry["moved"], "flops": entry["flops"],
        "of_copy": copying / each, "of_matmul": multiplying / each,
        "roofline_seconds": max(copying, multiplying),
    }


def loaded(device, blob):
    """The module as a function of arrays on the device."""
    context = make_ir_context()
    with context:
        module = stablehlo.deserialize_portable_artifact(context, blob)
    devices = xla_client.DeviceList((device,))
    executable = device.client.compile_and_load(module, devices, xla_client.CompileOptions())
    return lambda *arrays: executable.execute(list(arrays))


def checked(outputs, file, tolerance):
    """The largest error of all outputs, and whether that is within the tolerance."""
    with np.load(file) as truths:
        expected = [truths[f"output_{i}"] for i in range(len(truths.files))]
    pairs = zip(outputs, expected, strict=True)
    error = max(difference(sample(output), truth) for output, truth in pairs)
    return error, error <= tolerance


def difference(found, truth):
    """Of integers the share that differs, of floats the largest difference in their scale."""
    if found.shape != truth.shape or found.dtype != truth.dtype:
        return float("inf")
    if not np.issubdtype(truth.dtype, np.floating):
        return float(np.mean(found != truth))
    wrong = np.abs(found.astype(np.float64) - truth)
    return float(np.max(wrong) / max(np.max(np.abs(truth)), 1e-30))


def timed(function, sets, seconds, blocks=7):
    """Seconds of one call: among calls in a row, and by itself until its result is there."""
    for arrays in sets:
        jax.block_until_ready(function(*arrays))
    end, alone, rates = time.perf_counter() + seconds, [], []
    while len(alone) < 2 or (len(alone) < 10 and time.perf_counter() < end):
        alone.append(once(function, sets[len(alone) % len(sets)]))
    count = max(1, int(seconds / blocks / max(min(alone), 1e-6)))
    end = time.perf_counter() + 2 * seconds
    while not rates or (len(rates) < blocks and time.perf_counter() < end):
        begin = time.perf_counter()
        for i in range(count):
            result = function(*sets[i % len(sets)])
        jax.block_until_ready(result)
        rates.append((time.perf_counter() - begin) / count)
    return statistics.median(rates), statistics.median(alone)


def once(function, arrays):
    begin = time.perf_counter()
    jax.block_until_ready(function(*arrays))
    return time.perf_counter() - begin


def cells(row):
    """A line of the table."""
    each, flops = row["seconds"], row["flops"]
    return (
        row["name"], f"{1000 * each:.3f}", f"{1000 * row['seconds_alone']:.3f}",
        f"{row['moved'] / each / 1e9:.1f}", f"{row['of_copy']:.0%}",
        f"{flops / each / 1e9:.0f}" if flops else "", f"{row['of_matmul']:.0%}" if flops else "",
        f"{1000 * row['roofline_seconds']:.4f}", f"{row['roofline_seconds'] / each:.0%}",
        f"{row['error']:.1e}", "" if row["right"] else "WRONG",
    )


if __name__ == "__main__":
    main()
