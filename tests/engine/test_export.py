"""engine.export: what is written is proven, and what is not equal is not written."""

import json
import subprocess
import sys
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfvision import engine
from tfvision.engine import formats, proof
from tfvision.engine.export import export, versions


def app(wrong=False, fixed=None):
    """A tiny app: the mean of each picture, and the picture a little darker."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input([None, None, 3]), keras.layers.Conv2D(4, 3)])

    def serve(model):
        def darker(image):
            x = tf.cast(image, tf.float32)
            if wrong and not tf.executing_eagerly():
                x += 1.0
            features = tf.reduce_mean(model(x / 255), [1, 2])
            return {"translated": tf.cast(x * 0.5, tf.uint8), "embedding": features}

        image = tf.TensorSpec([None, None, None, 3], tf.uint8, name="image")
        return {"serving_default": engine.Signature(
            darker, {"image": image}, fixed=fixed, fit="stretch" if fixed else None)}

    def examples(config):
        random = np.random.default_rng(0)
        shapes = [(1, 8, 9, 3)] * 7 + [(2, 5, 12, 3)]
        return [{"image": random.integers(0, 256, shape, np.uint8)} for shape in shapes]

    module = types.ModuleType("tfvision.apps.tiny", "Darken: a test (Nobody, 2020).")
    module.TASK, module.serve, module.examples = "translation", serve, examples
    return module, model


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    module, model = app()
    quantize = ("float16", "dynamic", "int8")
    return root, export(module, model, None, root, quantize=quantize)


def test_all_formats_are_there_and_within_tolerance(exported):
    root, card = exported
    folder = root / "tiny"
    for name in ("1/saved_model.pb", "model.tflite", "model.onnx", "card.json",
                 "model.float16.tflite", "model.dynamic.tflite", "model.int8.tflite"):
        assert (folder / name).stat().st_size > 0, name
    assert card == json.loads((folder / "card.json").read_text())
    for label in ("saved_model", "tflite", "onnx"):
        assert all(how["within"] for how in card["parity"][label]["serving_default"].values())
    assert "serve_bytes" in card["parity"]["saved_model"]
    assert card["paper"] == "Nobody, 2020" and card["version"] == 1
    assert not [path for path in root.iterdir() if path.name.startswith(".")]


def test_without_onnx_none_is_written_and_an_older_one_goes(tmp_path):
    module, model = app()
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "model.onnx").write_text("of an earlier export")
    card = export(module, model, None, tmp_path, onnx=False)
    assert set(card["parity"]) == {"saved_model", "tflite"}
    files = {path.name for path in (tmp_path / "tiny").iterdir()}
    assert files == {"1", "card.json", "model.tflite"}


def test_quantised_files_tell_how_far_they_are(exported):
    _, card = exported
    for kind in ("float16", "dynamic", "int8"):
        deviation = card["parity"][f"tflite.{kind}"]["serving_default"]["embedding"]
        assert 0 < deviation["deviation"] < 0.1


def test_tf_serving_finds_the_model(exported):
    from google.protobuf import text_format
    from tensorflow_serving.config import model_server_config_pb2

    root, _ = exported
    config = text_format.Parse((root / "models.config").read_text(),
                               model_server_config_pb2.ModelServerConfig())
    assert [entry.name for entry in config.model_config_list.config] == ["tiny"]


def test_warmup_requests_can_be_replayed(exported):
    from tensorflow_serving.apis import prediction_log_pb2

    root, _ = exported
    loaded = tf.saved_model.load(str(root / "tiny" / "1"))
    file = root / "tiny" / "1" / "assets.extra" / "tf_serving_warmup_requests"
    batches = []
    for record in tf.data.TFRecordDataset(str(file)):
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        request = log.predict_log.request
        inputs = {k: tf.constant(tf.make_ndarray(v)) for k, v in request.inputs.items()}
        loaded.signatures[request.model_spec.signature_name](**inputs)
        batches.append(len(inputs["image"]))
    assert sorted(batches) == [1, 2]


def test_the_next_export_is_the_next_version(tmp_path):
    module, model = app()
    for version in (1, 2):
        assert export(module, model, None, tmp_path)["version"] == version
    assert versions(tmp_path / "tiny") == [1, 2]


def test_a_graph_that_differs_from_the_model_is_refused_and_leaves_nothing(tmp_path):
    module, model = app(wrong=True)
    with pytest.raises(ValueError, match="not the Keras model"):
        export(module, model, None, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_fixed_shape_is_kept_in_the_tflite_file_only(tmp_path):
    module, model = app(fixed={"image": [1, 8, 8, 3]})
    card = export(module, model, None, tmp_path)
    serving = card["signatures"]["serving_default"]
    assert serving["fixed"] == {"image": [1, 8, 8, 3]} and serving["fit"] == "stretch"
    assert serving["inputs"]["image"]["shape"] == [None, None, None, 3]


def test_too_few_examples_and_equal_names_are_refused():
    image = tf.TensorSpec([None], tf.float32, name="x")
    with pytest.raises(ValueError, match="at least 8"):
        proof.cases_of("f", engine.Signature(lambda x: {"y": x}, {"x": image}), [{"x": 1}] * 7)
    with pytest.raises(ValueError, match="unlike inputs"):
        formats.trace(lambda x: {"x": x}, {"x": image})


@pytest.mark.parametrize("truth, answer, within", [
    (np.float32([1, 2]), np.float32([1, 2.0001]), True),
    (np.float32([1, 2]), np.float32([1, 2.001]), False),
    (np.float32([1000]), np.float32([1000.05]), True),
    (np.float32([1]), np.float32([np.nan]), False),
    (np.uint8([7]), np.uint8([8]), True),
    (np.uint8([0]), np.uint8([255]), False),
    (np.arange(2000), np.where(np.arange(2000) == 5, 0, np.arange(2000)), True),
    (np.arange(20), np.where(np.arange(20) == 5, 0, np.arange(20)), False),
    (np.array([b"disc", b""]), np.array([b"disc", b""], "S9"), True),
    (np.array([b"disc", b""]), np.array([b"discs", b""]), False),
    (np.float32([1]), np.float32([[1]]), False),
    (np.int32([1]), np.int64([1]), False),
])
def test_tolerances(truth, answer, within):
    assert proof.deviation(truth, answer)["within"] is within


@pytest.mark.parametrize("pixels, within", [(0, True), (1, True), (11, False), (100, False)])
def test_masks_may_differ_in_a_thousandth_of_the_pixels_of_those_that_are_there(pixels, within):
    truth = np.zeros([1, 50, 100, 100], np.uint8)
    truth[0, 7, 20:30, 40:50] = 1  # Of one object; 49 slots are empty.
    answer = truth.copy()
    answer[0, 7, 20:30, 40:50] *= (np.arange(100) >= pixels).reshape(10, 10).astype(np.uint8)
    found = proof.of_masks(truth, answer)
    assert found == {"unequal": pytest.approx(pixels / 1e4), "within": within}
    assert proof.of_masks(truth * 0, truth * 0) == {"unequal": 0.0, "within": True}
    assert not proof.of_masks(truth, truth[:, :20])["within"]


def test_names_stand_beside_class_numbers_up_to_the_count_and_numbers_alone_without_text():
    def find(image):
        return {"class_ids": tf.constant([[1, 0, 0]]), "count": tf.constant([2])}

    found = formats.with_names(find, ("cat", "dog"))(image=None)
    assert found["class_names"].numpy().tolist() == [[b"dog", b"cat", b""]]
    plain = formats.without_text(formats.with_names(find, ("cat", "dog")))(image=None)
    assert set(plain) == {"class_ids", "count"} and formats.with_names(find, ()) is find


STRANGER = """
import sys
sys.modules["tfvision"] = None
import numpy as np, tensorflow as tf
folder, file = sys.argv[1:]
function = tf.saved_model.load(folder).signatures["serving_default"]
image = np.load(file)
np.savez(file, **{name: value.numpy() for name, value in function(image=image).items()})
"""


@pytest.mark.slow
def test_the_saved_model_needs_no_tfvision(exported, tmp_path):
    root, _ = exported
    image = np.random.default_rng(3).integers(0, 256, [2, 9, 7, 3], np.uint8)
    with open(tmp_path / "io.npz", "wb") as file:
        np.save(file, image)
    command = [sys.executable, "-I", "-c", STRANGER, str(root / "tiny" / "1"), file.name]
    subprocess.run(command, check=True, capture_output=True)
    module, model = app()
    truth = module.serve(model)["serving_default"].fn(image=tf.constant(image))
    with np.load(tmp_path / "io.npz") as found:
        assert set(found.files) == set(truth)
        for name, value in truth.items():
            np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=1e-5)
