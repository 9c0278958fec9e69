"""docs/images/vae_estimators.py: the curves say what the page says of them."""

import runpy
from pathlib import Path

import cv2
import numpy as np
import pytest

FILE = Path(__file__).parents[2] / "docs" / "images" / "vae_estimators.py"


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(FILE))


@pytest.fixture(scope="module")
def study(script):
    return script["study"](steps=1500, codes=300, most=1000)


def test_weighted_codes_of_the_encoder_find_what_codes_of_the_prior_do_not(study):
    _, _, counts, error = study
    assert list(counts) == [1, 10, 100, 1000]
    assert np.all(error["posterior"] < 0.1 * error["prior"])
    assert np.all(np.diff(error["prior"]) < 0)


def test_the_gap_closes_while_the_model_learns(study):
    moments, curves, _, _ = study
    gap = curves["evidence"] - curves["bound"]
    assert moments[0] == 1 and moments[-1] == 1500 and np.all(gap > 0)
    assert gap[-1] < 0.6 < 100 < gap[0]
    late = slice(-6, None)  # There 300 codes are enough.
    np.testing.assert_allclose(curves["weighted"][late], curves["evidence"][late], atol=0.3)


def test_moving_the_code_is_the_estimator_of_least_variance(study):
    _, curves, _, _ = study
    assert np.all(curves["score"] > 10 * curves["path"])
    assert np.all(curves["baseline"] < curves["score"])
    assert curves["stl"][-1] < 0.25 * curves["path"][-1]


def test_the_picture_is_drawn(script, study, tmp_path):
    script["picture"](tmp_path / "drawn.png", *study)
    assert cv2.imread(str(tmp_path / "drawn.png")).shape[1] > 1000
