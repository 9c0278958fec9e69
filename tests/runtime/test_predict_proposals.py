"""`tfvision predict` of models that take proposals."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from tfvision import runtime
from tfvision.commands import predict as command


@pytest.fixture(autouse=True)
def folder(models, monkeypatch, tmp_path):
    monkeypatch.setenv("TFVISION_MODELS", str(models))
    monkeypatch.chdir(tmp_path)
    image = np.random.default_rng(0).integers(90, 110, [60, 100, 3], np.uint8)
    image[20:50, 40:90] = [30, 30, 200]
    cv2.imwrite("a.png", image)
    return tmp_path


def boxes():
    return np.array([row["box"] for row in json.loads(Path("out/a.json").read_text())["objects"]])


def test_boxes_are_proposed_where_none_are_given(capsys):
    assert command.main(["regions", "a.png"]) == 0
    found = boxes()
    assert len(found) == 8 and (found >= 0).all() and (found <= [100, 60, 100, 60]).all()
    assert np.abs(found - [40, 20, 90, 50]).max(1).min() <= 3
    assert "a.png" in capsys.readouterr().out


def test_the_search_is_the_one_that_is_asked_for():
    assert command.main(["regions", "a.png"]) == 0
    fast = boxes()
    assert command.main(["regions", "a.png", "--search", "quality"]) == 0
    assert not np.array_equal(boxes(), fast)


@pytest.mark.parametrize("count", [3, 8, 11])
def test_given_ones_are_taken_in_the_pixels_of_the_picture(count):
    corner = np.random.default_rng(1).uniform(0, 30, [count, 2])
    given = np.concatenate([corner, corner + 20], 1).astype(np.float32)
    np.save("boxes.npy", given)
    assert command.main(["regions", "a.png", "--input", "proposals=boxes.npy"]) == 0
    np.testing.assert_allclose(boxes(), given[:8], atol=0.01)


def test_what_are_no_boxes_is_refused(models):
    model = runtime.load(runtime.find("regions"))
    image = np.zeros([64, 64, 3], np.uint8)
    with pytest.raises(ValueError, match=r"Expected proposals \[n, 4\]"):
        runtime.predict(model, {"image": image, "proposals": np.zeros([3, 5])})
