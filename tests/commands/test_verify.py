"""tfvision verify: what is recorded is trained again in folders of its own, and compared."""

import dataclasses
import importlib
import json
import types
from pathlib import Path

import pytest

from tfvision import engine
from tfvision.commands import evaluate, verify
from tfvision.commands.errors import UsageError

cli = importlib.import_module("tfvision.apps.__main__")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(engine.RunConfig):
    """An app for tests."""

    run: Path = Path("runs/tiny")
    level: float = 0.5  # What its accuracy will be.
    start: Path | None = None  # A run that adds its own level.


@pytest.fixture
def app(monkeypatch):
    """An app whose training is a number in a file."""
    app = types.ModuleType("tfvision.apps.tiny", "Nothing at all (Nobody, 2020).")
    app.Config, app.trained, app.drift, app.TOLERANCE = Config, [], 0.0, {"accuracy": 0.02}
    app.build = lambda config: None

    def train(model, config):
        app.trained.append(config.run)
        before = float((config.start / "level").read_text()) if config.start else 0.0
        (config.run / "level").write_text(str(before + config.level + app.drift))

    def measure(model, config):
        level = float((config.run / "level").read_text())
        return {"accuracy": level + (0.1 if config.split == "test" else 0), "other": 1.0}

    app.train, app.evaluate = train, measure
    monkeypatch.setattr(evaluate, "restored", lambda app, config: None)
    return app


def entry(accuracy, train="--run runs/a --level 0.6", measure="--run runs/a", **more):
    return {
        "data": "embedded", "split": "validation", "minutes": 2.5, "machine": "2 cores",
        "metrics": {"accuracy": accuracy, "other": 9.0},
        "train_command": f"tfvision train tiny {train}",
        "command": f"tfvision evaluate tiny {measure}", **more,
    }


@pytest.fixture
def records(tmp_path, monkeypatch):
    """Writes results/tiny.json in the folder where the test runs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()

    def write(*entries):
        content = json.dumps({"app": "tiny", "runs": entries})
        (tmp_path / "results" / "tiny.json").write_text(content)
        return content

    return write


def run(app, *args):
    return verify.main(["tiny", *args], lambda name: app)


def test_a_number_that_comes_again_agrees_and_one_that_does_not_is_status_1(app, records, capsys):
    records(entry(0.61))
    assert run(app) == 0
    assert "agrees" in capsys.readouterr().out
    for drift in (-0.05, 0.05):  # Worse, or better: either way something changed.
        app.drift = drift
        assert run(app) == 1
        assert "OFF" in capsys.readouterr().out


def test_the_recorded_runs_and_results_stay_as_they_are(app, records, tmp_path):
    before = records(entry(0.6))
    (tmp_path / "runs" / "a").mkdir(parents=True)
    (tmp_path / "runs" / "a" / "level").write_text("0.1")
    assert run(app) == 0
    assert (tmp_path / "results" / "tiny.json").read_text() == before
    assert (tmp_path / "runs" / "a" / "level").read_text() == "0.1"
    assert app.trained == [Path("runs/verify/a")]


def test_a_second_verification_trains_anew_and_a_broken_one_goes_on(app, records, monkeypatch):
    records(entry(0.6))
    run(app)
    Path("runs/verify/a/old").touch()
    run(app)
    assert not Path("runs/verify/a/old").exists()
    monkeypatch.setattr(app, "evaluate", lambda model, config: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(app)
    Path("runs/verify/a/old").touch()
    monkeypatch.setattr(app, "evaluate", lambda model, config: {"accuracy": 0.6})
    run(app)
    assert Path("runs/verify/a/old").exists()
    Path("runs/verify/a/verified.json").unlink()
    run(app, "--fresh")
    assert not Path("runs/verify/a/old").exists()


def test_what_a_run_starts_from_is_trained_first_and_once(app, records):
    records(
        entry(0.9, "--level 0.3 --start runs/a --run runs/b", "--run runs/b"),
        entry(0.6), entry(0.7, measure="--run runs/a --split test", split="test"),
    )
    assert run(app) == 0
    assert app.trained == [Path("runs/verify/a"), Path("runs/verify/b")]


def test_only_the_runs_with_a_text_in_their_commands(app, records):
    records(entry(0.6), entry(0.3, "--level 0.3 --run runs/b", "--run runs/b"))
    assert run(app, "--only", "runs/b") == 0
    assert app.trained == [Path("runs/verify/b")]
    with pytest.raises(UsageError, match="results/tiny.json: no run .* with 'runs/c'"):
        run(app, "--only", "runs/c")


def test_a_run_without_a_folder_has_the_apps_own(app, records):
    records(entry(0.5, "", ""))
    assert run(app) == 0
    assert app.trained == [Path("runs/verify/tiny")]


def test_of_a_folder_trained_twice_with_other_flags_only_the_newest_counts(app, records):
    records(entry(0.1, "--run runs/a --level 0.1"), entry(0.6))
    assert run(app) == 0 and len(app.trained) == 1


def test_the_list_says_what_would_run_and_how_long_it_took_and_does_nothing(app, records, capsys):
    records(entry(0.6), entry(0.3, "--level 0.3 --run runs/b", "--run runs/b"))
    assert verify.main(["--list"], lambda name: app) == 0
    text = capsys.readouterr().out
    assert text.count("2.5 minutes on 2 cores") == 2 and "accuracy 0.6 ± 0.02" in text
    assert "tfvision train tiny --level 0.3 --run runs/b" in text
    assert not app.trained


def test_without_a_tolerance_the_headline_counts_within_five_percent(app):
    del app.TOLERANCE
    metrics = {"other": 9.0, "accuracy": -0.6}
    assert verify.tolerances(app, metrics) == pytest.approx({"other": 0.45})
    app.HEADLINE = ("accuracy", "else")
    assert verify.tolerances(app, metrics) == pytest.approx({"accuracy": 0.03})


def test_a_metric_that_is_gone_or_no_number_is_off(app):
    for now in ({}, {"accuracy": float("nan")}):
        assert verify.comparison(app, {"accuracy": 0.6}, now)[0][-1] is False


@pytest.mark.parametrize("runs", [
    [], [entry(0.6, train_command=None)], [entry(0.6, train_command="tfvision convert x y")]])
def test_nothing_to_train_again_is_said(app, records, runs):
    records(*runs)
    with pytest.raises(UsageError, match="results/tiny.json: no run to train again"):
        run(app)


def test_an_app_must_be_named(capsys):
    assert cli.main(["verify"]) == 2
    assert "which app?" in capsys.readouterr().err


@pytest.mark.parametrize("name", cli.apps())
def test_tolerances_of_the_apps_are_of_recorded_metrics(name):
    app = cli.app_named(name)
    known = {metric for one in verify.recorded(name) for metric in one.entry["metrics"]}
    for metric, most in getattr(app, "TOLERANCE", {}).items():
        assert most > 0 and (metric in known or not known), metric
