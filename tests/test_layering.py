"""Imports point down: which part of tfvision may import which, read from every file's ast."""

import ast
import configparser
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {
    "ops": set(),
    "layers": {"ops"},
    "losses": {"ops"},
    "metrics": {"ops"},
    "data": {"ops"},
    "models": {"layers", "losses", "ops"},
    "viz": set(),
    "runtime": {"viz"},
    "engine": {"metrics", "viz", "ops"},
}
MAY_IMPORT["commands"] = {*MAY_IMPORT, "commands"}
MAY_IMPORT["apps"] = {*MAY_IMPORT}
FILES = sorted(
    path for folder in ("tfvision", "apps") for path in (ROOT / folder).rglob("*.py")
)


def name_of(path):
    """The module's dotted name; apps/x.py is tfvision.apps.x."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = ("tfvision", *parts) if parts[0] == "apps" else parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(text, module, is_package=False):
    """Every module that the source text names in an import, wherever it stands, absolute."""
    package = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and node.args:
            yield from loaded_by_name(node)


def loaded_by_name(call):
    """The module that importlib.import_module("...") or __import__("...") names."""
    function = getattr(call.func, "attr", getattr(call.func, "id", ""))
    name = call.args[0]
    if function in ("import_module", "__import__") and isinstance(name, ast.Constant):
        yield str(name.value)


def part_of(module):
    """Which row of the table: ops for tfvision.ops.nms, apps for apps.unet, else None."""
    parts = module.split(".")
    if parts[0] == "apps":
        return "apps"
    is_ours = parts[0] == "tfvision" and len(parts) > 1 and parts[1] in MAY_IMPORT
    return parts[1] if is_ours else None


def faults(text, module, is_package=False):
    """Imports that the table forbids, as (from, to)."""
    own = part_of(module)
    for target in imports(text, module, is_package):
        part = part_of(target)
        if own == "apps" and part == "apps":
            yield module, target
        elif part not in (None, own) and part not in MAY_IMPORT.get(own, set()):
            yield module, target


def test_every_import_points_down():
    found = [
        fault
        for path in FILES
        for fault in faults(path.read_text(), name_of(path), path.name == "__init__.py")
    ]
    assert found == []


def test_every_folder_has_its_row_in_the_table():
    folders = {path.parent.name for path in (ROOT / "tfvision").glob("*/__init__.py")}
    assert folders | {"apps"} == set(MAY_IMPORT)


@pytest.mark.parametrize(
    "module, line",
    [
        ("tfvision.ops.a", "from tfvision import layers"),
        ("tfvision.ops.a", "from ..layers import norms"),
        ("tfvision.viz.a", "def f():\n    import tfvision.ops.tiles"),
        ("tfvision.engine.a", "import importlib\nimportlib.import_module('tfvision.apps.unet')"),
        ("tfvision.commands.a", "from tfvision.apps import unet"),
        ("tfvision.commands.a", "import apps.unet"),
        ("tfvision.apps.a", "from . import unet"),
        ("tfvision.apps.a", "from tfvision.apps.unet import build"),
    ],
)
def test_the_check_sees_a_forbidden_import(module, line):
    assert list(faults(line, module))


def test_the_check_lets_an_allowed_import_pass():
    line = "import numpy\nfrom tfvision import __version__, ops\nfrom tfvision.viz import grid"
    assert list(faults(line, "tfvision.engine.a")) == []


@pytest.mark.parametrize("part", ["runtime", "viz"])
def test_what_runs_without_tensorflow_never_names_it(part):
    for path in (ROOT / "tfvision" / part).rglob("*.py"):
        heads = {target.split(".")[0] for target in imports(path.read_text(), name_of(path))}
        assert not heads & {"tensorflow", "keras", "tf_keras", "tensorflow_probability"}, path


def test_importing_runtime_and_viz_leaves_tensorflow_alone():
    parts = [path for path in FILES if path.parts[len(ROOT.parts) + 1] in ("runtime", "viz")]
    code = "import sys\n" + "".join(f"import {name_of(path)}\n" for path in parts)
    code += "print([name for name in ('tensorflow', 'keras') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_the_packages_that_are_installed_are_those_of_the_tree():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    tree = {name_of(path) for path in FILES if path.name == "__init__.py"}
    assert set(setup["options"]["packages"].split()) == tree
