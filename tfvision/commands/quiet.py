"""TensorFlow's start-up messages, kept off the terminal."""

import contextlib
import os
import sys
import tempfile


@contextlib.contextmanager
def imports():
    """Hides what C++ code writes to stderr; shown after all where an error comes through."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")  # Whatever ~/.keras/keras.json says.
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as hidden:
        os.dup2(hidden.fileno(), 2)
        try:
            yield
        except BaseException:
            hidden.seek(0)
            os.write(kept, hidden.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
