"""The public names, so that none is lost or added unnoticed. They stand in api_surface.json.

After a change that is meant: python tests/test_api_surface.py
"""

import ast
import json
from pathlib import Path

ROOT = Path(__file__).parents[1]
SURFACE = Path(__file__).with_name("api_surface.json")
PACKAGES = ("ops", "layers", "engine", "runtime")  # Their __init__.py lists what is public.
FOLDERS = ("losses", "metrics", "viz")  # Each module is public, but for _names.


def surface():
    """module -> its public names, read without importing."""
    found = {}
    for name in PACKAGES:
        found[f"tfvision.{name}"] = listed(ROOT / "tfvision" / name / "__init__.py")
    for folder in FOLDERS:
        for path in sorted((ROOT / "tfvision" / folder).glob("[!_]*.py")):
            found[f"tfvision.{folder}.{path.stem}"] = defined(path)
    return found


def listed(path):
    """What __all__ holds; nothing where there is none."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "__all__":
            return sorted(ast.literal_eval(node.value))
    return []


def defined(path):
    """The functions and classes of a module, but for those with an underscore."""
    body = ast.parse(path.read_text()).body
    kinds = (ast.FunctionDef, ast.ClassDef)
    names = [node.name for node in body if isinstance(node, kinds)]
    return sorted(name for name in names if not name.startswith("_"))


def test_the_public_names_are_those_that_were_agreed_on():
    agreed, now = json.loads(SURFACE.read_text()), surface()
    lost = {m: sorted(set(names) - set(now.get(m, []))) for m, names in agreed.items()}
    new = {m: sorted(set(names) - set(agreed.get(m, []))) for m, names in now.items()}
    lost, new = ({m: n for m, n in change.items() if n} for change in (lost, new))
    hint = "If this is meant, run: python tests/test_api_surface.py, and tell it in CHANGELOG.md"
    assert (lost, new) == ({}, {}), f"lost: {lost}; new: {new}. {hint}"


def test_a_package_lists_what_it_offers():
    for name in PACKAGES:
        assert listed(ROOT / "tfvision" / name / "__init__.py"), f"tfvision/{name}: no __all__"


if __name__ == "__main__":
    SURFACE.write_text(json.dumps(surface(), indent=2) + "\n")
    print(f"{SURFACE}: written")
