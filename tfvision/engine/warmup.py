"""Requests that TF Serving replays when it loads a model, so that the first user need not wait."""

from pathlib import Path

import tensorflow as tf

from tfvision.engine.proof import cases_of


def write(signatures, examples, folder, model):
    """assets.extra/tf_serving_warmup_requests: one request per signature and batch size."""
    from tensorflow_serving.apis import prediction_log_pb2

    file = Path(folder, "assets.extra", "tf_serving_warmup_requests")
    file.parent.mkdir()
    with tf.io.TFRecordWriter(str(file)) as writer:
        for name, signature in signatures.items():
            for case in smallest_of_each_batch(cases_of(name, signature, examples)):
                log = prediction_log_pb2.PredictionLog()
                request = log.predict_log.request
                request.model_spec.name, request.model_spec.signature_name = model, name
                for key, value in case.items():
                    request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
                writer.write(log.SerializeToString())


def smallest_of_each_batch(cases):
    """One case per batch size, the one with the fewest bytes."""
    chosen = {}
    for case in sorted(cases, key=lambda case: -sum(value.nbytes for value in case.values())):
        chosen[len(next(iter(case.values())))] = case
    return list(chosen.values())
