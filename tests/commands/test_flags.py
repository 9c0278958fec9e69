"""tfvision.commands.flags: what --help tells of every flag."""

import dataclasses
import importlib
import pkgutil

import pytest
import tfvision.apps

from tfvision import engine
from tfvision.commands import flags

APPS = [m.name for m in pkgutil.iter_modules(tfvision.apps.__path__) if not m.name.startswith("_")]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(engine.RunConfig):
    """An app for tests."""

    run: str = "runs/tiny"
    kind: str = "a"  # What it is:
    # a or b.
    parts: tuple[int, ...] = (
        1, 2,
    )  # How many.
    bare: int = 0

    @property
    def own(self):
        return 3  # Of no flag.


def test_comments_are_those_in_a_flags_lines_or_the_bases():
    found = flags.comments(Config)
    assert found["kind"] == "What it is: a or b." and found["parts"] == "How many."
    assert found["run"].startswith("Folder of the run") and found["bare"] == ""


def test_help_tells_what_a_flag_is_for(capsys):
    app = importlib.import_module("tfvision.apps.unet")
    with pytest.raises(SystemExit) as ended:
        flags.parse(app, "train", ["--help"], fresh=flags.flag(bool, False, "Start anew."))
    assert ended.value.code == 0
    told = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "Start anew." in told and "Examples per step" in told and "Folder of the run" in told


@pytest.mark.parametrize("name", APPS)
def test_every_flag_of_an_app_is_explained(name):
    app = importlib.import_module(f"tfvision.apps.{name}")
    found = flags.comments(app.Config)
    assert [f.name for f in dataclasses.fields(app.Config) if not found[f.name]] == []
