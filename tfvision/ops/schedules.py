"""Numbers that change with the step of a training."""

import tensorflow as tf


def linear_ramp(step, begin, end, *, first=0.0, last=1.0):
    """`first` until step `begin`, `last` from step `end` on, and a straight line between them.

    step     int scalar, Python's or a tensor
    begin    first step of the ramp; where end = begin, it is a jump at that step
    return   float32 scalar
    raises   ValueError where end < begin
    """
    if end < begin:
        raise ValueError(f"Expected begin <= end. Received: begin={begin}, end={end}")
    done = tf.cast(step - begin, tf.float32) / max(end - begin, 1)
    if end == begin:
        done += 1.0  # The step `begin` itself is behind the jump.
    return first + (last - first) * tf.clip_by_value(done, 0.0, 1.0)
