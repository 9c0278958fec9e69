"""One-shot classification: a name for an image from one example per class (Lake et al., 2015)."""

import numpy as np


def one_shot_error(distances, answers):
    """Share of test images whose nearest training image is not that of their class.

    A tie with another class is an error: an embedding that has collapsed scores 1, not 0.

    distances  list of float [tests, classes], a matrix per run
    answers    list of int [tests], the right class of each
    """
    return float(np.mean(np.concatenate(wrong(distances, answers))))


def wrong(distances, answers):
    """Which tests went wrong: list of bool [tests]."""
    found = []
    for matrix, answer in zip(distances, answers, strict=True):
        matrix, answer = np.array(matrix, np.float64), np.asarray(answer)
        rows = np.arange(len(answer))
        own = matrix[rows, answer]
        matrix[rows, answer] = np.inf
        found.append(~(own < matrix.min(1)))  # NaN is wrong, too.
    return found


def standard_error(distances, answers):
    """Of one_shot_error, from the spread of the runs: how far other runs would move it."""
    errors = [np.mean(run) for run in wrong(distances, answers)]
    return float(np.std(errors, ddof=1) / np.sqrt(len(errors))) if len(errors) > 1 else 0.0


def scores(distances, answers):
    """one_shot_error and its standard_error by name."""
    return {
        "one_shot_error": one_shot_error(distances, answers),
        "one_shot_standard_error": standard_error(distances, answers),
    }


def accuracies(distances, answers, *, first):
    """Share of test images named rightly, and its standard error: of the first runs, and of all.

    return   {"accuracy", "standard_error", "accuracy_N", "standard_error_N"}, N tests in all
    """
    few, many = scores(distances[:first], answers[:first]), scores(distances, answers)
    n = sum(map(len, answers))
    return {
        "accuracy": 1 - few["one_shot_error"],
        "standard_error": few["one_shot_standard_error"],
        f"accuracy_{n}": 1 - many["one_shot_error"],
        f"standard_error_{n}": many["one_shot_standard_error"],
    }


def pixel_distances(tests, training):
    """Euclidean distances of the images as they are: float [n, m]; images uint8 [n, h, w, c]."""
    a, b = (np.reshape(x, [len(x), -1]).astype(np.float64) for x in (tests, training))
    return np.sqrt(((a[:, None] - b[None]) ** 2).sum(-1))


def hausdorff_distances(tests, training, *, paper=255):
    """Modified Hausdorff distances of the ink (Dubuisson and Jain, 1994, d22 with d6): [n, m].

    The larger of the two mean distances from the ink of one image to the nearest ink of the other;
    each drawing is first moved so that its centre of mass is the origin.

    tests     uint8 [n, h, w, c]; what is not `paper` in the first channel is ink
    training  uint8 [m, h, w, c]
    return    float [n, m], px; infinite where an image has no ink
    """
    a, b = ([_ink(image, paper) for image in images] for images in (tests, training))
    return np.array([[_modified_hausdorff(one, other) for other in b] for one in a])


def _ink(image, paper):
    """Where the ink is, (x, y) from its centre of mass: float [k, 2], px."""
    y, x = np.nonzero(np.asarray(image)[..., 0] != paper)
    points = np.stack([x, y], 1).astype(np.float64)
    return points - points.mean(0) if len(points) else points


def _modified_hausdorff(a, b):
    if not len(a) or not len(b):
        return np.inf
    (ax, ay), (bx, by) = a.T[..., None], b.T
    squares = (ax - bx) ** 2 + (ay - by) ** 2
    return float(max(np.sqrt(squares.min(axis)).mean() for axis in (0, 1)))


def runs(examples, *, count, ways=20, seed=0):
    """One-shot runs in the publisher's manner, from a data set with alphabets and drawers.

    Each is of `ways` characters of one alphabet, the training images by one of its drawers and the
    test images by another one; the alphabets with as many characters take turns.

    examples  dict of image uint8 [n, h, w, c] and label, alphabet, drawer int [n]
    return    list of dicts: training and test uint8 [ways, h, w, c]; answer int32 [ways], the row
              of `training` that shows the same character as each test image
    raises    ValueError where no alphabet has so many characters
    """
    random = np.random.default_rng(seed)
    alphabets = _alphabets(examples, ways)
    found = []
    for i in range(count):
        rows = alphabets[i % len(alphabets)]  # [characters, drawers]
        characters = random.choice(len(rows), ways, replace=False)
        first, second = random.choice(rows.shape[1], 2, replace=False)
        answer = random.permutation(ways).astype(np.int32)
        training, test = rows[characters, first], rows[characters[answer], second]
        images = {"training": examples["image"][training], "test": examples["image"][test]}
        found.append(images | {"answer": answer})
    return found


def runs_of_classes(examples, *, count, seed=0):
    """Runs in which every class is to be told from all others by one image of each.

    The images of a run are drawn at random, two of each class: one to learn from, one to name.

    examples  dict of image uint8 [n, h, w, c] and label int [n]
    return    list of dicts, as `runs`
    raises    ValueError for a class of one image
    """
    random = np.random.default_rng(seed)
    label = np.asarray(examples["label"])
    rows = [np.flatnonzero(label == value) for value in np.unique(label)]
    if min(map(len, rows)) < 2:
        raise ValueError("Expected two images of every class. Received: a class of 1")
    found = []
    for _ in range(count):
        training, test = np.transpose([random.choice(own, 2, replace=False) for own in rows])
        answer = random.permutation(len(rows)).astype(np.int32)
        images = {"training": training, "test": test[answer]}
        found.append({name: examples["image"][at] for name, at in images.items()})
        found[-1]["answer"] = answer
    return found


def _alphabets(examples, ways):
    """The rows of each alphabet's images, int [characters, drawers]; drawers who drew them all."""
    found = []
    for alphabet in np.unique(examples["alphabet"]):
        rows = np.flatnonzero(examples["alphabet"] == alphabet)
        labels, label = np.unique(examples["label"][rows], return_inverse=True)
        drawers, drawer = np.unique(examples["drawer"][rows], return_inverse=True)
        table = np.full([len(labels), len(drawers)], -1)
        table[label, drawer] = rows
        table = table[:, (table >= 0).all(0)]
        if len(table) >= ways and table.shape[1] >= 2:
            found.append(table)
    if not found:
        raise ValueError(
            f"Expected an alphabet with {ways} characters by the same two drawers. "
            f"Received: {len(np.unique(examples['alphabet']))} smaller ones"
        )
    return found
