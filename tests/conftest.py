"""What all tests share: a quiet TensorFlow with one thread per worker, and the publishers' data."""

import os
import sys
from pathlib import Path

import pytest

QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "MPLBACKEND": "Agg", "TFVISION_OFFLINE": "1"}
ONE_THREAD = {
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENCV_FOR_THREADS_NUM": "1",
}
for name, value in (QUIET | ONE_THREAD | {"KERAS_BACKEND": "tensorflow"}).items():
    os.environ.setdefault(name, value)  # Before TensorFlow is imported, and for subprocesses.

BESIDE = Path(__file__).parents[2] / "shared" / "data"  # Where CI has the data sets.


def pytest_runtest_setup(item):
    """Skips a test marked `data` where no folder of data sets is named."""
    if item.get_closest_marker("data") and not os.environ.get("TFVISION_DATA"):
        pytest.skip("set TFVISION_DATA to the folder of the publishers' data sets")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """In CI, where the data is there, a test that needs it may not be skipped."""
    report = yield
    named = os.environ.get("TFVISION_DATA") or BESIDE.is_dir()
    marked = item.get_closest_marker("data")
    if marked and report.skipped and not hasattr(report, "wasxfail") and named and in_ci():
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped in CI, beside its data: {call.excinfo.value}"
    return report


def in_ci():
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


@pytest.fixture(scope="session")
def data_root():
    """The folder of the publishers' data sets; the test must be marked `data`."""
    return Path(os.environ["TFVISION_DATA"])


@pytest.fixture(autouse=True)
def float32_layers():
    """A test's precision is not the next one's."""
    yield
    if "keras" in sys.modules:
        sys.modules["keras"].config.set_dtype_policy("float32")


@pytest.fixture(autouse=True, scope="module")
def clean_session():
    """Names and graphs that a file's tests left in Keras are not the next file's."""
    yield
    if "keras" in sys.modules:
        sys.modules["keras"].utils.clear_session()
