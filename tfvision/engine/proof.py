"""The proof that exported files answer as the Keras model does."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
import tensorflow as tf

from tfvision.engine import formats, loaders
from tfvision.engine.same_boxes import reordered
from tfvision.engine.ties import forgiven

ENOUGH = 8  # examples of every signature
FLOAT, LEVELS, EQUAL = 1e-4, 1, 0.999  # relative; of uint8; share of equal integers


def prove(signatures, examples, files, *, variants=()):
    """Compares every file with the functions it was made from, on all examples.

    signatures  name -> Signature, bound to the Keras model
    examples    dicts of named arrays; each signature takes those that hold all its inputs
    files       {"saved_model": folder, "tflite": file, "onnx": {signature: file} or {}}
    variants    names of quantised TFLite files, model.<name>.tflite: reported, not refused
    return      {"parity": ..., "latency_ms": ..., "operations": ...} for the card
    raises      ValueError where a deviation is over the tolerance
    """
    cases = {name: cases_of(name, s, examples) for name, s in signatures.items()}
    lite = {name: [formats.fitted(e, s) for e in cases[name]] for name, s in signatures.items()}
    truth = {name: answers(s, cases[name]) for name, s in signatures.items()}
    inputs = {name: (cases[name], truth[name]) for name in signatures}
    plain = {name: (cases[name], numbers(truth[name])) for name in signatures}
    lite_inputs = {name: (lite[name], numbers(answers(s, lite[name])))
                   for name, s in signatures.items()}
    job = {
        "saved_model": (files["saved_model"], with_bytes(inputs)),
        "tflite": (files["tflite"], lite_inputs),
    }
    if files["onnx"]:
        job["onnx"] = (files["onnx"], plain)
    for name in variants:
        job[f"tflite.{name}"] = (files["tflite"].with_suffix(f".{name}.tflite"), lite_inputs)
    outputs, report = run_elsewhere(job)
    report["parity"] = {label: compare(label, *entry, outputs) for label, entry in job.items()}
    refuse(report["parity"], variants)
    return report


def cases_of(name, signature, examples):
    """The inputs of one signature among the examples."""
    found = [
        {key: np.asarray(e[key]) for key in signature.inputs}
        for e in examples
        if set(signature.inputs) <= set(e)
    ]
    if len(found) < ENOUGH:
        raise ValueError(
            f"Expected at least {ENOUGH} examples with {list(signature.inputs)} for the signature "
            f"{name}. Received: {len(found)}"
        )
    return found


def answers(signature, cases):
    """What the Keras model says to each case; texts as bytes."""
    return [
        {key: np.array(value.numpy(), "S" if value.dtype == tf.string else None)
         for key, value in signature.fn(**tensors(case)).items()}
        for case in cases
    ]


def numbers(truth):
    """Answers without texts, which TFLite and ONNX files leave out."""
    return [{key: value for key, value in case.items() if value.dtype.kind != "S"}
            for case in truth]


def tensors(case):
    return {name: tf.constant(value) for name, value in case.items()}


def with_bytes(inputs):
    """Adds the cases of serve_bytes: the pictures of serving_default as PNG files."""
    cases, truth = inputs["serving_default"]
    if set(cases[0]) != {"image"}:
        return inputs
    encoded = [{"image_bytes": np.array([png(one) for one in c["image"]])} for c in cases]
    return inputs | {"serve_bytes": (encoded, truth)}


def png(image):
    if image.shape[-1] == 3:
        image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".png", image)[1].tobytes()


def run_elsewhere(job):
    """Runs the models in a process of their own (loaders.py): outputs by key, and its report."""
    with tempfile.TemporaryDirectory() as folder:
        arrays, models = {}, {}
        for label, (path, signatures) in job.items():
            models[label] = describe(label, path, signatures, arrays)
        Path(folder, "job.json").write_text(json.dumps({"models": models}))
        np.savez(Path(folder, "inputs.npz"), **arrays)
        command = [sys.executable, "-I", loaders.__file__, folder]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"an exported model does not run:\n{done.stderr[-3000:]}")
        with np.load(Path(folder, "outputs.npz")) as outputs:
            return dict(outputs), json.loads(Path(folder, "report.json").read_text())


def describe(label, path, signatures, arrays):
    """One model's entry in the job; its inputs are added to `arrays`."""
    cases = {}
    for name, (inputs, _) in signatures.items():
        for i, case in enumerate(inputs):
            keys = {key: f"{label}|{name}|{i}|{key}" for key in case}
            arrays |= {keys[key]: value for key, value in case.items()}
            cases.setdefault(name, []).append({"case": i, "inputs": keys})
    entry = {"kind": label.partition(".")[0], "path": path, "cases": cases, "timed": True}
    if label == "saved_model":
        entry["signatures"] = tensor_names(path)
    return json.loads(json.dumps(entry, default=str))


def tensor_names(folder):
    """signature -> {"inputs": {name: tensor}, "outputs": ...}, as saved_model.pb has them."""
    from tensorflow.core.protobuf import saved_model_pb2

    content = Path(folder, "saved_model.pb").read_bytes()
    signatures = saved_model_pb2.SavedModel.FromString(content).meta_graphs[0].signature_def
    return {
        name: {
            "inputs": {key: tensor.name for key, tensor in signature.inputs.items()},
            "outputs": {key: tensor.name for key, tensor in signature.outputs.items()},
        }
        for name, signature in signatures.items()
        if not name.startswith("__")
    }


def compare(label, _, signatures, outputs):
    """signature -> output -> how far a format is from Keras over all cases."""
    found = {}
    for name, (_, truth) in signatures.items():
        answers = [
            {key: outputs[f"{label}|{name}|{i}|{key}"] for key in case}
            for i, case in enumerate(truth)
        ]
        pairs = [(case, reordered(case, forgiven(case, answer, FLOAT)))
                 for case, answer in zip(truth, answers, strict=True)]
        found[name] = {
            key: worst([(of_masks if key == "masks" else deviation)(case[key], answer[key])
                        for case, answer in pairs])
            for key in truth[0]
        }
    return found


def deviation(truth, answer):
    """How unlike two arrays are, as {"deviation" or "levels" or "unequal": number, "within": bool}.

    float: largest difference over the largest magnitude, at least 1; uint8: levels; int and
    text: share
    """
    texts = truth.dtype.kind == answer.dtype.kind == "S"
    if truth.shape != answer.shape or (truth.dtype != answer.dtype and not texts):
        return {"shape": f"{answer.dtype}{answer.shape} for {truth.dtype}{truth.shape}",
                "within": False}
    if truth.size == 0:
        return {"deviation": 0.0, "within": True}
    if truth.dtype.kind == "f":
        far = np.abs(truth - answer).max() / max(1.0, np.abs(truth).max())
        return {"deviation": float(far), "within": bool(far <= FLOAT)}
    if truth.dtype == np.uint8:
        levels = int(np.abs(truth.astype(int) - answer.astype(int)).max())
        return {"levels": levels, "within": levels <= LEVELS}
    unequal = float(np.mean(truth != answer))
    return {"unequal": unequal, "within": 1 - unequal >= EQUAL}


def of_masks(truth, answer):
    """As `deviation`, of masks uint8 [b, k, h, w], 0 or 1: the share of unequal pixels.

    Masks that are empty in both are not counted; a last bit may decide a pixel on the outline.
    """
    if truth.shape != answer.shape or truth.dtype != answer.dtype:
        return deviation(truth, answer)
    differs = (truth != answer)[np.any(truth | answer, (2, 3))]
    unequal = float(np.mean(differs)) if differs.size else 0.0
    return {"unequal": unequal, "within": 1 - unequal >= EQUAL}


def worst(deviations):
    """The largest deviation of many."""
    return max(deviations, key=lambda d: (not d["within"], *[v for v in d.values()
                                                             if isinstance(v, int | float)]))


def refuse(parity, variants):
    """Raises where a format that is no variant deviates too much."""
    for label, signatures in parity.items():
        for name, found in signatures.items():
            for key, how in found.items():
                if not how["within"] and label.partition(".")[2] not in variants:
                    raise ValueError(
                        f"the exported {label} is not the Keras model: {name} gives {key} with "
                        f"{how}. Nothing was written"
                    )
