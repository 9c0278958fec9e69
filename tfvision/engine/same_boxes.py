"""Detections in another order are the same detections."""

import numpy as np

PIXELS, SCORE = 1e-2, 1e-4
ROWS = ("boxes", "scores", "class_ids", "class_names", "masks")


def reordered(truth, answer):
    """The answer with its detections in the order of the truth's, wherever they are the same.

    The same are boxes of one class that lie at most a hundredth of a pixel apart and whose scores
    differ by at most 1e-4. Formats differ in the last bit, and with it in what comes first.

    truth   name -> array: boxes [b, k, 4], scores [b, k], class_ids int [b, k], count int [b]
    answer  as truth
    return  as answer; the same where there are no boxes, or arrays of another shape
    """
    if not {"boxes", "scores", "class_ids"} <= set(truth):
        return answer
    if any(truth[name].shape != answer[name].shape for name in truth):
        return answer
    orders = [_order(*(
        {name: arrays[name][i] for name in ("boxes", "scores", "class_ids")}
        for arrays in (truth, answer)
    )) for i in range(len(truth["scores"]))]
    return {
        name: np.stack([rows[order] for rows, order in zip(value, orders, strict=True)])
        if name in ROWS and orders else value
        for name, value in answer.items()
    }


def _order(truth, answer):
    """Row of the answer for each row of the truth, of one image."""
    near = np.abs(truth["boxes"][:, None] - answer["boxes"][None]).max(-1) <= PIXELS
    near &= np.abs(truth["scores"][:, None] - answer["scores"][None]) <= SCORE
    near &= truth["class_ids"][:, None] == answer["class_ids"][None]
    order, free = np.full(len(near), -1), np.ones(len(near), bool)
    for i, row in enumerate(near):
        same = np.flatnonzero(row & free)
        if len(same):
            order[i] = same[0]
            free[same[0]] = False
    order[order < 0] = np.flatnonzero(free)
    return order
