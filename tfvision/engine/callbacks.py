"""What happens at the end of an epoch: check, log, draw, save; and a line of progress."""

import csv
import math
import os
import sys
import time
from pathlib import Path

import keras
import tensorflow as tf

from tfvision.engine import checkpoint
from tfvision.viz.files import write_image


def standard(folder, config, picture=None, *, chief=True):
    """The callbacks of every training, in the order in which they must run.

    The checkpoint comes last: what it claims to be done has been written before. Of several
    workers only the chief writes.
    """
    every = max(config.steps // config.epoch_steps // 10, 1)
    if not chief:
        return [StopAtNaN(config), Checkpoints(folder / "checkpoints", config, write=False)]
    drawing = [Pictures(folder, config, picture, every)] if picture else []
    return [
        StopAtNaN(config),
        Progress(config),
        History(folder / "history.csv", config),
        TensorBoard(folder / "tensorboard", config),
        *drawing,
        Checkpoints(folder / "checkpoints", config),
    ]


class EpochCallback(keras.callbacks.Callback):
    """A callback that knows the step at which an epoch ends."""

    def __init__(self, config):
        super().__init__()
        self.config = config

    def step_after(self, epoch):
        return min((epoch + 1) * self.config.epoch_steps, self.config.steps)


class StopAtNaN(EpochCallback):
    """Ends a training whose loss is no number, before its state is saved."""

    def on_epoch_end(self, epoch, logs=None):
        bad = [name for name, value in (logs or {}).items() if not math.isfinite(value)]
        if bad:
            raise FloatingPointError(
                f"{', '.join(bad)} became NaN or infinite before step {self.step_after(epoch)}. "
                f"The last good checkpoint is kept in {self.config.run}; lower --learning-rate, "
                "or check the data with `tfvision doctor`, and train with --fresh"
            )


class Checkpoints(EpochCallback):
    """Saves the state at the end of each epoch."""

    def __init__(self, folder, config, write=True):
        super().__init__(config)
        self.folder, self.write = folder, write

    def on_epoch_end(self, epoch, logs=None):
        checkpoint.save(self.model, self.folder, self.step_after(epoch), write=self.write)


class History(EpochCallback):
    """history.csv: a line per epoch with its step, the seconds since the start, and its means."""

    def __init__(self, file, config):
        super().__init__(config)
        self.file = Path(file)

    def on_train_begin(self, logs=None):
        self.begin = None

    def on_epoch_begin(self, epoch, logs=None):
        if self.begin is None:
            self.rows = [r for r in read_history(self.file) if r["step"] <= self.first(epoch)]
            spent = self.rows[-1]["seconds"] if self.rows else 0.0
            self.begin = time.monotonic() - spent

    def first(self, epoch):
        return epoch * self.config.epoch_steps

    def on_epoch_end(self, epoch, logs=None):
        seconds = round(time.monotonic() - self.begin, 2)
        self.rows.append({"step": self.step_after(epoch), "seconds": seconds, **(logs or {})})
        write_history(self.file, self.rows)


def read_history(file):
    """The rows of a history.csv as dicts of numbers; none where there is no such file."""
    if not Path(file).exists():
        return []
    with open(file, newline="") as lines:
        return [
            {name: float(value) for name, value in row.items()} | {"step": int(row["step"])}
            for row in csv.DictReader(lines)
        ]


def write_history(file, rows):
    """Replaces a history.csv."""
    hidden = file.with_name("." + file.name)
    with open(hidden, "w", newline="") as lines:
        writer = csv.DictWriter(lines, fieldnames=list(rows[-1]), restval="nan")
        writer.writeheader()
        writer.writerows(rows)
    os.replace(hidden, file)


class TensorBoard(EpochCallback):
    """The same means as TensorBoard events, by step."""

    def __init__(self, folder, config):
        super().__init__(config)
        self.folder = str(folder)

    def on_train_begin(self, logs=None):
        self.writer = tf.summary.create_file_writer(self.folder)

    def on_epoch_end(self, epoch, logs=None):
        with self.writer.as_default(self.step_after(epoch)):
            for name, value in (logs or {}).items():
                tf.summary.scalar(name, value)

    def on_train_end(self, logs=None):
        self.writer.close()


class Pictures(EpochCallback):
    """pictures/<step>.png: what the model does by then."""

    def __init__(self, folder, config, picture, every):
        super().__init__(config)
        self.folder, self.picture, self.every = folder / "pictures", picture, every

    def on_epoch_end(self, epoch, logs=None):
        step = self.step_after(epoch)
        if (epoch + 1) % self.every == 0 or step == self.config.steps:
            write_image(self.folder / f"{step:08d}.png", self.picture())


class Progress(EpochCallback):
    """One line: step, share done, means, speed, time left. On a terminal it is rewritten."""

    def on_train_begin(self, logs=None):
        self.clock, self.shown, self.done, self.at = time.monotonic(), 0.0, 0, None

    def on_epoch_begin(self, epoch, logs=None):
        self.at = epoch * self.config.epoch_steps

    def on_train_batch_end(self, batch, logs=None):
        self.done += 1
        now = time.monotonic()
        if sys.stdout.isatty() and now - self.shown > 0.5:
            self.shown = now
            print("\r" + self.line(self.at + batch + 1, logs), end="\033[K", flush=True)

    def on_epoch_end(self, epoch, logs=None):
        now, terminal = time.monotonic(), sys.stdout.isatty()
        last = self.step_after(epoch) == self.config.steps
        if terminal or last or now - self.shown > 10:
            self.shown = now
            start, end = ("\r", "\033[K\n") if terminal else ("", "\n")
            print(start + self.line(self.step_after(epoch), logs), end=end, flush=True)

    def line(self, step, logs):
        speed = self.done / max(time.monotonic() - self.clock, 1e-9)
        left = clock((self.config.steps - step) / speed)
        means = "  ".join(f"{name} {float(value):.4g}" for name, value in (logs or {}).items())
        share = f"{step}/{self.config.steps} {step / self.config.steps:4.0%}"
        return f"step {share}  {means}  {speed:.3g} steps/s  {left} left"


def clock(seconds):
    """Hours, minutes and seconds as 1:02:03, or 2:03 under an hour."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
