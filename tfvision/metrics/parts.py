"""How well the parts of point sets are found, and their classes."""

import numpy as np


def shape_iou(labels, truth, parts):
    """Mean intersection over union of one shape's points, over the parts of its category.

    A part that is neither there nor predicted counts as 1 (Yi et al., 2016; Qi et al., 2017).

    labels, truth  int [n]
    parts          the numbers of the category's parts, at least one
    """
    labels, truth = np.asarray(labels), np.asarray(truth)
    scores = []
    for part in parts:
        union = np.sum((labels == part) | (truth == part))
        both = np.sum((labels == part) & (truth == part))
        scores.append(both / union if union else 1.0)
    return float(np.mean(scores))


def part_scores(labels, truth, category, parts):
    """Means over shapes and over categories of `shape_iou`, and the share of right points.

    labels, truth  int [b, n]
    category       int [b]
    parts          bool [categories, k]
    return         {"instance_miou", "category_miou", "point_accuracy"}
    """
    ious = np.array([
        shape_iou(a, b, np.flatnonzero(parts[c]))
        for a, b, c in zip(labels, truth, category, strict=True)
    ])
    category = np.asarray(category)
    return {
        "instance_miou": float(ious.mean()),
        "category_miou": float(np.mean([ious[category == c].mean() for c in np.unique(category)])),
        "point_accuracy": float(np.mean(np.asarray(labels) == np.asarray(truth))),
    }


def scene_scores(labels, truth, classes):
    """Intersection over union of all points of all scenes, class by class, and their mean.

    A class that is neither there nor predicted is left out.

    labels, truth  int [b, n]
    return         {"miou", "point_accuracy"}
    """
    pairs = np.bincount(np.ravel(truth) * classes + np.ravel(labels), minlength=classes**2)
    pairs = pairs.reshape(classes, classes)
    both, union = np.diag(pairs), pairs.sum(0) + pairs.sum(1) - np.diag(pairs)
    return {
        "miou": float(np.mean(both[union > 0] / union[union > 0])),
        "point_accuracy": float(both.sum() / pairs.sum()),
    }


def class_scores(best, label):
    """Share of right answers, of wrong ones in percent, and the mean over classes of the first."""
    right = np.asarray(best) == np.asarray(label)
    return {
        "accuracy": float(right.mean()),
        "error_percent": float(100 * (1 - right.mean())),
        "class_accuracy": float(np.mean([right[label == k].mean() for k in np.unique(label)])),
    }
