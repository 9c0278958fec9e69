"""An exported model: its card and LiteRT's interpreter of its file."""

import dataclasses
import json
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

KINDS = ("inputs", "outputs")


@dataclasses.dataclass(frozen=True)
class Model:
    """A loaded model; made by `load`.

    file     the .tflite file
    card     card.json beside it, a dict
    runners  signature -> LiteRT's runner
    inputs   signature -> name -> (dtype, shape as the file has it; -1 where any size is fine)
    """

    file: Path
    card: dict
    runners: dict
    inputs: dict

    def run(self, signature="serving_default", **inputs):
        """The outputs of a signature, as they come: name -> array.

        inputs   name -> array of the signature's dtype and shape
        raises   ValueError where a signature, input, dtype or size is not what the file takes
        """
        choose(signature, self.runners, "signature", self.file)
        wanted = self.inputs[signature]
        if set(inputs) != set(wanted):
            raise ValueError(
                f"Expected inputs {sorted(wanted)} for {signature!r}. Received: {sorted(inputs)}"
            )
        inputs = {name: np.ascontiguousarray(value) for name, value in inputs.items()}
        for name, value in inputs.items():
            check(name, value, *wanted[name])
        try:
            return self.runners[signature](**inputs)
        except (RuntimeError, ValueError, MemoryError) as error:
            shapes = ", ".join(f"{name} {list(value.shape)}" for name, value in inputs.items())
            raise ValueError(f"{self.file}: cannot run on {shapes}: {line(error)}") from error


def load(path, *, threads=None):
    """The model in a .tflite file or in a folder, with its card.

    threads  that one run uses; None leaves the choice to LiteRT
    raises   FileNotFoundError, or ValueError that names the damaged file
    """
    path = Path(path)
    file = path if path.suffix == ".tflite" else path / "model.tflite"
    card = with_items(read_card(file.parent / "card.json"), file.parent)
    size = file.stat().st_size if file.is_file() else None
    if size is None:
        raise FileNotFoundError(f"{file}: no such file, though card.json is beside it")
    if size != card.get("files", {}).get(file.name, size):
        raise ValueError(
            f"{file}: is damaged or of another export: it has {size} bytes, "
            f"card.json says {card['files'][file.name]}. Export it again"
        )
    runners = interpret(file, threads)
    choose(next(iter(card["signatures"])), runners, "signature", file)
    inputs = {
        name: {key: describe(detail) for key, detail in runner.get_input_details().items()}
        for name, runner in runners.items()
    }
    return Model(file, card, runners, inputs)


def read_card(file):
    """card.json as a dict, its needed entries checked."""
    try:
        card = json.loads(file.read_text())
    except FileNotFoundError:
        raise FileNotFoundError(f"{file}: no such file. It is written by tfvision export") from None
    except ValueError as error:
        raise ValueError(f"{file}: is damaged: {line(error)}. Export the model again") from error
    signatures = card.get("signatures") if isinstance(card, dict) else None
    if not isinstance(signatures, dict) or not signatures or not isinstance(card.get("app"), str):
        raise ValueError(f"{file}: is damaged: app or signatures are missing. Export it again")
    for name, one in signatures.items():
        if not isinstance(one, dict) or any(not isinstance(one.get(k), dict) for k in KINDS):
            raise ValueError(f"{file}: is damaged: {name!r} is not whole. Export it again")
    return card


def with_items(card, folder):
    """The card, with the names of a gallery's files where the model has one."""
    about = card.get("gallery")
    if about is None:
        return card
    file = folder / about["names"]
    try:
        files = json.loads(file.read_text())["files"]
    except FileNotFoundError:
        raise FileNotFoundError(f"{file}: no such file, though card.json names it") from None
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{file}: is damaged: {line(error)}. Export the model again") from error
    return card | {"gallery": about | {"files": files}}


def interpret(file, threads):
    """LiteRT's runners of all signatures in a file."""
    try:
        interpreter = Interpreter(model_path=str(file), num_threads=threads)
        names = interpreter.get_signature_list()
        return {name: interpreter.get_signature_runner(name) for name in names}
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"{file}: is no TFLite model that can be read: {line(error)}") from error


def describe(detail):
    """(dtype, shape) of an input, -1 where any size is fine."""
    known = detail["shape_signature"]
    shape = known if len(known) else detail["shape"]
    return np.dtype(detail["dtype"]), tuple(int(size) for size in shape)


def check(name, value, dtype, shape):
    """Refuses what LiteRT would take silently: it resizes even models of fixed size."""
    sizes_fit = len(value.shape) == len(shape) and all(
        want in (-1, size) for size, want in zip(value.shape, shape, strict=True)
    )
    if value.dtype != dtype or not sizes_fit:
        wanted = ", ".join("any" if size == -1 else str(size) for size in shape)
        raise ValueError(
            f"Expected {name} as {dtype} [{wanted}]. "
            f"Received: {value.dtype} {list(value.shape)}"
        )
    if not all(value.shape):
        raise ValueError(f"Expected {name} with at least one value. Received: {list(value.shape)}")


def choose(name, known, kind, file):
    """Refuses a name that is none of the known ones."""
    if name not in known:
        raise ValueError(f"{file}: has no {kind} {name!r}. There are: {', '.join(sorted(known))}")


def line(error):
    """The first line of an error's text."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
