"""tfvision demo: one app from training to prediction, every shipped model, a page to look at."""

import argparse
import json
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from tfvision.commands import demo_page, quiet
from tfvision.commands.errors import UsageError
from tfvision.viz.files import write_image


def main(args, app_named):
    """Runs the demo and says where the page is.

    app_named  name -> the app's module
    """
    flags = parser().parse_args(args)
    begin, out = time.monotonic(), flags.out
    if out.exists():
        if not (out / "index.html").exists() and any(out.iterdir()):
            raise UsageError(f"{out}: holds something else than a demo; choose another --out")
        shutil.rmtree(out)
    out.mkdir(parents=True)
    commands = cycle(flags.app, out, flags.steps)
    trained = predict(out / "savedmodels" / flags.app, out / "predicted", out, app_named)
    shipped = [
        predict(folder, out / "shipped" / folder.name, out, app_named)
        for folder in models(Path("savedmodels"))
    ]
    page = demo_page.write(out, flags.app, commands, trained, shipped)
    print(f"\nDone in {time.monotonic() - begin:.0f} s. Open {page}")


def parser():
    """The flags of this verb."""
    parser = argparse.ArgumentParser("tfvision demo", description=__doc__)
    parser.add_argument("--app", default="unet", help="The app that goes through the whole cycle.")
    parser.add_argument("--steps", type=int, default=300, help="Of its training.")
    parser.add_argument("--out", type=Path, default=Path("runs/demo"), help="Folder of the page.")
    return parser


def cycle(app, out, steps):
    """Train, kill, resume, evaluate, export; returns the command lines that did it."""
    run, exported = out / app, out / "savedmodels"
    every = max(steps // 10, 1)
    train = ["train", app, "--run", str(run), "--steps", str(steps), "--epoch-steps", str(every)]
    commands = [train]
    kill_after_a_checkpoint(train, run, (steps // every) // 2 * every)
    call(train)
    for verb, flags in (("evaluate", ["--no-record"]), ("export", ["--to", str(exported)])):
        commands.append([verb, app, "--run", str(run), *flags])
        call(commands[-1])
    return [shlex.join(["tfvision", *command]) for command in commands]


def kill_after_a_checkpoint(command, run, step):
    """Starts a training and ends it by SIGKILL as soon as it has saved `step`."""
    say(command)
    process = subprocess.Popen(tfvision(command))
    while process.poll() is None and not (run / "checkpoints" / f"{step:08d}").exists():
        time.sleep(0.05)
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
        print("killed with SIGKILL; the same command goes on from the last checkpoint:", flush=True)
    elif process.returncode:
        raise UsageError(f"the training failed with status {process.returncode}")
    process.wait()


def call(command):
    """Runs one command line of tfvision and shows it."""
    say(command)
    status = subprocess.run(tfvision(command)).returncode
    if status:
        raise UsageError(f"`{shlex.join(['tfvision', *command])}` ended with status {status}")


def say(command):
    print(f"\n$ {shlex.join(['tfvision', *command])}", flush=True)


def tfvision(command):
    """The command line under this very Python."""
    return [sys.executable, "-m", "tfvision.apps", *command]


def models(root):
    """Folders of exported models."""
    return sorted(file.parent for file in root.glob("[!.]*/card.json"))


def predict(folder, target, out, app_named):
    """Runs an exported model on its app's embedded examples; returns what the page shows of it."""
    card = json.loads((folder / "card.json").read_text())
    with quiet.imports():
        app = app_named(card["app"])
    inputs = example_files(app, out / "inputs")
    command = ["predict", card["app"], *map(str, inputs), "--model", str(folder)]
    call([*command, "--out", str(target)])
    pictures = [file for file in sorted(target.glob("*.png")) if ".labels" not in file.name]
    return {
        "card": card,
        "inputs": [file for file in inputs if file.suffix == ".png"],
        "pictures": pictures,
        "command": shlex.join(["tfvision", *command]),
    }


def example_files(app, folder, count=2):
    """The app's first examples as files that `predict` takes; none for generators."""
    import numpy as np

    name = app.__name__.rpartition(".")[2]
    examples = app.examples(app.Config())[:count]
    files = []
    for i, example in enumerate(examples):
        if "image" in example:
            files.append(folder / f"{name}_{i + 1}.png")
            write_image(files[-1], np.squeeze(example["image"][0]))
        elif "z" not in example:
            files.append(folder / f"{name}_{i + 1}.npz")
            folder.mkdir(parents=True, exist_ok=True)
            np.savez(files[-1], **example)
    return files
