"""tfvision train and the flags of a run folder: what is resumed, refused, deleted."""

import dataclasses
import json
import types
from pathlib import Path

import pytest

from tfvision import engine
from tfvision.commands import flags, train
from tfvision.commands.errors import UsageError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(engine.RunConfig):
    """An app for tests."""

    run: Path = Path("runs/tiny")
    width: int = 3  # How wide.


@pytest.fixture
def app(monkeypatch):
    """An app whose training only notes its Config."""
    app = types.ModuleType("tfvision.apps.tiny", "Nothing at all (Nobody, 2020).")
    app.Config, app.seen = Config, []
    app.build = lambda config: None
    app.train = lambda model, config: app.seen.append(config)
    return app


def test_flags_are_kept_as_typed_and_read_back(app, tmp_path):
    run = ["--run", str(tmp_path / "run")]
    train.main(app, [*run, "--width", "5", "--fresh"])
    content = json.loads((tmp_path / "run" / "config.json").read_text())
    assert content["flags"] == [*run, "--width", "5"]
    assert content["command"] == f"tfvision train tiny --run {tmp_path / 'run'} --width 5"
    config, _ = flags.parse_again(app, "evaluate", [*run, "--split", "test"])
    assert config.width == 5 and config.split == "test"


def test_the_same_flags_resume_and_others_are_refused(app, tmp_path):
    run = ["--run", str(tmp_path / "run")]
    train.main(app, run)
    train.main(app, [*run, "--width", "3"])  # The default, typed out: the same training.
    with pytest.raises(UsageError, match="width was 3, now 4"):
        train.main(app, [*run, "--width", "4"])
    assert len(app.seen) == 2


def test_fresh_deletes_runs_and_nothing_else(app, tmp_path):
    run, other = tmp_path / "run", tmp_path / "photos"
    train.main(app, ["--run", str(run)])
    (run / "checkpoints").mkdir()
    train.main(app, ["--run", str(run), "--width", "4", "--fresh"])
    assert not (run / "checkpoints").exists()
    other.mkdir()
    (other / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(UsageError, match="no run"):
        train.main(app, ["--run", str(other), "--fresh"])
    assert (other / "holiday.jpg").exists()


def test_an_interrupted_training_says_how_to_go_on(app, tmp_path):
    def interrupted(model, config):
        raise KeyboardInterrupt

    app.train = interrupted
    with pytest.raises(UsageError, match="same command"):
        train.main(app, ["--run", str(tmp_path)])


def test_a_run_that_is_not_there_is_named_with_the_command_that_makes_it(app, tmp_path):
    with pytest.raises(UsageError, match="tfvision train tiny"):
        flags.parse_again(app, "evaluate", ["--run", str(tmp_path / "none")])


def test_a_wrong_flag_is_answered_by_the_nearest(app, capsys):
    with pytest.raises(SystemExit) as ended:
        train.main(app, ["--widht", "4"])
    assert ended.value.code == 2
    assert "--width" in capsys.readouterr().err


def test_only_the_first_of_several_workers_writes_the_folder(app, tmp_path, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", '{"task": {"type": "worker", "index": 1}}')
    train.main(app, ["--run", str(tmp_path / "run")])
    assert not (tmp_path / "run").exists()
