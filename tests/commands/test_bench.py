"""tfvision bench: ratios of interleaved runs."""

import json
import time

import pytest

from tfvision.commands import bench
from tfvision.commands.errors import UsageError


def test_ratios_are_ours_over_theirs_and_blocks_take_turns():
    order = []

    def ours(i):
        order.append(("ours", i))
        time.sleep(0.001)

    def theirs(i):
        order.append(("theirs", i))
        time.sleep(0.004)

    row = bench.row(bench.Case("sleep", ours, {"theirs": theirs}, moved=1000), 0.05, bandwidth=1e6)
    assert 0.1 < row["ratio"]["theirs"] < 0.7 and row["floor_ms"] == 1.0
    assert row["ratio"]["tfvision"] == 1.0
    names = [name for name, _ in order]
    turns = sum(a != b for a, b in zip(names, names[1:], strict=False))
    assert turns >= 9  # Five blocks of each.
    assert {i for _, i in order} == set(range(bench.INPUTS))


def test_a_benchmark_is_run_from_its_file_and_its_results_are_kept(tmp_path, monkeypatch, capsys):
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "quick.py").write_text(
        "from tfvision.commands.bench import Case\n"
        "def cases():\n"
        "    yield Case('sum', lambda i: sum(range(i)), {'len': lambda i: len(range(i))})\n"
        "    yield Case('other', lambda i: i, {})\n"
    )
    monkeypatch.chdir(tmp_path)
    bench.main(["quick", "--seconds", "0.01", "--only", "su"])
    found = json.loads((tmp_path / "benchmarks" / "results" / "quick.json").read_text())
    assert [case["case"] for case in found["cases"]] == ["sum"]
    assert "sum" in capsys.readouterr().out


def test_an_unknown_benchmark_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="none.py"):
        bench.main(["none"])
