"""The client of docs/serving.md against a server that speaks TensorFlow Serving's protocol."""

import re
from concurrent import futures
from pathlib import Path

import cv2
import grpc
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from google.protobuf import text_format
from tensorflow_serving.apis import (
    predict_pb2,
    prediction_log_pb2,
    prediction_service_pb2_grpc,
)
from tensorflow_serving.config import model_server_config_pb2

ROOT = Path(__file__).parents[1]
MODELS = ROOT / "savedmodels"


class Server(prediction_service_pb2_grpc.PredictionServiceServicer):
    """The newest version of every model that models.config lists, as TensorFlow Serving has it."""

    def __init__(self, folder):
        config = model_server_config_pb2.ModelServerConfig()
        text_format.Parse((folder / "models.config").read_text(), config)
        self.folders = {
            model.name: newest(folder / Path(model.base_path).relative_to("/models"))
            for model in config.model_config_list.config
        }
        self.loaded = {}

    def Predict(self, request, context=None):
        name = request.model_spec.name
        if name not in self.loaded:
            self.loaded[name] = tf.saved_model.load(str(self.folders[name]))
        signature = self.loaded[name].signatures[request.model_spec.signature_name]
        inputs = {key: tf.constant(tf.make_ndarray(v)) for key, v in request.inputs.items()}
        answer = predict_pb2.PredictResponse()
        for key, value in signature(**inputs).items():
            answer.outputs[key].CopyFrom(tf.make_tensor_proto(value))
        return answer


def newest(folder):
    return max(folder.glob("[0-9]*"), key=lambda path: int(path.name))


@pytest.fixture(scope="module")
def server():
    return Server(MODELS)


@pytest.fixture
def port(server):
    """A port of this computer on which the server listens."""
    listening = grpc.server(futures.ThreadPoolExecutor(1))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(server, listening)
    port = listening.add_insecure_port("localhost:0")
    listening.start()
    yield port
    listening.stop(0).wait()


@pytest.fixture
def picture(tmp_path, monkeypatch):
    """slice.png in the current folder: uint8 [h, w]."""
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(1).integers(0, 256, [61, 83], np.uint8)
    cv2.imwrite("slice.png", pixels)
    return pixels


def tflite(pixels):
    """What the shipped TFLite file says: labels, probabilities."""
    model = Interpreter(str(MODELS / "unet" / "model.tflite")).get_signature_runner()
    result = model(image=pixels[np.newaxis, :, :, np.newaxis])
    return result["labels"], result["probabilities"]


def test_every_model_is_listed_for_the_server(server):
    cards = {path.parent.name for path in MODELS.glob("*/card.json")}
    assert set(server.folders) == cards and "unet" in cards


def test_the_client_of_the_page_gets_what_the_tflite_file_says(port, picture):
    page = (ROOT / "docs" / "serving.md").read_text()
    client = re.search(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL).group(1)
    results = {}
    exec(compile(client.replace("localhost:8500", f"localhost:{port}"), "page", "exec"), results)
    results["channel"].close()
    labels, probabilities = tflite(picture)
    served = tf.make_ndarray(results["answer"].outputs["probabilities"])
    np.testing.assert_allclose(served, probabilities, atol=1e-4)
    assert (results["labels"] == labels).mean() >= 0.999


def test_an_encoded_image_gives_the_same(server, picture):
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "unet", "serve_bytes"
    encoded = Path("slice.png").read_bytes()
    request.inputs["image_bytes"].CopyFrom(tf.make_tensor_proto([encoded]))
    served = tf.make_ndarray(server.Predict(request).outputs["probabilities"])
    np.testing.assert_allclose(served, tflite(picture)[1], atol=1e-4)


def test_every_warm_up_request_is_answered(server):
    for name, folder in server.folders.items():
        file = folder / "assets.extra" / "tf_serving_warmup_requests"
        records = list(tf.data.TFRecordDataset(str(file)).as_numpy_iterator())
        assert records, file
        for record in records:
            request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
            assert request.model_spec.name == name
            assert server.Predict(request).outputs
