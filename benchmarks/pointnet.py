"""A whole training step of PointNet, against the same network in PyTorch."""

import keras
import numpy as np
import tensorflow as tf

from tfvision.commands.bench import INPUTS, Case
from tfvision.models import pointnet

CLASSES = 40


def cases():
    """Yields the step of the paper: 32 sets of 1024 points, both T-Nets, Adam."""
    yield train_step(32, 1024)


def train_step(b, n):
    """Forward, backward, running averages and Adam; dropout and penalty included."""
    random = np.random.default_rng(0)
    sets = [random.normal(size=[b, n, 3]).astype(np.float32) for _ in range(INPUTS)]
    labels = [random.integers(0, CLASSES, b) for _ in range(INPUTS)]
    name = f"PointNet training step {b}x{n}, float32"
    return Case(name, ours(sets, labels), torch_peers(sets, labels))


def ours(sets, labels):
    """The step that `fit` runs, as one tf.function."""
    model = pointnet.classifier(CLASSES)
    model.compile(optimizer=keras.optimizers.Adam())
    step = tf.function(model.train_step)
    index = tf.range(len(labels[0]), dtype=tf.int64)
    batches = [
        {"points": tf.constant(points), "label": tf.constant(label, tf.int32), "index": index}
        for points, label in zip(sets, labels, strict=True)
    ]
    return lambda i: step(batches[i])["loss"].numpy()


def torch_peers(sets, labels):
    """The network in PyTorch, where it is installed, on two threads."""
    try:
        import torch
    except ImportError:
        return {}
    torch.set_num_threads(2)
    points = [torch.from_numpy(one.transpose(0, 2, 1).copy()) for one in sets]
    truth = [torch.from_numpy(label) for label in labels]
    return {"torch eager": torch_step(torch, points, truth),
            "torch.compile": torch_step(torch, points, truth, compiled=True)}


def torch_step(torch, points, truth, *, compiled=False):
    """A training step on channels-first points, as PointNet is usually written there."""
    parts = torch_network(torch)
    optimizer = torch.optim.Adam(parts.parameters())

    def loss(x, label):
        x = torch.bmm(aligning(torch, parts["input"], x).transpose(1, 2), x)
        x = parts["before"](x)
        matrix = aligning(torch, parts["feature"], x)
        x = parts["after"](torch.bmm(matrix.transpose(1, 2), x)).amax(2)
        product = torch.bmm(matrix, matrix.transpose(1, 2))
        penalty = ((torch.eye(matrix.shape[1]) - product) ** 2).sum((1, 2)).mean()
        return torch.nn.functional.cross_entropy(parts["head"](x), label) + 1e-3 * penalty

    loss = torch.compile(loss) if compiled else loss

    def step(i):
        optimizer.zero_grad(set_to_none=True)
        value = loss(points[i], truth[i])
        value.backward()
        optimizer.step()
        return value.item()

    return step


def torch_network(torch):
    """The layers of the classification network."""
    nn = torch.nn

    def shared(*widths):
        pairs = zip(widths, widths[1:], strict=False)
        return nn.Sequential(*(layer for a, b in pairs for layer in (
            nn.Conv1d(a, b, 1, bias=False), nn.BatchNorm1d(b), nn.ReLU())))

    def full(*widths, last):
        pairs = zip(widths, widths[1:], strict=False)
        return nn.Sequential(*(layer for a, b in pairs for layer in (
            nn.Linear(a, b, bias=False), nn.BatchNorm1d(b), nn.ReLU())), *last)

    def transform(d):
        last = nn.Linear(256, d * d)
        nn.init.zeros_(last.weight)
        last.bias.data = torch.eye(d).flatten()
        return nn.ModuleDict({"shared": shared(d, 64, 128, 1024),
                              "full": full(1024, 512, 256, last=[last])})

    last = [nn.Dropout(0.3), nn.Linear(256, CLASSES)]
    return nn.ModuleDict({
        "input": transform(3), "before": shared(3, 64, 64), "feature": transform(64),
        "after": shared(64, 64, 128, 1024), "head": full(1024, 512, 256, last=last),
    })


def aligning(torch, parts, x):
    """The matrices that a T-Net chooses: [b, d, d]."""
    return parts["full"](parts["shared"](x).amax(2)).unflatten(1, (x.shape[1], x.shape[1]))
