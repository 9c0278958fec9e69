"""tfvision report: a table that says what the files say, and nothing else."""

import json

import pytest

from tfvision.commands import report
from tfvision.commands.errors import UsageError

README = "# Title\n\n<!-- apps:begin -->\nold\n<!-- apps:end -->\n\nThe end.\n"
RUN = {
    "data": "cells",
    "split": "validation",
    "metrics": {"accuracy": 0.93211},
    "command": "tfvision evaluate first",
}


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A folder with a README and two apps, and nothing measured."""
    (tmp_path / "apps").mkdir()
    (tmp_path / "apps" / "__init__.py").write_text('"""Apps."""\n')
    (tmp_path / "apps" / "first.py").write_text('"""First: finds a|b (Doe et al., 1999)."""\n')
    (tmp_path / "apps" / "second.py").write_text('"""Second, without a paper."""\nbroken = 1 / 0\n')
    (tmp_path / "README.md").write_text(README)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows(folder):
    lines = (folder / "README.md").read_text().splitlines()
    return [line for line in lines if line.startswith("| **[")]


def record(folder, *runs):
    (folder / "results").mkdir(exist_ok=True)
    (folder / "results" / "first.json").write_text(json.dumps({"app": "first", "runs": runs}))


def test_it_works_before_anything_is_measured(checkout):
    assert report.main([]) == 0
    first, second = rows(checkout)
    assert first.startswith(r"| **[first](docs/apps/first.md)**<br>First: finds a\|b<br>*Doe et al")
    assert "not measured yet" in first and "`tfvision train first`" in first
    assert "<img" not in first and "Second, without a paper." in second


def test_the_text_around_the_markers_stays(checkout):
    report.main([])
    text = (checkout / "README.md").read_text()
    assert text.startswith("# Title\n\n<!-- apps:begin -->\n| App |")
    assert text.endswith("|\n<!-- apps:end -->\n\nThe end.\n") and "old" not in text


def test_writing_twice_changes_nothing_and_leaves_no_other_file(checkout):
    report.main([])
    before = (checkout / "README.md").read_text()
    report.main([])
    assert (checkout / "README.md").read_text() == before
    assert sorted(path.name for path in checkout.iterdir()) == ["README.md", "apps"]


def test_numbers_peers_and_commands_come_from_results(checkout):
    trained = RUN | {"train_command": "tfvision train first", "peers": {"rival": {"accuracy": 0.9}}}
    record(checkout, trained)
    report.main([])
    row = rows(checkout)[0]
    assert "cells, validation:<br>accuracy **0.9321** (rival 0.9)" in row
    assert "</summary>`tfvision train first`<br>`tfvision evaluate first`</details>" in row


def test_the_newest_run_of_a_data_set_and_split_counts(checkout):
    test = RUN | {"split": "test", "metrics": {"accuracy": 0.25}}
    record(checkout, RUN, test, RUN | {"metrics": {"accuracy": 0.5}})
    report.main([])
    row = rows(checkout)[0]
    assert "**0.25**" in row and "**0.5**" in row and "0.9321" not in row


def test_embedded_data_stand_in_only_where_no_other_were_measured(checkout):
    embedded = RUN | {"data": "embedded"}
    record(checkout, embedded)
    report.main([])
    assert "embedded, validation:" in rows(checkout)[0]
    record(checkout, embedded, RUN)
    report.main([])
    assert "cells," in rows(checkout)[0] and "embedded" not in rows(checkout)[0]


def test_an_app_chooses_what_the_table_shows(checkout):
    (checkout / "apps" / "first.py").write_text('"""First."""\nHEADLINE = ("recall", "other")\n')
    early = RUN | {"metrics": {"recall": 0.1, "other": 0.2}, "command": "tfvision evaluate early"}
    late = RUN | {"metrics": {"recall": 0.3, "accuracy": 0.4}}
    record(checkout, early, late, RUN | {"metrics": {"accuracy": 0.5}, "command": "unused"})
    report.main([])
    row = rows(checkout)[0]
    assert "other **0.2**" in row and "recall **0.3**" in row and "early" in row
    assert "0.1" not in row and "accuracy" not in row and "unused" not in row


def test_picture_and_model_are_shown_where_they_exist(checkout):
    (checkout / "docs" / "images").mkdir(parents=True)
    (checkout / "docs" / "images" / "first.png").write_bytes(b"")
    (checkout / "savedmodels" / "first").mkdir(parents=True)
    card = {"app": "first", "files": {"model.tflite": 1_234_567}}
    (checkout / "savedmodels" / "first" / "card.json").write_text(json.dumps(card))
    row = report.table(checkout)
    assert '<img src="docs/images/first.png" width="220" alt="first">' in row
    assert "[model, 1.2 MB](savedmodels/first/card.json)" in row


def test_check_tells_a_stale_table_and_writes_nothing(checkout, capsys):
    assert report.main(["--check"]) == 1
    assert "tfvision report" in capsys.readouterr().out
    assert (checkout / "README.md").read_text() == README
    report.main([])
    assert report.main(["--check"]) == 0


@pytest.mark.parametrize("text", ["no markers", "<!-- apps:begin -->\nno end"])
def test_a_readme_without_markers_is_left_alone(checkout, text):
    (checkout / "README.md").write_text(text)
    with pytest.raises(UsageError, match="apps:end"):
        report.main([])
    assert (checkout / "README.md").read_text() == text


def test_a_folder_without_readme_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="README.md: no such file"):
        report.main([])


@pytest.mark.parametrize("text, told", [("{", "no JSON"), ('{"runs": [{}]}', "lacks command")])
def test_a_damaged_result_is_named(checkout, text, told):
    (checkout / "results").mkdir()
    (checkout / "results" / "first.json").write_text(text)
    with pytest.raises(UsageError, match=f"first.json: .*{told}"):
        report.main([])
    assert (checkout / "README.md").read_text() == README


def test_models_config_lists_the_models(checkout):
    (checkout / "savedmodels" / "first").mkdir(parents=True)
    (checkout / "savedmodels" / "first" / "card.json").write_text('{"files": {}}')
    report.main([])
    assert 'name: "first"' in (checkout / "savedmodels" / "models.config").read_text()
