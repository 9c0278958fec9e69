"""tfvision report: the README's table of apps, from apps/, results/ and savedmodels/ alone."""

import ast
import dataclasses
import json
import os
import re
from pathlib import Path

import tyro

from tfvision.commands.errors import UsageError

BEGIN, END = "<!-- apps:begin -->", "<!-- apps:end -->"
HEAD = "| App | Picture | Measured | By |\n|---|---|---|---|"


@dataclasses.dataclass(frozen=True)
class Flags:
    """Rewrite the table of apps in ./README.md, and savedmodels/models.config."""

    check: bool = False  # Write nothing; end with status 1 where the table is stale.


def main(args):
    """Rewrites the README of the checkout that is the current folder, or checks it."""
    flags = tyro.cli(Flags, args=args, prog="tfvision report")
    root = Path(".")
    old, new = (root / "README.md"), rendered(root)
    if flags.check:
        return check(old, new)
    if old.read_text() != new:
        write(old, new)
    write_models_config(root / "savedmodels")
    print(f"README.md: {len(apps(root))} apps")
    return 0


def check(file, text):
    """Status 0 where the file holds the text, else 1."""
    if file.read_text() == text:
        print(f"{file}: up to date")
        return 0
    print(f"{file}: its table of apps is stale. Rewrite it: tfvision report")
    return 1


def write(file, text):
    hidden = file.with_name("." + file.name)
    hidden.write_text(text)
    os.replace(hidden, file)


def write_models_config(folder):
    """TF Serving's list of the models in the folder; nothing where there is no folder."""
    if not folder.is_dir():
        return
    from tfvision.commands import quiet

    with quiet.imports():
        from tfvision.engine.export import write_models_config
    write_models_config(folder)


def rendered(root):
    """The README's text with a fresh table between its two markers."""
    file = root / "README.md"
    if not file.exists():
        raise UsageError(f"{file.absolute()}: no such file. Run this in the folder of a checkout")
    before, begin, rest = file.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise UsageError(f"{file}: expected the markers {BEGIN} and {END}, each on its own line")
    return f"{before}{BEGIN}\n{table(root)}\n{END}{after}"


def table(root):
    """The table in Markdown, one row per app."""
    return "\n".join([HEAD, *(row(root, name, text) for name, text in apps(root).items())])


def apps(root):
    """name -> first line of its docstring, of every module in apps/; read without importing."""
    files = sorted(file for file in (root / "apps").glob("*.py") if not file.stem.startswith("_"))
    return {
        file.stem: (ast.get_docstring(ast.parse(file.read_text())) or "").partition("\n")[0]
        for file in files
    }


def row(root, name, summary):
    """One app: its page, what it does, the paper; its picture; its numbers; their commands."""
    what, paper = split_paper(summary)
    about = [f"**[{name}](docs/apps/{name}.md)**", what, f"*{paper}*" if paper else ""]
    about.append(shipped(root, name))
    told = headline(root, name, newest(results(root, name)))
    cells = [
        "<br>".join(filter(None, about)),
        picture(root, name),
        "<br>".join(dict.fromkeys(line for _, lines in told for line in lines)),
        folded([command for run, _ in told for command in commands_of(run)]),
    ]
    if not told:
        cells[2:] = ["not measured yet", f"`tfvision train {name}`"]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def split_paper(summary):
    """("U-Net: every pixel ...", "Ronneberger et al., 2015") of an app's first line."""
    found = re.fullmatch(r"(.*?)\s*\(([^()]*\d{4}[^()]*)\)\.?", summary)
    return found.groups() if found else (summary, "")


def picture(root, name):
    """The picture that `tfvision draw` made; empty where there is none."""
    file = f"docs/images/{name}.png"
    return f'<img src="{file}" width="220" alt="{name}">' if (root / file).exists() else ""


def shipped(root, name):
    """The size of the model that comes with the repository; empty where there is none."""
    card = read_json(root / "savedmodels" / name / "card.json")
    size = card.get("files", {}).get("model.tflite")
    return f"[model, {size / 1e6:.1f} MB](savedmodels/{name}/card.json)" if size else ""


def results(root, name):
    """The runs that `tfvision evaluate` recorded, oldest first."""
    file = root / "results" / f"{name}.json"
    runs = read_json(file).get("runs", [])
    for run in runs:
        lacking = {"data", "split", "metrics", "command"} - set(run)
        if lacking:
            raise UsageError(f"{file}: a run lacks {', '.join(sorted(lacking))}. Measure it again")
    return runs


def read_json(file):
    """The dict in a JSON file; {} where there is no such file."""
    if not file.exists():
        return {}
    try:
        return json.loads(file.read_text())
    except json.JSONDecodeError as error:
        raise UsageError(f"{file}: is no JSON ({error}). Restore it, or measure again") from None


def newest(runs):
    """The last run of each data set, split and metric; the embedded data where there is no other.

    Returns [(run, its metrics that no later run measured)].
    """
    last = {(run["data"], run["split"], metric): run for run in runs for metric in run["metrics"]}
    found = [
        (run, [metric for metric in run["metrics"]
               if last[run["data"], run["split"], metric] is run]) for run in runs
    ]
    found.sort(key=lambda pair: (pair[0]["data"], pair[0]["split"]))
    published = [pair for pair in found if pair[0]["data"] != "embedded"]
    return [pair for pair in published or found if pair[1]]


def headline(root, name, found):
    """Of the runs, those with a metric of the app's HEADLINE, and the lines they give.

    An app without one shows the first metric of each run.
    """
    module = ast.parse((root / "apps" / f"{name}.py").read_text())
    chosen = next((ast.literal_eval(node.value) for node in module.body if names(node)), ())
    shown = [
        (run, [metric for metric in metrics if metric in (chosen or metrics[:1])])
        for run, metrics in found
    ]
    return [
        (run, [f"{run['data']}, {run['split']}:", *(number(run, metric) for metric in metrics)])
        for run, metrics in shown if metrics
    ]


def names(node):
    """Whether this statement is the app's HEADLINE."""
    return isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "HEADLINE"


def folded(commands):
    """Commands behind a triangle: long lines would make the table too wide."""
    lines = "<br>".join(dict.fromkeys(commands))
    return f"<details><summary>commands</summary>{lines}</details>"


def number(run, metric):
    """A metric with its value, and behind it those of the peers that were measured with it."""
    peers = run.get("peers") or {}
    others = [f"{peer} {told(of[metric])}" for peer, of in peers.items() if metric in of]
    return f"{metric} **{told(run['metrics'][metric])}**" + (
        f" ({', '.join(others)})" if others else ""
    )


def told(value):
    return f"{value:.4g}"


def commands_of(run):
    """How the run was trained, where it says so, and measured."""
    return [f"`{run[key]}`" for key in ("train_command", "command") if run.get(key)]
