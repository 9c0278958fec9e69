"""tfvision export APP: a run as SavedModel, TFLite and ONNX, each proven equal to it."""

import dataclasses
import importlib.util
import json
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table

from tfvision import engine
from tfvision.commands import flags as read
from tfvision.commands import gallery
from tfvision.commands.errors import UsageError
from tfvision.engine import converted


def main(app, args):
    """Exports the run folder's newest checkpoint."""
    config, own = read.parse_again(
        app,
        "export",
        args,
        to=read.flag(Path | None, None, "Folder of all exported models [default: savedmodels; "
                     "with --gallery galleries/<name of that folder>]."),
        quantize=read.flag(
            tuple[Literal["float16", "dynamic", "int8"], ...], (), "More, smaller TFLite files."
        ),
        onnx=read.flag(bool, True, "Write model.onnx, too. It takes a third of the time."),
        gallery=read.flag(Path | None, None, "Folder of images, one folder for each class, that "
                          "the exported model searches for what is nearest."),
        **(SEARCH if hasattr(app, "gallery") else {}),
    )
    root = own["to"] or (
        Path("galleries", own["gallery"].resolve().name) if own["gallery"] else Path("savedmodels")
    )
    if own["gallery"]:
        card = export_gallery(app, config, root, own)
    else:
        card = export(app, config, root, own["quantize"], onnx=own["onnx"])
    show(card, root)
    if own["gallery"]:
        name = read.name_of(app)
        print(f"{card['gallery']['items']} items in {len(card['classes'])} classes. "
              f"Next: tfvision predict {name} IMAGE --model {root / name}")


SEARCH = {
    "k": read.flag(int, 5, "With --gallery: how many are found."),
    "store": read.flag(Literal["float32", "int8"], "float32",
                       "With --gallery: how its embeddings are kept. int8 is a quarter as large."),
}


def export(app, config, root, quantize=(), *, onnx=True):
    """Exports in float32, whatever the run was trained in; returns the card."""
    model = restored(app, config)
    return engine.export(app, model, config, root, quantize=quantize, onnx=onnx,
                         facts=facts(config))


def export_gallery(app, config, root, own):
    """As `export`, with a gallery that is searched inside the model; returns the card."""
    if not hasattr(app, "gallery"):
        raise UsageError(f"--gallery: {read.name_of(app)} makes no embeddings to search by")
    items = gallery.find(own["gallery"])
    model = restored(app, config)
    index = gallery.index(app, model, items, k=own["k"], store=own["store"])
    return engine.export(
        gallery.searching(app, index, items), model, config, root,
        quantize=own["quantize"], onnx=own["onnx"],
        facts=facts(config) | gallery.facts(index),
        beside={gallery.NAMES: gallery.names(items)},
    )


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
        "data": data_of(config),
        "metrics": measured.get("metrics", {}),
        "split": measured.get("split"),
        "command": json.loads((config.run / "config.json").read_text())["command"],
    }


def data_of(config):
    """What the model was trained on; of a converted one, whose weights they are."""
    if (config.run / converted.FILE).exists():
        source = converted.read(config.run)["source"]
        return {"name": f"{source['of']}: {source['file']}", "sha256": source["sha256"],
                "licence": "as the publisher of the weights says"}
    return {"name": config.data, "licence": licence(config.data)}


def licence(name):
    """The licence of a data set, as its reader states it; mnist_R is made of mnist."""
    if name == "embedded" or importlib.util.find_spec(f"tfvision.data.synthetic.{name}"):
        return "made by tfvision (Apache-2.0)"
    reader = f"tfvision.data.{name}"
    if importlib.util.find_spec(reader) is None:
        reader = reader.rpartition("_")[0]
    return importlib.import_module(reader).LICENCE


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
