"""apps.wgan_gp on a user's own folder of pictures, in colour and of another size."""

import dataclasses
import importlib

import cv2
import numpy as np
import pytest

from tfvision import engine

app = importlib.import_module("tfvision.apps.wgan_gp")


@pytest.fixture
def config(tmp_path):
    random = np.random.default_rng(0)
    for i in range(20):
        cv2.imwrite(str(tmp_path / f"{i}.png"), random.integers(0, 256, [9 + i, 12, 3], np.uint8))
    return dataclasses.replace(
        app.TINY, data="folder", root=tmp_path, size=8, steps=2, run=tmp_path / "run"
    )


def test_a_folder_of_pictures_is_learned_measured_and_drawn(config):
    model = engine.build(app, config)
    app.train(model, config)
    grades = app.evaluate(model, config)
    assert set(grades) == {"distance_to_train", "distance_to_unseen", "n"}
    assert np.all(np.isfinite(list(grades.values()))) and grades["n"] == 2
    assert app.peers(config) == {}
    samples = app.samples(model, config, 3)
    assert samples.shape == (3, 8, 8, 3) and samples.dtype == np.uint8
    assert app.draw(model, config).shape[-1] == 3


def test_another_size_of_mnist_s_digits_is_refused_by_name(config):
    with pytest.raises(ValueError, match="--size 28 for embedded"):
        app.load(dataclasses.replace(config, data="embedded"), "train")


def test_ways_between_noise_stay_as_long_as_noise():
    start, end = np.random.default_rng(1).normal(size=[2, 64])
    way = app.between(start, end, 5)
    np.testing.assert_allclose(way[[0, -1]], [start, end], rtol=1e-5)
    lengths = np.linalg.norm(way, axis=1)
    low, high = sorted([np.linalg.norm(start), np.linalg.norm(end)])
    assert np.all((low * 0.95 < lengths) & (lengths < high * 1.05))
