"""A line on the terminal when a training goes wrong in a way that its loss does not show."""

import keras


class Alarm(keras.callbacks.Callback):
    """Says a text once, at the end of the first epoch in which a logged mean reaches a limit.

    name   of the mean in the logs
    limit  that is too much
    text   what is wrong and what to do
    """

    def __init__(self, name, limit, text):
        super().__init__()
        self.name, self.limit, self.text, self.told = name, limit, text, False

    def on_epoch_end(self, epoch, logs=None):
        if not self.told and (logs or {}).get(self.name, 0.0) >= self.limit:
            self.told = True
            print(f"Warning: {self.text}", flush=True)
