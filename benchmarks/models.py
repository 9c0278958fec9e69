"""Exported models in the runtimes that load them: LiteRT, ONNX Runtime, TensorFlow."""

import json
from pathlib import Path

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from tfvision.commands.bench import INPUTS, Case


def cases():
    """Yields one case per model of ./savedmodels whose input is an image."""
    for file in sorted(Path("savedmodels").glob("*/card.json")):
        card = json.loads(file.read_text())
        serving = card["signatures"]["serving_default"]
        if set(serving["inputs"]) == {"image"}:
            yield model(file.parent, card, serving)


def model(folder, card, serving):
    """One picture through each runtime, two threads each."""
    shape = (serving["fixed"] or {}).get("image") or [
        n or m for n, m in zip(serving["inputs"]["image"]["shape"], (1, 256, 256, 1), strict=True)
    ]
    random = np.random.default_rng(0)
    images = [random.integers(0, 256, shape, np.uint8) for _ in range(INPUTS)]
    lite = Interpreter(str(folder / "model.tflite"), num_threads=2)
    runner = lite.get_signature_runner("serving_default")
    loaded = tf.saved_model.load(str(folder / str(card["version"])))
    function = loaded.signatures["serving_default"]
    peers = {"SavedModel": lambda k: function(image=tf.constant(images[k]))}
    if (folder / "model.onnx").exists():
        peers["ONNX Runtime"] = onnx(folder / "model.onnx", images)
    size = "x".join(map(str, shape[1:]))
    return Case(f"{card['app']} {size}, LiteRT", lambda k: runner(image=images[k]), peers)


def onnx(file, images):
    """The ONNX file in ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(str(file), options, ["CPUExecutionProvider"])
    return lambda k: session.run(None, {"image": images[k]})
