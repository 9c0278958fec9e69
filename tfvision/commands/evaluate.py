"""tfvision evaluate APP: what a trained run is worth, in numbers that a command produced."""

import json
import os
import platform
import subprocess
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tfvision.commands import flags as read
from tfvision.commands.export import restored
from tfvision.engine.callbacks import read_history


def main(app, args):
    """Measures the run and records it in its metrics.json, and in ./results where that exists."""
    config, own = read.parse_again(
        app,
        "evaluate",
        args,
        record=read.flag(bool, True, "Add the numbers to ./results, if there is such a folder."),
    )
    entry = evaluate(app, config, read.command("evaluate", app, args))
    show(entry)
    if not own["record"] or not Path("results").is_dir():
        return
    done = step(config)
    if done is not None and done < config.steps:
        print(f"Not recorded in results/: {config.run} is at step {done} of {config.steps}, so its "
              "training command makes another model. Train it to its end")
    else:
        record(Path("results", f"{read.name_of(app)}.json"), read.name_of(app), entry)


def step(config):
    """The step that the run was trained to; None where it was not trained."""
    history = read_history(config.run / "history.csv")
    return history[-1]["step"] if history else None


def evaluate(app, config, command):
    """Measures the run's newest checkpoint; writes metrics.json and returns its content."""
    model = restored(app, config)
    begin = time.monotonic()
    metrics = app.evaluate(model, config)
    peers = app.peers(config) if hasattr(app, "peers") else {}
    history = read_history(config.run / "history.csv")
    entry = {
        "data": config.data,
        "split": config.split,
        "metrics": {name: float(value) for name, value in metrics.items()},
        "peers": peers,
        "command": command,
        "train_command": json.loads((config.run / "config.json").read_text())["command"],
        "minutes": round(history[-1]["seconds"] / 60, 1) if history else None,
        "evaluate_seconds": round(time.monotonic() - begin, 1),
        "seeds": [config.seed],
        "machine": f"{os.cpu_count()} cores, {processor()}",
        "commit": commit(),
    }
    write(config.run / "metrics.json", entry)
    return entry


def record(file, name, entry):
    """Adds the entry to results/<app>.json in place of an older one of the same command."""
    content = json.loads(file.read_text()) if file.exists() else {"app": name, "runs": []}
    same = ("command", "data", "split")
    runs = [run for run in content["runs"] if any(run[key] != entry[key] for key in same)]
    write(file, content | {"runs": [*runs, entry]})


def write(file, content):
    hidden = file.with_name("." + file.name)
    hidden.write_text(json.dumps(content, indent=2) + "\n")
    os.replace(hidden, file)


def show(entry):
    """The metrics, and those of the peers, as a table."""
    table = Table(title=f"{entry['data']}, {entry['split']}", title_justify="left")
    table.add_column("metric")
    for who in ("ours", *entry["peers"]):
        table.add_column(who, justify="right")
    for name, value in entry["metrics"].items():
        others = [peer.get(name) for peer in entry["peers"].values()]
        table.add_row(name, *["" if v is None else f"{v:.4g}" for v in (value, *others)])
    Console().print(table)


def processor():
    """The processor's name, as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def commit():
    """The revision of the code, with a + where it was changed since; None outside of git."""
    try:
        said = subprocess.run(
            ["git", "describe", "--always", "--dirty=+"], capture_output=True, text=True,
            cwd=Path(__file__).parent,
        )
    except OSError:
        return None
    return said.stdout.strip() or None
