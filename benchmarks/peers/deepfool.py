"""DeepFool here against that of Foolbox and of the Adversarial Robustness Toolbox, same weights.

    python benchmarks/peers/deepfool.py ours runs/deepfool_lenet runs/deepfool_fc
    /path/to/other/venv/bin/python benchmarks/peers/deepfool.py theirs

The first needs tfvision and $TFVISION_DATA: it attacks test images of MNIST with the classifiers of
two runs, and leaves their weights and the images in build/deepfool_peers. The second rebuilds the
classifiers in PyTorch, in an environment of its own (pip install torch foolbox
adversarial-robustness-toolbox), attacks the same images, and writes both to
benchmarks/results/deepfool_peers.json. Run them one behind the other on a quiet machine.
"""

import argparse
import json
import time
from functools import partial
from importlib import metadata
from pathlib import Path

import numpy as np

FOLDER, RESULTS = Path("build/deepfool_peers"), Path("benchmarks/results/deepfool_peers.json")
PARTS = (100, 250, 1000)  # Images at a time; the fastest counts.


def main():
    """Runs one side."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("side", choices=["ours", "theirs"])
    parser.add_argument("runs", nargs="*", type=Path)
    parser.add_argument("--images", type=int, default=1000)
    flags = parser.parse_args()
    if flags.side == "ours":
        ours(flags.runs, flags.images)
    else:
        theirs()


def ours(runs, count):
    """Attacks with tfvision; leaves what the other side needs."""
    from tfvision.data import mnist

    FOLDER.mkdir(parents=True, exist_ok=True)
    x = mnist.load(split="test")["image"][:count] / np.float32(255)
    found = {}
    for run in runs:
        config, model = restored(run)
        np.savez(FOLDER / f"{config.network}.npz", *model.classifier.get_weights(), x=x)
        ways = {name: partial(attacked, attack, x) for name, attack in attacks(model).items()}
        for way in ways.values():
            way(PARTS[0])  # Traced before it is timed.
        found[config.network] = {name: best(x, way) for name, way in ways.items()}
        show(config.network, found[config.network])
    (FOLDER / "ours.json").write_text(json.dumps(found, indent=2) + "\n")


def restored(run):
    """A run's flags and its model."""
    import importlib

    from tfvision.commands import export, flags

    app = importlib.import_module("tfvision.apps.deepfool")
    config, _ = flags.parse_again(app, "evaluate", ["--run", str(run)])
    return config, export.restored(app, config)


def attacks(model):
    """Our attack in the settings of the peers, by name."""
    import tensorflow as tf

    from tfvision import ops

    def shortened(x):
        return ops.shorten(model.classify, x, ops.deepfool(model.classify, x))

    def compiled(attack):
        return tf.function(attack, input_signature=[tf.TensorSpec([None, 28, 28, 1])])

    settings = {
        "overshoot 0.02": {},
        "overshoot 0.02, linearised there": {"linearise_at": "overshot", "nudge": 1e-5},
        "overshoot 0.02, clipped": {"linearise_at": "overshot", "clip": (0.0, 1.0)},
        "overshoot 1e-6": {"overshoot": 1e-6, "max_iterations": 100},
    }
    found = {
        name: compiled(lambda x, o=options: ops.deepfool(model.classify, x, **o))
        for name, options in settings.items()
    }
    return found | {"overshoot 0.02, shortened": compiled(shortened)}


def attacked(attack, x, part):
    """Perturbed images float32 [n, 28, 28, 1] and who is fooled."""
    import tensorflow as tf

    found = [attack(tf.constant(x[i : i + part])) for i in range(0, len(x), part)]
    return (np.concatenate([one.perturbed.numpy() for one in found]),
            np.concatenate([one.fooled.numpy() for one in found]))


def theirs():
    """Attacks with the peers; writes both sides down."""
    import torch

    found = json.loads((FOLDER / "ours.json").read_text())
    both = {}
    for name, own in found.items():
        with np.load(FOLDER / f"{name}.npz") as stored:
            weights = [stored[f"arr_{i}"] for i in range(len(stored.files) - 1)]
            x = stored["x"]
        net = rebuilt(weights)
        other = {peer: best(x, partial(perturbed, net, attack, x), parts)
                 for peer, (attack, parts) in peers(net).items()}
        show(name, other)
        both[name] = {"images": len(x), "tfvision": own, "peers": other}
    packages = ("torch", "foolbox", "adversarial-robustness-toolbox")
    about = {"threads": torch.get_num_threads(), "versions": {p: metadata.version(p)
                                                              for p in packages}}
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(about | {"classifiers": both}, indent=2) + "\n")
    print(RESULTS)


def rebuilt(weights):
    """The classifier in PyTorch, from Keras's weights: channels first, transposed matrices."""
    import torch

    class Flatten(torch.nn.Module):
        def forward(self, x):
            return x.permute(0, 2, 3, 1).flatten(1)

    layers, flat = [], False
    for kernel, bias in zip(weights[::2], weights[1::2], strict=True):
        if kernel.ndim == 4:
            layer = torch.nn.Conv2d(kernel.shape[2], kernel.shape[3], kernel.shape[0])
            kernel, behind = kernel.transpose(3, 2, 0, 1), [torch.nn.ReLU(), torch.nn.MaxPool2d(2)]
        else:
            layers, flat = layers + [Flatten()] * (not flat), True
            layer, behind = torch.nn.Linear(*kernel.shape), [torch.nn.ReLU()]
            kernel = kernel.T
        layer.weight.data, layer.bias.data = (torch.tensor(v.copy()) for v in (kernel, bias))
        layers += [layer, *behind]
    net = torch.nn.Sequential(*layers[:-1]).eval()  # No ReLU behind the logits.
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    return net


def peers(net):
    """name -> (images -> perturbed images, numbers of images at a time to try)."""
    return {
        "Foolbox, overshoot 0.02": (foolbox(net, (-100, 100)), PARTS),
        "Foolbox, overshoot 0.02, clipped": (foolbox(net, (0, 1)), PARTS),
        "ART, overshoot 1e-6": (toolbox(net, 250), (1000,)),
        "ART, overshoot 1e-6, one by one": (toolbox(net, 1), (1000,)),
    }


def foolbox(net, bounds):
    import foolbox as fb

    model = fb.PyTorchModel(net, bounds=bounds)
    attack = fb.attacks.L2DeepFoolAttack(steps=50, candidates=10, overshoot=0.02)
    return lambda x: attack.run(model, x, net(x).argmax(1)).numpy()


def toolbox(net, batch):
    import torch
    from art.attacks.evasion import DeepFool
    from art.estimators.classification import PyTorchClassifier

    model = PyTorchClassifier(net, torch.nn.CrossEntropyLoss(), (1, 28, 28), 10)
    attack = DeepFool(model, max_iter=100, epsilon=1e-6, nb_grads=10, batch_size=batch,
                      verbose=False)
    return lambda x: attack.generate(x.numpy())


def perturbed(net, attack, x, part):
    """Perturbed images float32 [n, 28, 28, 1] and who is fooled, through PyTorch."""
    import torch

    x = torch.tensor(np.ascontiguousarray(x.transpose(0, 3, 1, 2)))
    found = np.concatenate([attack(x[i : i + part]) for i in range(0, len(x), part)])
    fooled = net(torch.tensor(found)).argmax(1) != net(x).argmax(1)
    return found.transpose(0, 2, 3, 1), fooled.numpy()


def best(x, attack, parts=PARTS):
    """What an attack does to x, and the time of the fastest number of images at a time."""
    times = {}
    for part in parts:
        begin = time.perf_counter()
        found, fooled = attack(part)
        times[part] = 1000 * (time.perf_counter() - begin) / len(x)
    size, far = (np.linalg.norm(v.reshape(len(x), -1), axis=1) for v in (x, found - x))
    return {
        "median_l2": float(np.median(far)), "rho": float(np.mean(far / size)),
        "fooled": float(np.mean(fooled)), "ms_per_image": min(times.values()),
        "at_a_time": min(times, key=times.get),
    }


def show(name, found):
    for setting, values in found.items():
        told = "  ".join(f"{key} {value:.4g}" for key, value in values.items())
        print(f"{name}  {setting:36} {told}", flush=True)


if __name__ == "__main__":
    main()
