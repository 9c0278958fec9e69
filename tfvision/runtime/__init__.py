"""Exported models run with LiteRT, NumPy and OpenCV; TensorFlow is never imported.

model = runtime.load(runtime.find("unet"))
outputs = runtime.predict(model, {"image": runtime.read("slice.png", channels=1)})
"""

from tfvision.runtime.find import find, found
from tfvision.runtime.model import Model, load
from tfvision.runtime.pictures import read
from tfvision.runtime.predict import predict

__all__ = ["Model", "find", "found", "load", "predict", "read"]
