"""Every operation runs eagerly, in a graph, under XLA and as TFLite built-ins, with one answer.

The list is in conformance/*.py: each has CASES, dicts of
    op        its name in tfvision.ops
    function  of the inputs, in the form that is exported
    inputs    arrays; their first axis is traced as unknown (see `dynamic`)
    dynamic   optional, axes of unknown size of every input; () for none
    atol      optional, how far the four may differ, default 1e-5; integers must be equal
    onnx      optional, True: ONNX Runtime must give the same, too
"""

import importlib.util
import tempfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from tfvision import ops

ELSEWHERE = {  # Not functions of tensors, or for training alone: they have tests of their own.
    "Attack", "compiled", "exporting", "portable", "is_diagonal", "linear_ramp", "example_normal",
    "example_uniform", "random_perturbation",
}


def load(file):
    spec = importlib.util.spec_from_file_location(f"conformance_{file.stem}", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.CASES


FILES = sorted(Path(__file__).with_name("conformance").glob("*.py"))
CASES = [case for file in FILES for case in load(file)]
NAMES = [case["op"] for case in CASES]


def test_every_operation_is_in_the_list():
    assert set(NAMES) == set(ops.__all__) - ELSEWHERE


def specs(case):
    return [
        tf.TensorSpec([None if axis in case.get("dynamic", (0,)) else n
                       for axis, n in enumerate(value.shape)], value.dtype, name=f"input_{i}")
        for i, value in enumerate(case["inputs"])
    ]


def named(outputs):
    """Any structure of tensors as a dict of numbered ones."""
    return {f"output_{i}": value for i, value in enumerate(tf.nest.flatten(outputs))}


def tflite(case):
    """The answers of the TFLite file made from the function; built-in operations only."""
    with ops.exporting():
        concrete = tf.function(
            lambda *inputs: named(case["function"](*inputs)), autograph=False
        ).get_concrete_function(*specs(case))
    module = tf.Module()
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures=concrete)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        model = converter.convert()
    runner = Interpreter(model_content=model).get_signature_runner("serving_default")
    inputs = {f"input_{i}": value for i, value in enumerate(case["inputs"])}
    return ordered(runner(**inputs))


def onnx(case):
    import onnxruntime
    import tf2onnx

    with ops.exporting():
        function = tf.function(
            lambda *inputs: named(case["function"](*inputs)), input_signature=specs(case),
            autograph=False,
        )
        model, _ = tf2onnx.convert.from_function(function, input_signature=specs(case), opset=17)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    names = [output.name for output in session.get_outputs()]
    inputs = {f"input_{i}": value for i, value in enumerate(case["inputs"])}
    return ordered(dict(zip(names, session.run(None, inputs), strict=True)))


def ordered(outputs):
    return [outputs[f"output_{i}"] for i in range(len(outputs))]


def assert_equal(truth, others, case):
    for a, b in zip(truth, others, strict=True):
        if np.issubdtype(a.dtype, np.floating):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=case.get("atol", 1e-5))
        else:
            np.testing.assert_array_equal(a, b)


def graph(case, jit_compile):
    function = tf.function(
        lambda *inputs: named(case["function"](*inputs)), input_signature=specs(case),
        jit_compile=jit_compile, autograph=False,
    )
    return [v.numpy() for v in ordered(function(*map(tf.constant, case["inputs"])))]


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_one_answer_everywhere(case):
    eager = case["function"](*map(tf.constant, case["inputs"]))
    truth = [value.numpy() for value in tf.nest.flatten(eager)]
    assert_equal(truth, graph(case, False), case)
    assert_equal(truth, graph(case, True), case)
    assert_equal(truth, tflite(case), case)
    if case.get("onnx"):
        assert_equal(truth, onnx(case), case)
