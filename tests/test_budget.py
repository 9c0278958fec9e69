"""Short functions in middling files, read aloud without scrolling."""

import ast
import re
import statistics
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("tfvision", "apps", "benchmarks", "tests")
FILES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
UNSPOKEN = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X"]) + r")\b")


def functions(path):
    """(place, lines) of each function, decorators and docstring included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            yield f"{path.relative_to(ROOT)}:{first} {node.name}", node.end_lineno - first + 1


def test_no_function_is_longer_than_60_lines():
    lengths = dict(pair for path in FILES for pair in functions(path))
    ours = [n for place, n in lengths.items() if not place.startswith("tests")]
    print(f"{len(ours)} functions; median length {statistics.median(ours)} lines")
    assert {place: n for place, n in lengths.items() if n > 60} == {}


def test_no_file_is_longer_than_400_lines():
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in FILES}
    assert {path: n for path, n in lengths.items() if n > 400} == {}


def test_no_line_is_longer_than_100_columns():
    long = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in FILES
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if len(line) > 100
    ]
    assert not long, "\n".join(long)


@pytest.mark.parametrize("name", ["utils", "util", "helpers", "misc", "common"])
def test_every_file_is_named_after_what_it_holds(name):
    assert [str(path) for path in FILES if path.stem == name or path.parent.name == name] == []


def test_nothing_is_left_to_do_in_a_comment():
    found = [str(path) for path in FILES if UNSPOKEN.search(path.read_text())]
    assert found == []
