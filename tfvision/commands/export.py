"""tfvision export APP: a run as SavedModel, TFLite and ONNX, each proven equal to it."""

import dataclasses
import importlib
import json
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table

from tfvision import engine
from tfvision.commands import flags as read
from tfvision.commands.errors import UsageError


def main(app, args):
    """Exports the run folder's newest checkpoint."""
    config, own = read.parse_again(
        app,
        "export",
        args,
        to=read.flag(Path, Path("savedmodels"), "Folder of all exported models."),
        quantize=read.flag(
            tuple[Literal["float16", "dynamic", "int8"], ...], (), "More, smaller TFLite files."
        ),
    )
    card = export(app, config, own["to"], own["quantize"])
    show(card, own["to"])


def export(app, config, root, quantize=()):
    """Exports in float32, whatever the run was trained in; returns the card."""
    model = restored(app, config)
    return engine.export(app, model, config, root, quantize=quantize, facts=facts(config))


def restored(app, config):
    """The run's model at its newest checkpoint, in float32 and without a strategy."""
    config = dataclasses.replace(config, precision="float32", strategy="none")
    model = engine.build(app, config)
    if not engine.restore(model, config.run / "checkpoints"):
        raise UsageError(f"{config.run}: has no checkpoint yet. Train it further")
    return model


def facts(config):
    """What the card says of the data and of the metrics."""
    file = config.run / "metrics.json"
    measured = json.loads(file.read_text()) if file.exists() else {}
    return {
        "data": {"name": config.data, "licence": licence(config.data)},
        "metrics": measured.get("metrics", {}),
        "split": measured.get("split"),
        "command": json.loads((config.run / "config.json").read_text())["command"],
    }


def licence(name):
    """The licence of a data set, as its reader states it."""
    if name == "embedded":
        return "made by tfvision (Apache-2.0)"
    return importlib.import_module(f"tfvision.data.{name}").LICENCE


def show(card, root):
    """Prints what was written, how equal and how fast it is."""
    table = Table(title=f"{root}/{card['app']}", title_justify="left")
    for heading in ("file", "size", "signature", "largest deviation", "one call"):
        table.add_column(heading, justify="left" if heading in ("file", "signature") else "right")
    for label, signatures in card["parity"].items():
        for name, outputs in signatures.items():
            table.add_row(
                label,
                size(card, label, name),
                name,
                "; ".join(f"{key} {told(how)}" for key, how in outputs.items()),
                f"{card['latency_ms'][name][label]:.1f} ms",
            )
    Console().print(table)


def size(card, label, signature):
    """Kilobytes of the file that a row of the table speaks of."""
    default = signature == "serving_default"
    files = {
        "saved_model": f"{card['version']}/",
        "onnx": "model.onnx" if default else f"model.{signature}.onnx",
    }
    name = files.get(label, label.replace("tflite", "model", 1) + ".tflite")
    return f"{card['files'][name] / 1000:,.0f} kB"


def told(how):
    kind, value = next((k, v) for k, v in how.items() if k != "within")
    if kind == "unequal":
        return f"{100 * value:.3g} % unequal"
    return f"{value:.1e}" if kind == "deviation" else f"{value} {kind}"
