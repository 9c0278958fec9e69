"""Runs exported files as a stranger would: without tfvision and without TensorFlow's Python.

Executed as a script by engine.proof (`python -I loaders.py FOLDER`): SavedModels go through
TensorFlow's C API, the loader that TF Serving wraps; TFLite through LiteRT; ONNX through ONNX
Runtime. FOLDER holds job.json and inputs.npz; outputs.npz and report.json are written there.
"""

import ctypes
import importlib.util
import json
import statistics
import sys
import time
from pathlib import Path

import numpy as np

DTYPES = {1: np.float32, 2: np.float64, 3: np.int32, 4: np.uint8, 9: np.int64, 10: np.bool_}
STRING = 7
CODES = {np.dtype(kind): code for code, kind in DTYPES.items()}


class Output(ctypes.Structure):
    """TF_Output: one output of one operation."""

    _fields_ = [("operation", ctypes.c_void_p), ("index", ctypes.c_int)]


class SavedModel:
    """A SavedModel in a session of TensorFlow's C API."""

    def __init__(self, folder, signatures):
        self.c = c = load_library()
        self.signatures, self.status = signatures, c.TF_NewStatus()
        self.graph = c.TF_NewGraph()
        tags = (ctypes.c_char_p * 1)(b"serve")
        self.session = c.TF_LoadSessionFromSavedModel(
            c.TF_NewSessionOptions(), None, str(folder).encode(), tags, 1, self.graph, None,
            self.status,
        )
        self.check()

    def check(self):
        if self.c.TF_GetCode(self.status):
            raise RuntimeError(self.c.TF_Message(self.status).decode())

    def tensor(self, name):
        operation, _, index = name.rpartition(":")
        return Output(self.c.TF_GraphOperationByName(self.graph, operation.encode()), int(index))

    def run(self, signature, inputs):
        """Named numpy arrays in, named numpy arrays out."""
        names = self.signatures[signature]
        feeds = [self.tensor(names["inputs"][name]) for name in inputs]
        values = [to_tensor(self.c, value) for value in inputs.values()]
        fetches = [self.tensor(name) for name in names["outputs"].values()]
        results = (ctypes.c_void_p * len(fetches))()
        self.c.TF_SessionRun(
            self.session, None, (Output * len(feeds))(*feeds),
            (ctypes.c_void_p * len(values))(*values), len(feeds),
            (Output * len(fetches))(*fetches), results, len(fetches), None, 0, None, self.status,
        )
        for value in values:
            self.c.TF_DeleteTensor(value)
        self.check()
        return dict(zip(names["outputs"], [from_tensor(self.c, r) for r in results], strict=True))


def load_library():
    """TensorFlow's C library from the pip package, without importing the package."""
    root = Path(importlib.util.find_spec("tensorflow").submodule_search_locations[0])
    suffix = "dylib" if sys.platform == "darwin" else "so"
    framework = [*root.glob(f"libtensorflow_framework.{suffix}*"), *root.glob(
        f"libtensorflow_framework.*{suffix}")]
    ctypes.CDLL(str(framework[0]), ctypes.RTLD_GLOBAL)
    library = [*root.glob(f"libtensorflow_cc.{suffix}*"), *root.glob(f"libtensorflow_cc.*{suffix}")]
    c = ctypes.CDLL(str(library[0]), ctypes.RTLD_GLOBAL)
    pointers = (
        "TF_NewStatus", "TF_NewGraph", "TF_NewSessionOptions", "TF_LoadSessionFromSavedModel",
        "TF_GraphOperationByName", "TF_AllocateTensor", "TF_TensorData", "TF_StringGetDataPointer",
    )
    for name in pointers:
        getattr(c, name).restype = ctypes.c_void_p
    c.TF_Message.restype = ctypes.c_char_p
    c.TF_Dim.restype = ctypes.c_int64
    c.TF_TensorByteSize.restype = c.TF_StringGetSize.restype = ctypes.c_size_t
    for function in ("TF_GetCode", "TF_Message", "TF_TensorData", "TF_TensorType", "TF_NumDims",
                     "TF_TensorByteSize", "TF_DeleteTensor", "TF_StringGetDataPointer",
                     "TF_StringGetSize"):
        getattr(c, function).argtypes = [ctypes.c_void_p]
    c.TF_Dim.argtypes = [ctypes.c_void_p, ctypes.c_int]
    c.TF_GraphOperationByName.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    c.TF_LoadSessionFromSavedModel.argtypes = [
        ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int,
        ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p,
    ]
    c.TF_AllocateTensor.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
    c.TF_StringInit.argtypes = [ctypes.c_void_p]
    c.TF_StringCopy.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
    c.TF_SessionRun.argtypes = [
        ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int,
        ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_int,
        ctypes.c_void_p, ctypes.c_void_p,
    ]
    return c


def to_tensor(c, value):
    """A TF_Tensor with a copy of the array; bytes become strings of 24 bytes an element."""
    text = value.dtype.kind in "SO"
    size = 24 * value.size if text else value.nbytes
    dims = (ctypes.c_int64 * value.ndim)(*value.shape)
    code = STRING if text else CODES[value.dtype]
    tensor = c.TF_AllocateTensor(code, dims, value.ndim, size)
    place = c.TF_TensorData(tensor)
    if text:
        for i, item in enumerate(value.ravel()):
            c.TF_StringInit(place + 24 * i)
            c.TF_StringCopy(place + 24 * i, bytes(item), len(item))
    else:
        ctypes.memmove(place, np.ascontiguousarray(value).ctypes.data, size)
    return tensor


def from_tensor(c, tensor):
    """The array of a TF_Tensor, which is deleted; of bytes where it holds texts."""
    shape = [c.TF_Dim(tensor, i) for i in range(c.TF_NumDims(tensor))]
    if c.TF_TensorType(tensor) == STRING:
        array = np.array(texts(c, tensor, int(np.prod(shape))), "S").reshape(shape)
        c.TF_DeleteTensor(tensor)
        return array
    data = ctypes.string_at(c.TF_TensorData(tensor), c.TF_TensorByteSize(tensor))
    array = np.frombuffer(data, DTYPES[c.TF_TensorType(tensor)]).reshape(shape)
    c.TF_DeleteTensor(tensor)
    return array


def texts(c, tensor, count):
    """The strings of a TF_Tensor, as bytes."""
    first = c.TF_TensorData(tensor)
    places = range(first, first + 24 * count, 24)
    return [ctypes.string_at(c.TF_StringGetDataPointer(at), c.TF_StringGetSize(at))
            for at in places]


class TFLite:
    """A TFLite file in LiteRT."""

    def __init__(self, file, _):
        from ai_edge_litert.interpreter import Interpreter

        self.interpreter = Interpreter(str(file), num_threads=1)
        self.operations = sorted({op["op_name"] for op in self.interpreter._get_ops_details()})

    def run(self, signature, inputs):
        return self.interpreter.get_signature_runner(signature)(**inputs)


class ONNX:
    """ONNX files, one per signature, in ONNX Runtime."""

    def __init__(self, files, _):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.sessions = {
            name: onnxruntime.InferenceSession(file, options, ["CPUExecutionProvider"])
            for name, file in files.items()
        }

    def run(self, signature, inputs):
        session = self.sessions[signature]
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(names, inputs), strict=True))


KINDS = {"saved_model": SavedModel, "tflite": TFLite, "onnx": ONNX}


def latency(model, signature, inputs, repeats=5):
    """Median milliseconds of a call, after one that warms up."""
    times = []
    for _ in range(repeats + 1):
        begin = time.perf_counter()
        model.run(signature, inputs)
        times.append(time.perf_counter() - begin)
    return round(1000 * statistics.median(times[1:]), 2)


def main(folder):
    """Runs every model of the job on its inputs, where `import tfvision` fails."""
    sys.modules["tfvision"] = None
    job = json.loads((folder / "job.json").read_text())
    arrays = np.load(folder / "inputs.npz", allow_pickle=False)
    outputs, report = {}, {"latency_ms": {}, "operations": {}}
    for label, entry in job["models"].items():
        model = KINDS[entry["kind"]](entry["path"], entry.get("signatures"))
        report["operations"][label] = getattr(model, "operations", [])
        for signature, cases in entry["cases"].items():
            for case in cases:
                inputs = {name: arrays[key] for name, key in case["inputs"].items()}
                for name, value in model.run(signature, inputs).items():
                    outputs[f"{label}|{signature}|{case['case']}|{name}"] = value
            if entry.get("timed"):
                first = {name: arrays[key] for name, key in cases[0]["inputs"].items()}
                report["latency_ms"].setdefault(signature, {})[label] = latency(
                    model, signature, first)
    with open(folder / "outputs.npz", "wb") as file:
        np.savez(file, **outputs)
    report["python_tensorflow"] = "tensorflow" in sys.modules
    (folder / "report.json").write_text(json.dumps(report))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
