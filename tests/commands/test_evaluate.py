"""tfvision evaluate: what is recorded, and what is only said."""

import dataclasses
import json
import types
from pathlib import Path

import pytest

from tfvision import engine
from tfvision.commands import evaluate


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(engine.RunConfig):
    """An app for tests."""

    run: Path = Path("run")
    steps: int = 20


@pytest.fixture
def app(tmp_path, monkeypatch):
    """An app whose metric is a constant, and a run of it, in a folder that has results/."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text(json.dumps({
        "app": "tiny", "command": "tfvision train tiny --run run", "flags": ["--run", "run"],
    }))
    app = types.ModuleType("tfvision.apps.tiny", "Nothing at all (Nobody, 2020).")
    app.Config, app.build = Config, lambda config: None
    app.evaluate = lambda model, config: {"accuracy": 0.5}
    monkeypatch.setattr(evaluate, "restored", lambda app, config: None)
    return app


@pytest.mark.parametrize("step, recorded", [(10, False), (20, True)])
def test_only_a_run_that_is_trained_to_its_end_is_recorded(app, step, recorded, capsys):
    Path("run", "history.csv").write_text(f"step,seconds\n{step},60\n")
    evaluate.main(app, ["--run", "run"])
    assert Path("results", "tiny.json").exists() == recorded
    assert ("at step 10 of 20" in capsys.readouterr().out) == (not recorded)
    assert json.loads(Path("run", "metrics.json").read_text())["metrics"] == {"accuracy": 0.5}


def test_the_same_command_replaces_its_entry(app):
    for accuracy in (0.5, 0.75):
        app.evaluate = lambda model, config, found=accuracy: {"accuracy": found}
        evaluate.main(app, ["--run", "run"])
    evaluate.main(app, ["--run", "run", "--no-record"])
    runs = json.loads(Path("results", "tiny.json").read_text())["runs"]
    assert [run["metrics"]["accuracy"] for run in runs] == [0.75]
