"""The README and the pages in docs/ say what is so: links, commands, numbers and Python."""

import contextlib
import functools
import importlib
import io
import re
import runpy
import shlex
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest

from tfvision.commands import report

ROOT = Path(__file__).parents[1]
TEXTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
APPS = sorted(path.stem for path in (ROOT / "apps").glob("[!_]*.py"))
HEADINGS = [
    "The idea",
    "The picture",
    "The command and the number",
    "What differs from the paper",
    "References",
]
cli = importlib.import_module("tfvision.apps.__main__")
ids = {"ids": lambda path: str(path.relative_to(ROOT)) if isinstance(path, Path) else path}


def blocks(path):
    """(language, text) of each fenced block."""
    return re.findall(r"^```(\w*)\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)


def commands(path):
    """The shell commands in a text's blocks, as lists of words."""
    lines = [
        line
        for language, text in blocks(path)
        if language in ("", "bash", "sh")
        for line in text.replace("\\\n", " ").splitlines()
        if line.split()[:1] in (["make"], ["tfvision"])
    ]
    return [shlex.split(line, comments=True) for line in lines]


def headings(text):
    """The anchors of a Markdown text, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_table_of_apps_is_what_report_would_write():
    assert report.rendered(ROOT) == (ROOT / "README.md").read_text(), "run: tfvision report"


def test_every_reader_is_on_the_page_of_data():
    readers = {path.stem for path in (ROOT / "tfvision" / "data").glob("*.py")
               if re.search(r"^LAYOUT = ", path.read_text(), re.MULTILINE)}
    assert readers - set(re.findall(r"`(\w+)`", (ROOT / "docs" / "data.md").read_text())) == set()


@pytest.mark.parametrize("path", TEXTS, **ids)
def test_links_and_pictures_lead_somewhere(path):
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    local = [link for link in found if not re.match(r"[a-z]+:", link)]
    for link in local:
        file, _, anchor = link.partition("#")
        target = path.parent / file if file else path
        assert target.exists(), link
        assert not anchor or anchor in headings(target.read_text()), link


@pytest.mark.parametrize("path", TEXTS, **ids)
def test_every_command_names_a_verb_an_app_and_a_target_that_exist(path):
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for program, *words in commands(path):
        if program == "make":
            assert {word for word in words if "=" not in word} <= set(targets), words
        elif words:
            assert words[0] in cli.VERBS, words
            if words[0] in cli.OF_APPS and not words[1].isupper():
                assert words[1] in APPS, words


@pytest.fixture(scope="module")
def help_of():
    """(verb, app or None) -> what --help prints; each is asked once."""
    told = {}

    def ask(*words):
        if words not in told:
            printed = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
            with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
                cli.main([*words, "--help"])
            printed.seek(0)
            told[words] = printed.read()
        return told[words]

    return ask


@pytest.mark.parametrize("path", TEXTS, **ids)
def test_every_flag_in_a_command_is_one_that_help_knows(path, help_of, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    for program, *words in commands(path):
        flags = {word for word in words if word.startswith("--")} - {"--help", "--version"}
        if program == "tfvision" and flags and not words[1].isupper():
            told = help_of(*words[: 2 if words[0] in cli.OF_APPS else 1])
            known = set(re.findall(r"--[a-z][a-z0-9-]*", told))
            assert flags <= known, words


@pytest.mark.parametrize("app", APPS)
def test_every_app_has_a_page_with_the_five_headings(app):
    text = (ROOT / "docs" / "apps" / f"{app}.md").read_text()
    found = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert [title for title in found if title in HEADINGS] == HEADINGS


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder in which the README's Python runs: my_data, slice.png and the shipped models."""
    random = np.random.default_rng(0)
    for i in range(6):
        label = np.kron(random.integers(0, 2, [4, 5]), np.ones([16, 16])).astype(np.uint8)
        image = label[..., None] * 90 + random.integers(0, 60, [*label.shape, 3], np.uint8)
        for kind, pixels in (("image", image), ("label", label)):
            (tmp_path / "my_data" / kind).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(tmp_path / "my_data" / kind / f"{i}.png"), pixels)
    cv2.imwrite(str(tmp_path / "slice.png"), random.integers(0, 255, [90, 70], np.uint8))
    (tmp_path / "savedmodels").symlink_to(ROOT / "savedmodels")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def short_fit(model, fit, data, **options):
    """model.fit with two steps, whatever was asked for."""
    return fit(model, data, **options | {"epochs": 1, "steps_per_epoch": 2, "verbose": 0})


def run(path):
    """The names that a text's Python leaves behind; of ONNX files nothing comes with a clone."""
    parts = [text for language, text in blocks(path) if language == "python"]
    Path("page.py").write_text("\n".join(text for text in parts if "onnx" not in text))
    return runpy.run_path("page.py")


def test_the_python_of_the_device_page_runs(folder):
    results = run(ROOT / "docs" / "device.md")
    assert results["labels"].shape == (1, 90, 70)
    assert results["outputs"]["labels"].shape[-2:] == (90, 70)


def test_the_python_of_the_readme_runs(folder, monkeypatch):
    short = functools.partialmethod(short_fit, keras.Model.fit)
    monkeypatch.setattr(keras.Model, "fit", short)
    results = run(ROOT / "README.md")
    assert results["labels"].shape == results["images"].shape[:3] == (1, 64, 80)
    assert cv2.imread("labels.png", cv2.IMREAD_GRAYSCALE).shape == (90, 70)
    assert set(np.unique(cv2.imread("labels.png"))) <= {0, 255}


@pytest.mark.parametrize("path", TEXTS, **ids)
def test_the_python_of_every_page_compiles(path):
    for language, text in blocks(path):
        if language == "python":
            compile(text, str(path), "exec")
