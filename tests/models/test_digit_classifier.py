"""models.digit_classifier: it learns, twice the same, and its file is never of other data."""

import numpy as np
import pytest

from tfvision.models import digit_classifier


@pytest.fixture(scope="module")
def bars():
    """Ten classes that are easy to tell: a bar at one of ten heights, in noise."""
    random = np.random.default_rng(0)
    label = np.arange(400, dtype=np.int32) % 10
    image = random.integers(0, 60, [400, 28, 28, 1], np.uint8)
    for picture, digit in zip(image, label, strict=True):
        picture[4 + 2 * digit : 6 + 2 * digit, 4:24] = 255
    return image, label


@pytest.fixture(scope="module")
def net(bars, tmp_path_factory):
    return digit_classifier.trained(*bars, file=file(tmp_path_factory), epochs=6)


def file(tmp_path_factory):
    return tmp_path_factory.getbasetemp() / "classifier.npz"


def test_it_learns_ten_classes(net, bars):
    assert digit_classifier.accuracy(net, *bars) > 0.95


def test_features_and_probabilities_are_what_they_say(net, bars):
    features, probabilities = digit_classifier.describe(net, bars[0][:7])
    assert features.shape == (7, 64) and features.min() >= 0 < features.max()
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)


def test_the_file_spares_the_training(net, bars, tmp_path_factory, monkeypatch):
    monkeypatch.setattr(digit_classifier, "_fit", None)
    again = digit_classifier.trained(*bars, file=file(tmp_path_factory), epochs=6)
    for ours, theirs in zip(again.get_weights(), net.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("content", ["other data", "damaged", "missing"])
def test_a_file_that_does_not_fit_is_replaced(net, bars, content, tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(digit_classifier, "_fit", lambda *args: calls.append(args))
    image, label = bars
    target = tmp_path / "folder" / "classifier.npz"
    if content != "missing":
        digit_classifier.trained(image, label, file=target, epochs=6)
    if content == "damaged":
        target.write_bytes(target.read_bytes()[:500])
    if content == "other data":
        image = 255 - image
    calls.clear()
    digit_classifier.trained(image, label, file=target, epochs=6)
    digit_classifier.trained(image, label, file=target, epochs=6)
    assert len(calls) == 1
    assert [path.name for path in target.parent.iterdir()] == ["classifier.npz"]
