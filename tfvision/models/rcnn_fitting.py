"""What R-CNN learns behind its network: machines for the classes, regressions of the boxes.

Two passes over the images: the first for the objects' features and for how large features are, the
second for hard negatives and for pairs of a proposal and the object near it.
"""

import numpy as np
import tensorflow as tf

from tfvision import ops
from tfvision.models.linear_svm import HardNegatives
from tfvision.models.ridge import Ridge

NORM = 20.0  # Of features, on average, when machines and regressions are fitted.
FAR, NEAR = 0.3, 0.6  # Overlap below which a proposal is a negative, above which it is a pair.
FIRST = 32  # Proposals of an image that tell how large features are.


def fit(model, batches, *, cost=1e-3, positive_weight=2.0, penalty=1000.0, retrain=2000):
    """Fits the model's machines and regressions to its network as it is, and puts them in.

    As in the reference code: positives are the objects' own boxes; negatives of a class overlap
    none of its objects by 0.3; all else is left out. Regressions learn from proposals that overlap
    an object by more than 0.6. Ridge regression's answer is linear in its targets, so that
    whitening these, as that code does, would change nothing.

    model    models.rcnn.RCNN
    batches  () -> iterable of data.proposal_batches.in_order_with
    cost, positive_weight   as linear_svm.fit has them
    penalty  of the regressions
    retrain  new hard negatives after which a machine is fitted again
    """
    describe = tf.function(model.described, autograph=False)
    positives, scales = objects_of(model, describe, batches())
    options = {"cost": cost, "positive_weight": positive_weight, "retrain": retrain}
    machines = [HardNegatives(found, **options) for found in positives]
    flat = model.regressor.kernel.shape[0]
    regressions = [Ridge(flat, 4) for _ in positives]
    for batch in batches():
        described = of_boxes(describe, batch["image"], batch["proposals"], scales)
        for i in real_rows(batch):
            part = {name: values[i] for name, values in batch.items()}
            use(part, *(values[i] for values in described), machines, regressions)
    put(model.machines, [machine.fit() for machine in machines], scales[1])
    put(model.regressor, [regression.solve(penalty) for regression in regressions], scales[0])
    model.fitted.assign(model.optimizer.iterations)


def real_rows(batch):
    """The places of a batch's images but those that only fill it up."""
    return np.flatnonzero(batch["row"] >= 0)


def of_boxes(describe, image, boxes, scales=(1.0, 1.0)):
    """Map [b, r, p] and features [b, r, d] of boxes, float32, times their scales."""
    found = describe(tf.cast(image, tf.float32), tf.constant(boxes))
    return [part.numpy() * np.float32(scale) for part, scale in zip(found, scales, strict=True)]


def objects_of(model, describe, batches):
    """The features of each class's objects, list of [n, d]; the scales of maps and of features."""
    positives, sums, count = [[] for _ in range(model.classes)], np.zeros(2), 0
    for batch in batches:
        own = batch["boxes"].shape[1]
        boxes = np.concatenate([batch["boxes"], batch["proposals"][:, :FIRST]], 1)
        maps, features = of_boxes(describe, batch["image"], boxes)
        rows = real_rows(batch)
        learned = (batch["classes"] >= 0) & ~batch["ignore"]
        for label, found in enumerate(positives):
            found += [features[i, :own][learned[i] & (batch["classes"][i] == label)] for i in rows]
        real = (boxes[rows, :, 2:] > boxes[rows, :, :2]).all(-1)
        sums += [np.linalg.norm(part[rows][real], axis=-1).sum() for part in (maps, features)]
        count += real.sum()
    scales = NORM * max(count, 1) / np.maximum(sums, 1e-6)
    return [np.concatenate(found) * np.float32(scales[1]) for found in positives], scales


def use(one, maps, features, machines, regressions):
    """Gives one image's proposals to the machines and regressions of all classes.

    one       boxes [m, 4], classes [m], ignore [m], proposals [r, 4]
    maps      float [r, p]; features: float [r, d]
    """
    boxes, proposals = one["boxes"], one["proposals"]
    overlap = ops.box_iou(proposals, boxes).numpy()
    usable = (proposals[:, 2:] > proposals[:, :2]).all(1)
    usable &= ops.covered(proposals[None], boxes[None], one["ignore"][None])[0].numpy() < 0.5
    for label, (machine, regression) in enumerate(zip(machines, regressions, strict=True)):
        ours = np.where(one["classes"] == label, overlap, 0.0)
        machine.look(features[usable & (ours.max(1) < FAR)])
        known = np.where(one["ignore"], 0.0, ours)
        pairs = usable & (known.max(1) > NEAR)
        wanted = boxes[known.argmax(1)[pairs]]
        regression.add(maps[pairs], ops.encode_boxes(wanted, proposals[pairs]).numpy())


def put(layer, solutions, scale):
    """Writes (w, b) of all classes into a dense layer that takes features as they are."""
    kernel = np.concatenate([np.reshape(w, [len(w), -1]) for w, _ in solutions], 1) * scale
    layer.kernel.assign(kernel)
    layer.bias.assign(np.concatenate([np.reshape(b, [-1]) for _, b in solutions]))
