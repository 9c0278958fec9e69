"""Deep learning and computer vision on TensorFlow 2.21 and Keras 3: train, prove, serve."""

__version__ = "0.1.0"
