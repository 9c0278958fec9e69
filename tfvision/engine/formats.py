"""One set of functions written as SavedModel, TFLite and ONNX."""

import contextlib
import os
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfvision import ops
from tfvision.engine import int8

ONNX_OPSET = 17
QUANTIZED = ("float16", "dynamic", "int8")


def write_saved_model(signatures, folder):
    """A SavedModel that needs no Python code of ours: the functions and the variables they use.

    Where serving_default takes images alone, "serve_bytes" takes them as encoded files (PNG, JPEG,
    GIF, BMP), all those of one batch of one size.
    """
    functions = {name: trace(s.fn, s.inputs) for name, s in signatures.items()}
    default = signatures["serving_default"]
    if set(default.inputs) == {"image"}:
        specs = {"image_bytes": tf.TensorSpec([None], tf.string, name="image_bytes")}
        functions["serve_bytes"] = trace(decoding(default), specs)
    save(functions, folder)


def trace(function, specs, *, nested=True):
    """The concrete function of these named inputs; its outputs must have other names.

    nested  as in ops.exporting
    """
    with ops.exporting(nested=nested), inlined(not nested):
        concrete = tf.function(function, autograph=False).get_concrete_function(**specs)
    refuse_compiled(concrete)
    both = set(specs) & set(concrete.structured_outputs)
    if both:
        raise ValueError(f"Expected outputs named unlike inputs. Received: {sorted(both)} twice")
    return concrete


@contextlib.contextmanager
def inlined(inline):
    """Inside, functions that were traced before are traced anew, where `inline` is true."""
    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(inline)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(before)


def refuse_compiled(concrete):
    """XLA inside an exported function makes every new shape slow in a server, and breaks ONNX."""
    library = concrete.graph.as_graph_def().library.function
    for function in library:
        if function.attr["_XlaMustCompile"].b:
            raise ValueError(
                "Expected no jit_compile in an exported function (ops.compiled leaves it out). "
                f"Received: {function.signature.name}"
            )


def save(functions, folder):
    """tf.saved_model.save of a plain module: Keras's own export writes every variable twice."""
    module = tf.Module()
    used = {id(v): v for function in functions.values() for v in function.variables}
    module.used = list(used.values())
    tf.saved_model.save(module, str(folder), signatures=functions)


def decoding(signature):
    """The function of `signature` behind a decoder of image files."""
    channels = signature.inputs["image"].shape[-1]

    def decode(encoded):
        return tf.io.decode_image(encoded, channels=channels, expand_animations=False)

    def serve_bytes(image_bytes):
        kind = tf.TensorSpec([None, None, channels], tf.uint8)
        return signature.fn(image=tf.map_fn(decode, image_bytes, fn_output_signature=kind))

    return serve_bytes


def with_names(function, classes):
    """The function, which gives with class_ids [b, k] and count [b] also class_names [b, k], texts.

    classes  names by class number; without any, the function is given back as it is
    """
    def named(**inputs):
        found = function(**inputs)
        if not {"class_ids", "count"} <= set(found):
            return found
        here = tf.sequence_mask(found["count"], tf.shape(found["class_ids"])[1])
        names = tf.gather(tf.constant(list(classes)), tf.where(here, found["class_ids"], 0))
        return found | {"class_names": tf.where(here, names, "")}

    return named if classes else function


def without_text(function):
    """The function without its outputs of text, which TFLite and ONNX files leave out."""
    def numbers(**inputs):
        found = function(**inputs)
        return {name: value for name, value in found.items() if value.dtype != tf.string}

    return numbers


def write_tflite(signatures, file, *, quantize=None, calibration=()):
    """A TFLite file of built-in operations only, one signature per function.

    quantize     None, "float16", "dynamic" (8-bit weights) or "int8" (8-bit arithmetic in the
                 layers, see int8.py; what is made of their results stays float)
    calibration  (signature, inputs) pairs whose ranges "int8" is made for
    """
    functions = {name: trace(without_text(s.fn), lite_specs(s), nested=quantize != "int8")
                 for name, s in signatures.items()}
    with tempfile.TemporaryDirectory() as folder:
        save(functions, folder)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=list(functions))
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        if quantize:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if quantize == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if quantize == "int8":
            converter.representative_dataset = lambda: iter(calibration)
            Path(file).write_bytes(int8.convert(converter))
        else:
            Path(file).write_bytes(converter.convert())


def lite_specs(signature):
    """The inputs of the TFLite file: of fixed shape where the signature has one."""
    if signature.fixed is None:
        return signature.inputs
    return {
        name: tf.TensorSpec(signature.fixed[name], spec.dtype, name=name)
        for name, spec in signature.inputs.items()
    }


def write_onnx(signature, file):
    """An ONNX file of one signature, with its names and unknown sizes kept."""
    import tf2onnx

    os.environ.setdefault("TF2ONNX_CATCH_ERRORS", "no")  # Else its optimiser copies everything.
    specs = [tf.TensorSpec(s.shape, s.dtype, name=name) for name, s in signature.inputs.items()]
    names = list(signature.inputs)

    def positional(*tensors):
        return without_text(signature.fn)(**dict(zip(names, tensors, strict=True)))

    function = tf.function(positional, input_signature=specs, autograph=False)
    with ops.exporting():
        tf2onnx.convert.from_function(
            function, input_signature=specs, opset=ONNX_OPSET, output_path=str(file)
        )


def fitted(example, signature):
    """The example's part for `signature`, cut or resized to the TFLite file's fixed shapes."""
    inputs = {name: example[name] for name in signature.inputs}
    if signature.fixed is None:
        return inputs
    return {name: _to_shape(value, signature.fixed[name]) for name, value in inputs.items()}


def _to_shape(value, shape):
    value = value[: shape[0]]
    if list(value.shape) != list(shape) and value.ndim == 4:
        resized = tf.image.resize(value, shape[1:3], method="nearest").numpy()
        value = resized.astype(value.dtype)
    if value.ndim == 3 and value.shape[1] != shape[1]:  # Points: as many as there is room for.
        value = value[:, np.arange(shape[1]) % value.shape[1]]
    return np.ascontiguousarray(value)
