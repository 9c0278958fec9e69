"""docs/benchmarks.md says what benchmarks/results/ holds."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_page_is_made_from_the_recorded_runs():
    spec = importlib.util.spec_from_file_location("goals", ROOT / "benchmarks/_goals.py")
    goals = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(goals)
    assert (ROOT / "docs/benchmarks.md").read_text() == goals.page(), (
        "stale: run `python benchmarks/_goals.py`"
    )
