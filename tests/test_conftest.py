"""Tests that need the publishers' data: skipped on a desk, never in CI beside the data."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TEST = """
import pytest

@pytest.mark.data
def test_of_data(data_root):
    if not (data_root / "there").exists():
        pytest.skip("no folder there")
"""


@pytest.fixture
def outcome(tmp_path):
    """Runs one test marked `data` under our conftest.py: its last line of output."""
    folder = tmp_path / "repository" / "tests"
    folder.mkdir(parents=True)
    (folder / "conftest.py").write_text(Path(__file__).with_name("conftest.py").read_text())
    (folder / "test_it.py").write_text(TEST)
    (folder.parent / "pytest.ini").write_text("[pytest]\nmarkers = data: needs files\n")

    def run(**environment):
        kept = {k: v for k, v in os.environ.items() if k not in ("CI", "TFVISION_DATA")}
        command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", folder]
        return subprocess.run(
            command, env=kept | environment, cwd=folder.parent, capture_output=True, text=True
        ).stdout

    return run


def test_without_the_data_it_is_skipped_and_the_reason_is_told(outcome):
    told = outcome()
    assert "1 skipped" in told and "TFVISION_DATA" in told


def test_with_the_data_it_runs(outcome, tmp_path):
    (tmp_path / "there").mkdir()
    assert "1 passed" in outcome(TFVISION_DATA=str(tmp_path), CI="true")


def test_in_ci_a_skip_beside_the_data_is_a_failure(outcome, tmp_path):
    assert "1 failed" in outcome(TFVISION_DATA=str(tmp_path), CI="true")
    assert "1 skipped" in outcome(TFVISION_DATA=str(tmp_path), CI="false")


def test_in_ci_data_beside_the_repository_must_be_used(outcome, tmp_path):
    (tmp_path / "shared" / "data").mkdir(parents=True)
    assert "1 error" in outcome(CI="true")
    assert "1 skipped" in outcome()
