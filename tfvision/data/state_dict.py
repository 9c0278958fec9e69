"""A network's weights from a file that PyTorch's users share: .pth, .pt or .safetensors."""

import numpy as np

from tfvision.data import safetensors_file, torch_files
from tfvision.data.files import DataError, read_bytes

INSIDE = ("model", "state_dict", "model_state_dict")  # Where checkpoints of trainings keep them.


def load(file):
    """The weights: name -> array, read-only; integers and half precision as they are.

    A checkpoint of a training may hold them as "model" or "state_dict", and the names may begin
    with "module.", as those of several GPUs do.

    raises  DataError, naming the file, where it cannot be read, is damaged or holds no weights
    """
    data = read_bytes(file)
    if torch_files.is_one(data):
        content = torch_files.load(file, data)
    elif safetensors_file.is_one(data):
        content = safetensors_file.load(file, data)
    else:
        raise DataError(f"{file}: begins neither as a file of PyTorch nor as .safetensors")
    return _without_module(_weights(file, content))


def _weights(file, content):
    """The dictionary of arrays in what a file holds."""
    inside = content if isinstance(content, dict) else {}
    for name in INSIDE:
        if isinstance(inside.get(name), dict):
            inside = inside[name]
    others = [name for name, value in inside.items()
              if not isinstance(name, str) or not isinstance(value, np.ndarray)]
    if not inside or others:
        found = f"{others[0]!r}" if others else type(content).__name__
        raise DataError(f"{file}: holds no state_dict, names with tensors, but {found:.60}. Save "
                        "one: torch.save(model.state_dict(), FILE)")
    return inside


def _without_module(state):
    prefix = "module."
    if all(name.startswith(prefix) for name in state):
        return {name.removeprefix(prefix): value for name, value in state.items()}
    return state
