"""Neighbours at one distance, of which no format need name the same first."""

import numpy as np


def forgiven(truth, answer, tolerance):
    """The answer with neighbours as the truth has them, wherever only a tie is told otherwise.

    Another neighbour is a tie where the truth has it at the same distance at another rank, or where
    that rank is as far as the truth's last, behind which others may follow.

    truth      name -> array: neighbours int [b, k], distances float [b, k], class_ids int [b, k]
    answer     as truth
    tolerance  how far apart two distances are that count as one, relative to the largest, or to 1
    return     as answer; the same where there are no neighbours, or arrays of another shape
    """
    names = {"neighbours", "distances"}
    if not names <= set(truth) or any(truth[n].shape != answer[n].shape for n in truth):
        return answer
    near, far = truth["neighbours"], truth["distances"]
    limit = tolerance * max(1.0, np.abs(far).max(initial=0.0))
    gaps = np.abs(far[:, :, None] - far[:, None, :]) <= limit  # [b, rank, rank]
    listed = answer["neighbours"][:, :, None] == near[:, None, :]
    tied = (gaps & listed).any(-1) | (gaps[:, :, -1] & ~listed.any(-1))
    return {
        name: np.where(tied, truth[name], value) if name in ("neighbours", "class_ids") else value
        for name, value in answer.items()
    }
