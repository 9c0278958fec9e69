"""Finding the like of an image among others by its embedding. Ties count against us."""

import numpy as np


def recall_at_k(embeddings, labels, *, ks=(1,), block=1024):
    """Share of examples with one of their own class among the k nearest others.

    An example of another class at the same distance comes first, so that an embedding that has
    collapsed scores 0. Examples that are alone in their class do not count.

    embeddings  float [n, d]
    labels      int [n]
    ks          numbers of neighbours, each at least 1
    block       rows of the distance matrix that are held at a time
    return      {k: 0..1}
    raises      ValueError where no class has two examples
    """
    embeddings, labels = np.asarray(embeddings, np.float64), np.asarray(labels)
    if min(ks) < 1:
        raise ValueError(f"Expected numbers of neighbours from 1. Received: ks={ks}")
    before = [
        _others_before(embeddings, labels, np.arange(i, min(i + block, len(labels))))
        for i in range(0, len(labels), block)
    ]
    before = np.concatenate([np.zeros(0, int), *before])
    counted = before[before >= 0]
    if not len(counted):
        raise ValueError(f"Expected two examples of a class. Received: {len(labels)} classes of 1")
    return {k: float(np.mean(counted < k)) for k in ks}


def _others_before(embeddings, labels, rows):
    """How many of other classes are no farther than the nearest of the own; -1 without one."""
    distances = squared_distances(embeddings[rows], embeddings)
    distances[np.arange(len(rows)), rows] = np.inf
    own = labels[rows, None] == labels
    nearest = np.where(own, distances, np.inf).min(1)
    before = np.sum(~own & (distances <= nearest[:, None]), 1)
    return np.where(np.isfinite(nearest), before, -1)


def verification(embeddings, labels):
    """How well the distance alone tells equal pairs from unequal ones, over all pairs.

    return   {"auc": chance that an equal pair is nearer than an unequal one, where a tie is none,
             "eer": error at the threshold where as many equal pairs are refused as unequal ones
             are taken}
    raises   ValueError where all pairs are equal, or none
    """
    embeddings, labels = np.asarray(embeddings, np.float64), np.asarray(labels)
    i, j = np.triu_indices(len(labels), 1)
    distances = squared_distances(embeddings, embeddings)[i, j]
    equal = labels[i] == labels[j]
    positive, negative = np.sort(distances[equal]), np.sort(distances[~equal])
    if not len(positive) or not len(negative):
        raise ValueError(
            "Expected equal and unequal pairs. "
            f"Received: {len(positive)} equal and {len(negative)} unequal ones"
        )
    nearer = np.searchsorted(positive, negative, side="left")  # Equal pairs strictly nearer.
    return {"auc": float(nearer.mean() / len(positive)), "eer": _equal_error(positive, negative)}


def _equal_error(positive, negative):
    """The equal error rate; ties at the threshold are taken, which only unequal pairs regret."""
    taken = np.searchsorted(negative, positive, side="right") / len(negative)
    refused = 1 - np.arange(1, len(positive) + 1) / len(positive)
    return float(np.maximum(taken, refused).min())


def squared_distances(a, b):
    """[n, m] of rows [n, d] and [m, d]; equal rows have exactly 0."""
    lengths = np.einsum("nd,nd->n", a, a)[:, None] + np.einsum("md,md->m", b, b)
    return np.maximum(lengths - 2 * a @ b.T, 0)
