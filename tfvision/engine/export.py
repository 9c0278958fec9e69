"""A trained model as files for servers and devices, each proven equal to it."""

import dataclasses
import json
import os
import re
import shutil
from pathlib import Path

from tfvision.engine import formats, proof, warmup


def export(app, model, config, root, *, quantize=(), onnx=True, facts=None, beside=None):
    """Writes root/<app>/<version>/, model.tflite, model.onnx and card.json, or nothing at all.

    app       the app's module
    model     trained; float32, whatever it was trained in
    config    its Config
    root      folder of all exported models (savedmodels)
    quantize  more TFLite files: "float16", "dynamic", "int8"
    onnx      False: no model.onnx
    facts     more entries of the card
    beside    name -> text of more files
    return    the card, a dict
    raises    ValueError where a file deviates from the model by more than the tolerance
    """
    name = app.__name__.rpartition(".")[2]
    target, hidden = Path(root, name), Path(root, f".{name}")
    version = max(versions(target), default=0) + 1
    shutil.rmtree(hidden, ignore_errors=True)
    hidden.mkdir(parents=True)
    try:
        for file, text in (beside or {}).items():
            (hidden / file).write_text(text)
        card = write(app, model, config, hidden, version, quantize, onnx)
        card |= facts or {}
        (hidden / "card.json").write_text(json.dumps(card, indent=2) + "\n")
        move(hidden, target)
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
    write_models_config(root)
    return card


def write(app, model, config, folder, version, quantize, onnx):
    """All files of one export in `folder`, proven; returns the card."""
    signatures, examples = named(app.serve(model), classes_of(app, config)), app.examples(config)
    files = {
        "saved_model": folder / str(version),
        "tflite": folder / "model.tflite",
        "onnx": {name: folder / onnx_name(name) for name in signatures if onnx},
    }
    formats.write_saved_model(signatures, files["saved_model"])
    formats.write_tflite(signatures, files["tflite"])
    for name, file in files["onnx"].items():
        formats.write_onnx(signatures[name], file)
    for kind in quantize:
        file = folder / f"model.{kind}.tflite"
        known = calibrating(app, config, examples) if kind == "int8" else ()
        formats.write_tflite(signatures, file, quantize=kind, calibration=pairs(signatures, known))
    report = proof.prove(signatures, examples, files, variants=quantize)
    warmup.write(signatures, examples, files["saved_model"], folder.name.lstrip("."))
    return describe(app, config, signatures, folder, version, report)


def classes_of(app, config):
    """The names of an app's classes; none where it has none."""
    return list(app.classes(config)) if hasattr(app, "classes") else []


def named(signatures, classes):
    """The signatures with the names of what they find; see formats.with_names."""
    return {name: dataclasses.replace(s, fn=formats.with_names(s.fn, classes))
            for name, s in signatures.items()}


def calibrating(app, config, examples):
    """Inputs whose ranges int8 is made for: real ones, of apps that have calibration(config)."""
    return app.calibration(config) if hasattr(app, "calibration") else examples


def pairs(signatures, examples):
    """(signature, inputs) for the calibration of int8 arithmetic."""
    return [
        (name, formats.fitted(example, signature))
        for name, signature in signatures.items()
        for example in examples
        if set(signature.inputs) <= set(example)
    ]


def onnx_name(signature):
    return "model.onnx" if signature == "serving_default" else f"model.{signature}.onnx"


def describe(app, config, signatures, folder, version, report):
    """The card: what the model is, what goes in and comes out, how equal and how fast."""
    summary = app.__doc__.splitlines()[0]
    paper = re.search(r"\(([^()]*\d{4}[^()]*)\)", summary)
    outputs = {name: formats.trace(s.fn, s.inputs).structured_outputs
               for name, s in signatures.items()}
    return {
        "app": folder.name.lstrip("."),
        "task": app.TASK,
        "summary": summary,
        "paper": paper.group(1) if paper else None,
        "version": version,
        "classes": classes_of(app, config),
        "signatures": {
            name: {
                "inputs": specs(s.inputs),
                "fixed": s.fixed,
                "fit": s.fit,
                **({"margin": s.margin} if s.fit == "tile" else {}),
                "outputs": specs(outputs[name]),
            }
            for name, s in signatures.items()
        },
        "files": sizes(folder),
        **{key: report[key] for key in ("parity", "latency_ms", "operations")},
    }


def specs(named):
    return {
        name: {"dtype": spec.dtype.name, "shape": spec.shape.as_list()}
        for name, spec in named.items()
    }


def sizes(folder):
    """Bytes of each file, of the SavedModel as a whole."""
    return {
        path.name + ("/" if path.is_dir() else ""): path.stat().st_size
        if path.is_file()
        else sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        for path in sorted(folder.iterdir())
    }


def move(hidden, target):
    """Puts finished files in their place; the version's folder last but the card.

    Files model.* of an earlier export that this one has not made go: the card ignores them.
    """
    target.mkdir(parents=True, exist_ok=True)
    for old in target.glob("model.*"):
        if not (hidden / old.name).exists():
            old.unlink()
    for path in sorted(hidden.iterdir(), key=lambda p: (p.name == "card.json", p.is_dir())):
        os.replace(path, target / path.name)


def versions(folder):
    """Numbers of the SavedModels in a folder, as TF Serving sees them."""
    return sorted(int(path.name) for path in Path(folder).glob("[0-9]*") if path.name.isdigit())


def write_models_config(root):
    """models.config for TF Serving: every model of the folder, its newest version."""
    names = sorted(path.parent.name for path in Path(root).glob("[!.]*/card.json"))
    entries = "".join(
        f'  config {{\n    name: "{name}"\n    base_path: "/models/{name}"\n'
        '    model_platform: "tensorflow"\n'
        "    model_version_policy { latest { num_versions: 1 } }\n  }\n"
        for name in names
    )
    hidden = Path(root, ".models.config")
    hidden.write_text(f"model_config_list {{\n{entries}}}\n")
    os.replace(hidden, Path(root, "models.config"))
