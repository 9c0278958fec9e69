import json
import shutil

import numpy as np
import pytest

from tfvision import runtime
from tfvision.runtime.find import find


@pytest.fixture
def copy(models, tmp_path):
    return shutil.copytree(models / "threshold", tmp_path / "threshold")


def test_a_dynamic_model_takes_any_size(models):
    model = runtime.load(models / "threshold", threads=1)
    for shape in ((1, 1), (5, 9), (40, 3)):
        image = np.random.default_rng(0).integers(0, 256, [1, *shape, 1], np.uint8)
        outputs = model.run(image=image)
        np.testing.assert_array_equal(outputs["labels"], image[..., 0] >= 128)
        np.testing.assert_array_equal(outputs["probabilities"][..., 1:], image >= 128)


def test_a_model_of_fixed_size_refuses_other_sizes(models):
    model = runtime.load(models / "finder")
    with pytest.raises(ValueError, match=r"image as uint8 \[1, 64, 64, 3\].*\[1, 32, 64, 3\]"):
        model.run(image=np.zeros([1, 32, 64, 3], np.uint8))


@pytest.mark.parametrize(
    "inputs",
    [
        {},
        {"picture": np.zeros([1, 4, 4, 1], np.uint8)},
        {"image": np.zeros([1, 4, 4, 1], np.float32)},
        {"image": np.zeros([4, 4, 1], np.uint8)},
        {"image": np.zeros([1, 4, 4, 3], np.uint8)},
        {"image": np.zeros([1, 0, 4, 1], np.uint8)},
    ],
)
def test_inputs_that_do_not_fit_are_refused(models, inputs):
    with pytest.raises(ValueError, match="Expected .*Received: "):
        runtime.load(models / "threshold").run(**inputs)


def test_an_unknown_signature_is_named_with_those_there_are(models):
    model = runtime.load(models / "finder")
    with pytest.raises(ValueError, match="no signature 'encode'.*maps.*points.*serving_default"):
        model.run("encode", image=np.zeros([1, 64, 64, 3], np.uint8))


@pytest.mark.parametrize("size", [0, 10, 1000])
def test_a_cut_off_file_is_named(copy, size):
    file = copy / "model.tflite"
    file.write_bytes(file.read_bytes()[:size])
    with pytest.raises(ValueError, match="model.tflite: is damaged or of another export"):
        runtime.load(copy)


def test_a_file_of_noise_is_named_even_where_the_card_knows_no_size(copy):
    noise = np.random.default_rng(0).bytes(5000)
    (copy / "quantised.tflite").write_bytes(noise)
    with pytest.raises(ValueError, match="quantised.tflite: is no TFLite model"):
        runtime.load(copy / "quantised.tflite")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '"card"', "{}", '{"app": "x", "signatures": {}}',
             '{"app": "x", "signatures": {"serving_default": 3}}'],
)
def test_a_damaged_card_is_named(copy, text):
    (copy / "card.json").write_text(text)
    with pytest.raises(ValueError, match="card.json: is damaged"):
        runtime.load(copy)


def test_a_card_whose_signature_is_not_in_the_file_is_refused(copy):
    card = json.loads((copy / "card.json").read_text())
    card["signatures"] = {"describe": card["signatures"]["serving_default"]}
    (copy / "card.json").write_text(json.dumps(card))
    with pytest.raises(ValueError, match="has no signature 'describe'"):
        runtime.load(copy)


def test_a_missing_file_is_named(copy):
    (copy / "model.tflite").unlink()
    with pytest.raises(FileNotFoundError, match="model.tflite: no such file"):
        runtime.load(copy)


def test_models_are_found_by_folder_file_parent_and_environment(models, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    file = models / "negative" / "model.tflite"
    assert find("negative", models / "negative") == file
    assert find("negative", models) == file
    assert find("negative", file) == file
    monkeypatch.setenv("TFVISION_MODELS", str(models))
    assert find("negative") == file
    shutil.copytree(models / "negative", tmp_path / "savedmodels" / "negative")
    assert find("negative").resolve() == tmp_path / "savedmodels/negative/model.tflite"


def test_a_missing_model_tells_where_it_looked_what_is_near_and_how_to_make_one(
    models, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFVISION_MODELS", str(models))
    with pytest.raises(FileNotFoundError) as error:
        find("negativ")
    text = str(error.value)
    assert "savedmodels/negativ" in text and str(models / "negativ") in text
    assert "Did you mean negative?" in text and "tfvision export negativ" in text
    assert "\n" not in text
