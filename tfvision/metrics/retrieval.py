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
    embeddings = embeddings - embeddings[:1]  # Equal ones become 0, whose distances are exact.
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


def ranking_at_r(embeddings, labels, *, block=1024):
    """How many of an example's R nearest others are of its class, where R is the size of it.

    R is the number of others in the example's class. "map_at_r" is the mean over the ranks 1..R of
    the precision up to those that hold one of the class, and 0 for the others (Musgrave et al.,
    2020); "r_precision" is the share of ranks that do. Ties and classes of one as in recall_at_k.

    embeddings  float [n, d]
    labels      int [n]
    block       rows of the distance matrix that are held at a time
    return      {"map_at_r": 0..1, "r_precision": 0..1}
    raises      ValueError where no class has two examples
    """
    embeddings, labels = np.asarray(embeddings, np.float64), np.asarray(labels)
    embeddings = embeddings - embeddings[:1]
    found = []
    for i in range(0, len(labels), block):
        rows = np.arange(i, min(i + block, len(labels)))
        for row, distances in zip(rows, squared_distances(embeddings[rows], embeddings),
                                  strict=True):
            own = labels == labels[row]
            other, own[row] = ~own, False
            if own.any():
                found.append(_precisions(distances[own], distances[other]))
    if not found:
        raise ValueError(f"Expected two examples of a class. Received: {len(labels)} classes of 1")
    return dict(zip(("map_at_r", "r_precision"), map(float, np.mean(found, 0)), strict=True))


def _precisions(own, others):
    """(average precision at R, R-precision) of one example from its distances to both kinds."""
    count = len(own)
    if len(others) > count:
        others = np.partition(others, count - 1)[:count]  # More of them fill all R ranks.
    before = np.searchsorted(np.sort(others), np.sort(own), side="right")
    ranks = before + np.arange(1, count + 1)
    hit = ranks <= count
    return np.sum(np.arange(1, count + 1)[hit] / ranks[hit]) / count, hit.mean()


def verification(embeddings, labels):
    """How well the distance alone tells equal pairs from unequal ones, over all pairs.

    return   {"auc": chance that an equal pair is nearer than an unequal one, where a tie is none,
             "eer": error at the threshold where as many equal pairs are refused as unequal ones
             are taken}
    raises   ValueError where all pairs are equal, or none
    """
    embeddings, labels = np.asarray(embeddings, np.float64), np.asarray(labels)
    embeddings = embeddings - embeddings[:1]
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


def verification_within(embeddings, labels, groups):
    """`verification` of the pairs inside each group, the mean over groups int [n]."""
    found = [
        verification(embeddings[rows], labels[rows])
        for rows in (groups == group for group in np.unique(groups))
    ]
    return {name: float(np.mean([one[name] for one in found])) for name in found[0]}


def _equal_error(positive, negative):
    """The equal error rate; ties at the threshold are taken, which only unequal pairs regret."""
    taken = np.searchsorted(negative, positive, side="right") / len(negative)
    refused = 1 - np.arange(1, len(positive) + 1) / len(positive)
    return float(np.maximum(taken, refused).min())


def scores(embeddings, labels, *, verified=2000):
    """All of these by name; verification of the pairs of so many examples, evenly spaced."""
    embeddings, labels = np.asarray(embeddings), np.asarray(labels)
    rows = np.linspace(0, len(labels) - 1, min(len(labels), verified)).astype(int)
    recalls = recall_at_k(embeddings, labels, ks=(1, 5))
    pairs = verification(embeddings[rows], labels[rows])
    return {
        **{f"recall_at_{k}": value for k, value in recalls.items()},
        **ranking_at_r(embeddings, labels),
        **{f"verification_{name}": value for name, value in pairs.items()},
    }


def squared_distances(a, b):
    """[n, m] of rows [n, d] and [m, d]; equal rows have exactly 0."""
    lengths = np.einsum("nd,nd->n", a, a)[:, None] + np.einsum("md,md->m", b, b)
    return np.maximum(lengths - 2 * a @ b.T, 0)
