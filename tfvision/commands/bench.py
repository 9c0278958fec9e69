"""tfvision bench NAME: our code against its peers in the same run, as ratios.

The cases are in benchmarks/NAME.py of a clone: a function `cases()` that yields Case.
"""

import argparse
import dataclasses
import importlib.util
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from tfvision.commands.errors import UsageError
from tfvision.commands.evaluate import commit, processor, write

INPUTS = 4  # Different inputs in turn: what is computed once must not be timed.


@dataclasses.dataclass(frozen=True)
class Case:
    """One comparison: callables of the input's number 0..INPUTS-1, each doing the same work.

    moved  bytes that any implementation must read and write: the floor of its time
    """

    name: str
    ours: Callable[[int], object]
    peers: dict[str, Callable[[int], object]]
    moved: int | None = None


def main(args):
    """Times every case in interleaved blocks; prints ratios, writes benchmarks/results/."""
    flags = parser().parse_args(args)
    before = load()
    if before > 1.3:
        print(f"The load average is {before:.1f}: something else runs, and ratios may mislead.")
    bandwidth = copy_bandwidth()
    rows = [row(case, flags.seconds, bandwidth) for case in cases_of(flags.name)
            if flags.only in case.name]
    show(rows)
    file = Path("benchmarks", "results", f"{flags.name}.json")
    file.parent.mkdir(parents=True, exist_ok=True)
    about = {"machine": f"{os.cpu_count()} cores, {processor()}", "commit": commit(),
             "load_before": before, "copy_GB_per_s": bandwidth / 1e9, "cases": rows}
    write(file, about)
    print(file)


def parser():
    """The flags of this verb."""
    known = ", ".join(sorted(file.stem for file in Path("benchmarks").glob("[!_]*.py")))
    parser = argparse.ArgumentParser("tfvision bench", description=__doc__)
    parser.add_argument("name", help=f"A file of ./benchmarks: {known or 'none here'}.")
    parser.add_argument("--only", default="", help="Only cases with this in their name.")
    parser.add_argument("--seconds", type=float, default=1.0, help="Time for each contestant.")
    return parser


def cases_of(name):
    """The cases of benchmarks/<name>.py."""
    file = Path("benchmarks", f"{name}.py")
    if not file.exists():
        raise UsageError(f"{file}: no such file; run this command in a clone of tfvision")
    spec = importlib.util.spec_from_file_location(f"benchmarks_{name}", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.cases()


def row(case, seconds, bandwidth):
    """Times in ms and the ratios ours / peer, by median and by minimum."""
    times = interleaved({"tfvision": case.ours, **case.peers}, seconds)
    ours = times["tfvision"]
    floor = None if case.moved is None else 1000 * case.moved / bandwidth
    return {
        "case": case.name,
        "floor_ms": floor,
        "ms": {name: statistics.median(t) for name, t in times.items()},
        "min_ms": {name: min(t) for name, t in times.items()},
        "ratio": {n: statistics.median(ours) / statistics.median(t) for n, t in times.items()},
        "min_ratio": {name: min(ours) / min(t) for name, t in times.items()},
    }


def interleaved(contestants, seconds, blocks=5):
    """Milliseconds of single calls, in blocks taken in turn, so that a disturbance hits all."""
    for function in contestants.values():
        for i in range(INPUTS):
            function(i)  # warms up
    times = {name: [] for name in contestants}
    for _ in range(blocks):
        for name, function in contestants.items():
            end, i = time.perf_counter() + seconds / blocks, 0
            while time.perf_counter() < end or i < 2:
                begin = time.perf_counter()
                function(i % INPUTS)
                times[name].append(1000 * (time.perf_counter() - begin))
                i += 1
    return times


def copy_bandwidth():
    """Bytes read and written per second by a copy of 64 MB."""
    source = np.random.default_rng(0).random(8_000_000)
    target = np.empty_like(source)
    times = []
    for _ in range(7):
        begin = time.perf_counter()
        np.copyto(target, source)
        times.append(time.perf_counter() - begin)
    return 2 * source.nbytes / min(times)


def load():
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def show(rows):
    """A line per case and peer."""
    table = Table()
    for heading in ("case", "tfvision ms", "floor ms", "peer", "peer ms", "ratio", "by minimum"):
        table.add_column(heading, justify="left" if heading in ("case", "peer") else "right")
    for r in rows:
        floor = "" if r["floor_ms"] is None else f"{r['floor_ms']:.3f}"
        for name in list(r["ms"])[1:] or ["-"]:
            peer = [f"{r[key][name]:.3f}" if name in r["ms"] else "" for key in
                    ("ms", "ratio", "min_ratio")]
            table.add_row(r["case"], f"{r['ms']['tfvision']:.3f}", floor, name, *peer)
    Console().print(table)
