"""The command: `tfvision VERB APP [flags]`. It parses the verb and imports only that app."""

import ast
import difflib
import importlib
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
VERBS = {
    "train": "train an app in a run folder; the same command resumes it",
    "evaluate": "measure a trained run and write metrics.json",
    "export": "SavedModel, TFLite and ONNX from a run, proven equal to it",
    "predict": "run an exported model on images, without TensorFlow",
    "draw": "the picture of an app's page in docs/",
    "bench": "our operations or models against their peers, as ratios",
    "doctor": "check a data set before hours are spent on it",
    "report": "rewrite the README's table from results/ and savedmodels/",
    "convert": "weights from elsewhere as a run that can be exported",
    "verify": "train again what is recorded in results/, and compare",
    "demo": "one app from training to prediction, every shipped model, a page of pictures",
}
OF_APPS = ("train", "evaluate", "export", "draw")  # Their first argument is an app to import.
ASKING = ("demo", "convert", "verify")  # They ask for apps by name.


def main(args=None):
    """Runs the command line; returns its exit status."""
    args = list(sys.argv[1:] if args is None else args)
    try:
        if not args or args[0] in ("-h", "--help"):
            print(overview())
            return 0
        if args[0] == "--version":
            import tfvision

            print(tfvision.__version__)
            return 0
        return run(args[0], args[1:]) or 0
    except errors() as error:
        print(f"tfvision: {error}", file=sys.stderr)
        return 2


def run(verb, args):
    """Calls tfvision.commands.<verb>; those of an app get its module."""
    choose(verb, VERBS, "verb")
    if verb not in OF_APPS:
        with importlib.import_module("tfvision.commands.quiet").imports():
            command = importlib.import_module(f"tfvision.commands.{verb}")
        return command.main(args, app_named) if verb in ASKING else command.main(args)
    if not args or args[0].startswith("-"):
        print(f"usage: tfvision {verb} APP [flags]\n\n{table(apps())}\n\nFlags of an app: "
              f"tfvision {verb} APP --help")
        return 0 if args and args[0] in ("-h", "--help") else 2
    choose(args[0], apps(), "app")
    with importlib.import_module("tfvision.commands.quiet").imports():
        app = app_named(args[0])
        command = importlib.import_module(f"tfvision.commands.{verb}")
    return command.main(app, args[1:])


def app_named(name):
    """The app's module."""
    return importlib.import_module(f".{name}", __package__)


def apps():
    """name -> first line of its docstring, read without importing."""
    files = sorted(file for file in FOLDER.glob("*.py") if not file.stem.startswith("_"))
    return {file.stem: ast.get_docstring(ast.parse(file.read_text())).splitlines()[0]
            for file in files}


def choose(word, known, kind):
    """Refuses a word that is none of the known ones, naming the nearest."""
    if word not in known:
        near = difflib.get_close_matches(word, known, 1)
        hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(known)}"
        raise errors()[0](f"no {kind} {word!r}. {hint}")


def overview():
    """What bare `tfvision` prints."""
    return (
        "usage: tfvision VERB APP [flags]      (flags of an app: tfvision VERB APP --help)\n\n"
        f"verbs\n{table(VERBS)}\n\napps\n{table(apps())}"
    )


def table(rows):
    width = max(map(len, rows), default=0)
    return "\n".join(f"  {name:{width}}  {text}" for name, text in rows.items())


def errors():
    """What is the user's to mend: told in one line, without a traceback."""
    from tfvision.commands.errors import UsageError

    return UsageError, FloatingPointError, ValueError, OSError


if __name__ == "__main__":
    raise SystemExit(main())
