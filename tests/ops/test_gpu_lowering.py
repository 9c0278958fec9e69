"""Every operation of the conformance list compiles for a GPU as far as that needs none.

XLA lowers it to StableHLO for the platform GPU; an operation without a GPU kernel fails here.
"""

import importlib.util
import json
import runpy
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

BYTECODE = b"ML\xefR"  # How MLIR's serialized modules begin.


def load(file):
    spec = importlib.util.spec_from_file_location(f"lowering_{file.stem}", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.CASES


FILES = sorted(Path(__file__).with_name("conformance").glob("*.py"))
CASES = [case for file in FILES for case in load(file)]


def lowered(function, *inputs):
    """The serialized module of a function for a GPU; inputs are tensors or their static shapes."""
    compiled = tf.function(
        lambda *tensors: tf.nest.flatten(function(*tensors)), jit_compile=True, autograph=False
    )
    make = compiled.experimental_get_compiler_ir(*inputs)
    return make(stage="stablehlo_serialized", platform_name="GPU")


@pytest.mark.parametrize("case", CASES, ids=[case["op"] for case in CASES])
def test_it_lowers_to_a_module_for_a_gpu(case):
    inputs = map(tf.constant, case["inputs"])
    assert lowered(case["function"], *inputs).startswith(BYTECODE)


def test_the_check_sees_an_operation_that_xla_does_not_have():
    def crop(image):
        return tf.image.crop_and_resize(image, [[0.0, 0.0, 1.0, 1.0]], [0], [2, 2])

    with pytest.raises((tf.errors.InvalidArgumentError, tf.errors.UnimplementedError, ValueError)):
        lowered(crop, tf.zeros([1, 4, 4, 1]))


@pytest.fixture
def export_modules(monkeypatch):
    """The script that writes modules to be timed on a GPU."""
    folder = Path(__file__).parents[2] / "benchmarks" / "gpu"
    monkeypatch.syspath_prepend(folder)
    return runpy.run_path(folder / "export_modules.py")


@pytest.mark.slow
def test_every_module_of_the_benchmark_lowers(export_modules):
    for module in export_modules["modules"](small=True):
        shapes = [tf.TensorSpec(shape) for shape, _, _ in module.inputs]
        assert lowered(module.function, *shapes).startswith(BYTECODE), module.name


def test_a_written_module_has_its_inputs_and_outputs(export_modules, tmp_path):
    module = next(export_modules["modules"](small=True))
    entry = export_modules["write"](tmp_path, 3, module)
    inputs = export_modules["random_inputs"](json.loads(json.dumps(entry)))
    truth = module.function(*map(tf.constant, inputs)).numpy()
    with np.load(tmp_path / f"{module.name}.npz") as outputs:
        np.testing.assert_allclose(outputs["output_0"], truth.ravel(), atol=1e-6)
    assert (tmp_path / f"{module.name}.bin").read_bytes().startswith(BYTECODE)
    assert entry["moved"] == truth.nbytes + sum(array.nbytes for array in inputs)
