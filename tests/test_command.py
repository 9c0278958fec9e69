"""The command `tfvision`: quick to answer, and plain about what was typed wrong."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import tfvision

ROOT = Path(__file__).parents[1]
APPS = sorted(path.stem for path in (ROOT / "apps").glob("[!_]*.py"))
cli = importlib.import_module("tfvision.apps.__main__")


def run(capsys, *args):
    """Exit status and output of `tfvision ARGS`, run in this process."""
    try:
        status = cli.main(list(args))
    except SystemExit as end:  # How tyro ends after --help or a wrong flag.
        status = end.code
    told = capsys.readouterr()
    return status, told.out + told.err


def test_bare_tfvision_lists_every_app_and_verb(capsys):
    status, text = run(capsys)
    assert status == 0
    rows = [line.split(maxsplit=1) for line in text.splitlines() if line.startswith("  ")]
    assert {row[0] for row in rows if len(row) == 2} == {*APPS, *cli.VERBS}


@pytest.mark.parametrize("args", [[], ["--version"], ["train", "--help"], ["train", "nonsense"]])
def test_what_needs_no_app_imports_neither_tensorflow_nor_numpy(args):
    code = (
        "import sys\nfrom tfvision.apps import __main__ as cli\n"
        f"cli.main({args!r})\n"
        "print([m for m in ('tensorflow', 'keras', 'numpy', 'cv2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_the_installed_command_is_this_one():
    name = Path(sys.executable).with_name("tfvision")
    done = subprocess.run([name, "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, tfvision.__version__)


def test_every_app_has_a_line_that_says_what_it_does():
    assert all(len(text) > 20 and text[0].isupper() for text in cli.apps().values())


def test_every_verb_has_its_module():
    modules = {path.stem for path in (ROOT / "tfvision" / "commands").glob("*.py")}
    assert set(cli.VERBS) <= modules


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_explains_itself(capsys, verb):
    status, text = run(capsys, verb, "--help")
    assert status == 0
    assert f"tfvision {verb}" in text and "Traceback" not in text


@pytest.mark.parametrize("verb", cli.OF_APPS)
def test_a_verb_of_apps_without_an_app_lists_them_and_fails(capsys, verb):
    status, text = run(capsys, verb)
    assert status == 2
    assert all(app in text for app in APPS)


@pytest.mark.parametrize(
    "args, hint",
    [
        (["trian", "unet"], "Did you mean train?"),
        (["train", "unett"], "Did you mean unet?"),
        (["frobnicate"], "There are: train"),
        (["report", "--chek"], "--check"),
        (["train", "unet", "--batch-sise", "3"], "--batch-size"),
    ],
)
def test_a_wrong_word_ends_with_status_2_and_names_the_nearest(capsys, args, hint):
    status, text = run(capsys, *args)
    assert status == 2
    assert hint in text and "Traceback" not in text


def test_a_run_that_is_not_there_is_told_in_one_line(capsys, tmp_path):
    status, text = run(capsys, "evaluate", "unet", "--run", str(tmp_path / "none"))
    assert status == 2
    assert len(text.splitlines()) == 1 and "none: no run is there" in text
