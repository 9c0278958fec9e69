"""A line of progress with the time that is left, for work that is no training."""

import sys
import time

EVERY = 10  # Seconds between lines where they are not rewritten.


class Progress:
    """Counts what is done of `total` and prints it: on a terminal one line that is rewritten."""

    def __init__(self, what, total):
        self.what, self.total, self.done = what, total, 0
        self.begin = self.shown = time.monotonic()

    def step(self):
        """One more is done."""
        self.done += 1
        now, terminal = time.monotonic(), sys.stdout.isatty()
        if self.done == self.total or now - self.shown > (0.5 if terminal else EVERY):
            self.shown = now
            start, end = ("\r", "\033[K") if terminal else ("", "\n")
            print(start + self.line(now), end=end, flush=True)
            if terminal and self.done == self.total:
                print(flush=True)

    def line(self, now):
        speed = self.done / max(now - self.begin, 1e-9)
        left = round((self.total - self.done) / speed)
        return (f"{self.what} {self.done}/{self.total} {self.done / self.total:4.0%}  "
                f"{speed:.3g} per second  {left // 60}:{left % 60:02} left")
