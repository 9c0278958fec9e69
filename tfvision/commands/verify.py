"""tfvision verify APP: trains again what is recorded in results/, and compares the numbers."""

import argparse
import dataclasses
import json
import math
import shlex
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tfvision.commands import evaluate, report, train
from tfvision.commands import flags as read
from tfvision.commands.errors import UsageError
from tfvision.commands.predict import Parser

SHARE = 0.05  # Of the recorded value, the tolerance where an app names none.
MARK = "verified.json"  # In a run folder whose numbers were told: the next time it starts anew.
EXAMPLES = """\
examples
  tfvision verify --list                what is recorded of all apps, and how long it took
  tfvision verify faster_rcnn           train all recorded runs, evaluate, compare
  tfvision verify siamese --only mnist  those with this text in one of their commands

Each run of results/APP.json has the command that trained it, the one that measured it, and its
metrics. Both run again, in run folders of their own in runs/verify; what a run starts from is
trained first. Killed, the same command goes on where it was. Compared are the metrics that the app
names in TOLERANCE, metric -> largest difference that is fine, else those of its HEADLINE within 5 %
of the recorded value. The status is 0 where all agree, and 1 where one is off, better or worse:
then something changed, and results/ should say so (tfvision evaluate).
"""


@dataclasses.dataclass(frozen=True)
class Recorded:
    """A run of results/APP.json that can be made again."""

    entry: dict
    train: tuple[str, ...]  # Flags of `tfvision train APP`,
    measure: tuple[str, ...]  # of `tfvision evaluate APP`.
    run: str  # The run folder that was recorded.

    def has(self, text):
        """Whether a text stands in one of the commands; None always does."""
        return text is None or any(text in self.entry[key] for key in ("train_command", "command"))


def main(args, app_named):
    """Verifies, or lists; returns 1 where a number is off.

    app_named  name -> the app's module
    """
    own = parser().parse_args(args)
    if own.app is None and not own.list:
        parser().error("which app? Name one, or --list what is recorded")
    names = [own.app] if own.app else sorted(file.stem for file in Path("results").glob("*.json"))
    known = {name: recorded(name) for name in names}
    chosen = {name: [one for one in runs if one.has(own.only)] for name, runs in known.items()}
    if not any(chosen.values()):
        raise UsageError(f"results/{own.app or '*'}.json: no run to train again"
                         + (f" with {own.only!r} in its commands" if own.only else ""))
    if own.list:
        for name in names:
            show_list(name, app_named, chosen[name])
        return 0
    return verify(app_named(own.app), chosen[own.app], known[own.app], own.runs, own.fresh)


def parser():
    """The flags of this verb."""
    p = Parser(
        prog="tfvision verify", description=__doc__.partition(": ")[2], epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False,
    )
    p.add_argument("app", metavar="APP", nargs="?", help="whose results")
    p.add_argument("--list", action="store_true", help="show what would run, and do nothing")
    p.add_argument("--only", metavar="TEXT", help="runs whose commands contain this")
    p.add_argument("--fresh", action="store_true", help="do not go on where the last one stopped")
    p.add_argument("--runs", type=Path, default=Path("runs/verify"), metavar="FOLDER",
                   help="where the new run folders go [runs/verify]")
    return p


def recorded(name):
    """The runs of results/<name>.json that can be made again; [] where there is no such file.

    Of a run folder that was trained with other flags later, only the newest.
    """
    found = []
    for entry in report.results(Path(), name):
        words = [shlex.split(entry.get(key) or "") for key in ("train_command", "command")]
        if [w[:3] for w in words] == [["tfvision", verb, name] for verb in ("train", "evaluate")]:
            flags = [tuple(w[3:]) for w in words]
            found.append(Recorded(entry, *flags, run_of(flags[0], name)))
    newest = {one.run: one.train for one in found}
    return [one for one in found if one.train == newest[one.run]]


def run_of(words, name):
    """The run folder in a command's words."""
    named = [word for flag, word in zip(words, words[1:], strict=False) if flag == "--run"]
    return named[-1] if named else f"runs/{name}"


def verify(app, runs, known, folder, fresh):
    """Trains and measures all runs and shows the comparison; returns 1 where a number is off."""
    places = {one.run: str(folder / one.run.removeprefix("runs/")) for one in known}
    commands = {one.run: one.train for one in known}
    begun, off = set(), 0
    for one in runs:
        again(app, one.run, commands, places, begun, fresh)
        now = measured(app, one, places)
        off += show(one, comparison(app, one.entry["metrics"], now["metrics"]))
    for run in begun:  # All was told: nobody needs them to go on.
        Path(places[run], MARK).write_text(json.dumps({"time": time.time()}) + "\n")
    return int(off > 0)


def again(app, run, commands, places, begun, fresh):
    """Trains a recorded run in its own place, once, after those that it starts from."""
    if run in begun:
        return
    begun.add(run)
    for other in commands[run]:
        if other in commands and other != run:
            again(app, other, commands, places, begun, fresh)
    place = Path(places[run])
    if place.exists() and (fresh or (place / MARK).exists()):
        train.delete_run(place)
    words = moved(commands[run], run, places)
    print(f"$ {read.command('train', app, words)}", flush=True)
    train.main(app, words)


def moved(words, run, places):
    """A command's words with the new run folders."""
    words = [places.get(word, word) for word in words]
    return words if "--run" in words else [*words, "--run", places[run]]


def measured(app, one, places):
    """What `tfvision evaluate` says of the run in its new place; nothing is recorded."""
    words = moved(one.measure, one.run, places)
    config, _ = read.parse_again(app, "evaluate", words, record=read.flag(bool, True, "Ignored."))
    return evaluate.evaluate(app, config, read.command("evaluate", app, words))


def tolerances(app, metrics):
    """metric -> the largest difference that is fine, of the metrics that are compared."""
    named = getattr(app, "TOLERANCE", None)
    if named is not None:
        return {name: most for name, most in named.items() if name in metrics}
    chosen = [name for name in getattr(app, "HEADLINE", ()) if name in metrics]
    return {name: SHARE * abs(metrics[name]) for name in chosen or list(metrics)[:1]}


def comparison(app, before, now):
    """Rows (metric, recorded, now, tolerance, whether it is fine)."""
    rows = []
    for name, most in tolerances(app, before).items():
        value = now.get(name, math.nan)
        rows.append((name, before[name], value, most, abs(value - before[name]) <= most))
    return rows


def show(one, rows):
    """Prints a run's comparison; returns how many numbers are off."""
    entry = one.entry
    table = Table(title=f"{entry['data']}, {entry['split']}: {one.run}", title_justify="left")
    for heading in ("metric", "recorded", "now", "tolerance", ""):
        table.add_column(heading, justify="left" if heading in ("metric", "") else "right")
    for name, before, now, most, fine in rows:
        table.add_row(name, *(f"{value:.4g}" for value in (before, now, most)),
                      "agrees" if fine else "OFF")
    Console().print(table)
    return sum(not fine for *_, fine in rows)


def show_list(name, app_named, runs):
    """Prints what would run for an app."""
    for one in runs:
        app, entry = app_named(name), one.entry
        took = f"{entry['minutes']} minutes" if entry.get("minutes") else "of unknown length"
        machine = f" on {entry['machine']}" if entry.get("machine") else ""
        print(f"{name}, {entry['data']}, {entry['split']}: {took}{machine}")
        print(f"  {entry['train_command']}\n  {entry['command']}")
        expected = [f"{metric} {entry['metrics'][metric]:.4g} ± {most:.2g}"
                    for metric, most in tolerances(app, entry["metrics"]).items()]
        print(f"  {', '.join(expected)}\n")
