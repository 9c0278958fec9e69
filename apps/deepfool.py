"""DeepFool: the least change that fools a classifier (Moosavi-Dezfooli et al., 2016)."""

import dataclasses
import time
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Literal

import keras
import numpy as np
import tensorflow as tf

from tfvision import engine, ops
from tfvision.data import class_folders, folder, mnist
from tfvision.data.stream import stream
from tfvision.data.synthetic import digits
from tfvision.metrics import robustness
from tfvision.models import classifiers
from tfvision.models.adversarial import AdversarialTraining, usual_norm
from tfvision.models.reverse import Reversible
from tfvision.viz import panels
from tfvision.viz.perturbations import sheet

TASK = "classification"
DATA = Literal["embedded", "mnist", "folder", "class_folders"]
DRAWN, SHOWN = 250, 8  # Images that are looked at for the picture, and shown of each kind.


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(engine.RunConfig):
    """Train a classifier, and find the smallest changes of images that it mistakes.

    Your own: --classifier model.keras --data folder --root my_images --steps 0, then `tfvision
    evaluate`, `draw` and `export`. The paper's fine-tuning: --start runs/deepfool --adversarial
    deepfool --perturb once, with half of the learning rate.
    """

    run: Path = Path("runs/deepfool")
    data: DATA = "embedded"  # Yours, in --root: folder, or class_folders with one for each class.
    train_split: Literal["fit", "train"] = "fit"  # train: all, `validation` too; for --split test.
    steps: int = 5000  # 0: the classifier is taken as it is.
    batch_size: int = 128
    epoch_steps: int = 500
    learning_rate: float = 0.05  # Of SGD with momentum 0.9 and cosine decay.
    weight_decay: float = 0.0  # Share of each weight that a step takes away, times the rate.
    network: Literal["lenet", "fc"] = "lenet"  # With two convolutions, or dense layers alone.
    filters: tuple[int, int] = (20, 50)  # lenet: of its convolutions.
    units: tuple[int, ...] = (128,)  # Of the dense layers; fc: the paper's are 500 150.
    classifier: Path | None = None  # Instead: any saved Keras classifier.
    from_logits: bool | None = None  # Whether it gives logits; None: its last layer tells.
    bounds: tuple[float, float] = (0.0, 1.0)  # What pixels 0 and 255 are to the classifier.
    size: int = 0  # Side of your images, px; 0: what the classifier takes.
    start: Path | None = None  # A run of the same network whose weights are the first.
    adversarial: Literal["none", "fgsm", "pgd", "deepfool"] = "none"  # What training is against.
    alpha: float = 0.5  # Share of the loss of unchanged images; with --perturb once there is none.
    perturb: Literal["each_step", "once"] = "each_step"  # once: all images before the first step.
    magnify: float = 1.0  # deepfool: factor on what is trained against.
    epsilon: float = 0.1  # fgsm, pgd: length of the change, as a share of the range of --bounds.
    pgd_steps: int = 20  # Also of deepfool in training, where --max-iterations is not given.
    attack: Literal["deepfool", "fgsm", "pgd"] = "deepfool"  # What is timed and drawn.
    norm: Literal["l2", "linf"] | None = None  # Of changes; None: l2 of deepfool, else linf.
    linearise_at: Literal["plain", "overshot"] = "plain"  # The paper, or the authors' Python.
    num_classes: int = 10  # deepfool: likeliest classes that are tried.
    overshoot: float = 0.02  # deepfool: share by which its changes go too far.
    max_iterations: int | None = None  # deepfool; None: 50, in training --pgd-steps.
    clip: bool = False  # Keep perturbed images in the range of valid ones; not in the paper.
    images: int = 0  # That `evaluate` measures, the first ones; 0: all.


TINY = Config(
    steps=4, epoch_steps=2, batch_size=4, network="fc", units=(5, 4), adversarial="fgsm",
    images=20, pgd_steps=2, num_classes=3, max_iterations=5,
)


def build(config):
    plain = config.adversarial == "none" or config.perturb == "once"
    model = system(network(config), config, None if plain else config.adversarial)
    check_classes(model, config)
    rate = keras.optimizers.schedules.CosineDecay(config.learning_rate, max(config.steps, 1))
    decay = config.weight_decay or None
    model.compile(optimizer=keras.optimizers.SGD(rate, momentum=0.9, weight_decay=decay))
    return model


def check_classes(model, config):
    """ValueError for a classifier that cannot be shown the images, or has not their classes."""
    shape_of(model, config)
    count, names = model.logits.output_shape[-1], classes(config)
    if names and len(names) != count:
        raise ValueError(f"Expected a classifier of {len(names)} classes, as --data {config.data} "
                         f"has. Received: {config.classifier} with {count}")


def system(classifier, config, attack):
    """The classifier with what it is trained against."""
    return AdversarialTraining(
        classifier,
        attack=attack,
        alpha=config.alpha,
        epsilon=epsilon(config),
        steps=config.pgd_steps,
        magnify=config.magnify,
        norm=config.norm,
        bounds=config.bounds,
        from_logits=config.from_logits,
        seed=config.seed,
        num_classes=config.num_classes,
        linearise_at=config.linearise_at,
        overshoot=config.overshoot,
        max_iterations=config.max_iterations,
    )


def epsilon(config):
    """In units of the classifier's inputs."""
    low, high = config.bounds
    return config.epsilon * (high - low)


def norm_of(config):
    """Of --attack."""
    return config.norm or usual_norm(config.attack)


def network(config):
    """The classifier."""
    if config.classifier is not None:
        if not config.classifier.exists():
            raise ValueError(f"{config.classifier}: no such file. Expected a saved Keras model")
        return keras.models.load_model(config.classifier, compile=False)
    if config.data == "class_folders":
        side, count = config.size or 28, len(class_folders.names(config.root))
        shape = (side, side, 3)
    elif config.data == "folder":
        raise ValueError("Expected --classifier for images without labels. Received: --data folder")
    else:
        shape, count = (28, 28, 1), len(digits.CLASSES)
    if config.network == "fc":
        return classifiers.fully_connected(shape, count, units=config.units)
    return classifiers.lenet(shape, count, filters=config.filters, units=config.units[0])


def shape_of(model, config):
    """Of the images that the classifier takes: (h, w, c)."""
    inputs = getattr(model.classifier, "inputs", None)
    if not inputs:
        raise ValueError("Expected a Sequential or functional classifier, whose inputs are known. "
                         f"Received: {type(model.classifier).__name__}")
    shape = inputs[0].shape[1:]
    if len(shape) != 3 or shape[2] not in (1, 3) or shape[0] != shape[1]:
        raise ValueError(
            "Expected a classifier of square images with 1 or 3 channels. "
            f"Received: {config.classifier} for {tuple(shape)}"
        )
    side = shape[0] or config.size
    if not side:
        raise ValueError(f"Expected --size: {config.classifier} takes images of any")
    return side, side, shape[2]


def classes(config):
    """Their names; none for images without labels."""
    if config.data == "class_folders":
        return class_folders.names(config.root)
    return [] if config.data == "folder" else list(digits.CLASSES)


def train(model, config):
    if config.start is not None:
        begin_with(model, config)
    if not config.steps:
        engine.save(model, config.run / "checkpoints", 1)
        return
    known = load(model, config, config.train_split)
    once = config.perturb == "once" and config.adversarial != "none"
    if once and config.start is None and config.classifier is None:
        raise ValueError("Expected --start with --perturb once: a network that knows nothing has "
                         "no borders to go to. Received: start=None")
    if "label" not in known:
        raise ValueError("Expected labels to train with: --data class_folders, or --steps 0 to "
                         f"take the classifier as it is. Received: --data {config.data}")
    if once:
        known = known | {"image": perturbed_once(model, config, known)}
    data = partial(stream, known, batch_size=config.batch_size, seed=config.seed)
    engine.fit(model, data, config, picture=lambda: draw(model, config))


def begin_with(model, config):
    """Gives the classifier the weights of another run's newest checkpoint."""
    other = build(dataclasses.replace(config, adversarial="none"))
    if not engine.restore(other, config.start / "checkpoints"):
        raise ValueError(f"{config.start}: no checkpoint is there. Train that run first")
    model.classifier.set_weights(other.classifier.get_weights())


def perturbed_once(model, config, known):
    """All images as the attack changes them now, against the weights of the start."""
    perturb = tf.function(system(model.classifier, config, config.adversarial).perturb)
    count, size = len(known["image"]), robustness.at_a_time(known["image"], 250)
    parts = [slice(i, i + size) for i in range(0, count, size)]
    index = np.arange(count)
    return np.concatenate([
        perturb(inputs(model, known["image"][part]), known["label"][part], index[part]).numpy()
        for part in parts
    ])


def inputs(model, image):
    """uint8 images as the classifier takes them."""
    return model.inputs_of(tf.constant(image))


def load(model, config, split):
    """A split: image uint8 [n, h, w, c] and, where there are labels, label int32 [n]."""
    shape = shape_of(model, config)
    own = config.data in ("folder", "class_folders")
    if not own and shape != (28, 28, 1):
        raise ValueError(f"Expected a classifier of 28 x 28 px grey images for {config.data}. "
                         f"Received: {shape}")
    return read(config.data, config.root, split, *shape[1:])


@cache
def read(data, root, split, size, channels):
    if data == "embedded":
        return digits.load(split)
    if data == "mnist":
        return mnist.load(root, split)
    split = "train" if split == "fit" else split
    reader = folder if data == "folder" else class_folders
    return reader.load(root, split, size=size, channels=channels)


def evaluate(model, config):
    """How far images have to be changed, by which attack; what the classifier errs without.

    rho is the paper's measure, over all images, by DeepFool, with the network in its name; fooled,
    iterations, median lengths and the time are those of --attack. Lengths are in units of the
    classifier's inputs, an epsilon is a share of their range. pgd_accuracy is a guard: who hides
    the gradient from DeepFool alone has a large rho, but falls to many small steps.
    """
    own_validation = config.data != "class_folders"
    if own_validation and config.train_split == "train" and config.split != "test":
        raise ValueError("Expected --split test, all else was trained on: --train-split train. "
                         f"Received: split={config.split}")
    known = load(model, config, config.split)
    x = inputs(model, known["image"][: config.images or None]).numpy()
    label = known["label"][: len(x)] if "label" in known else None
    found = {n: attacked(model, config, x, "deepfool", n)[0] for n in ("l2", "linf")}
    error = 100 * np.mean(found["l2"].label != label)
    name = metric(config)
    return {
        f"rho_{name}": robustness.rho(found["l2"].perturbation, x, "l2"),
        f"rho_linf_{name}": robustness.rho(found["linf"].perturbation, x, "linf"),
        **({} if label is None else {"error_percent": float(error)}),
        **of_attack(model, config, x),
        **of_one_step(model, config, x),
        "pgd_accuracy": resisted(model, config, x, label),
    }


def metric(config):
    """The classifier's name in metrics: lenet, fc, fc_clean_tuned, fc_deepfool_half_tuned, ..."""
    name = config.network if config.classifier is None else "classifier"
    against = "clean" if config.adversarial == "none" else config.adversarial
    if config.perturb == "once" and against != "clean":
        return f"{name}_{against}_once"
    if against != "clean" and config.alpha:
        against += "_half" if config.alpha == 0.5 else f"_{config.alpha:g}"
    if config.start is not None:
        return f"{name}_{against}_tuned"
    return name if against == "clean" else f"{name}_{against}_trained"


def of_attack(model, config, x):
    """What --attack took, and the time of one image when all are attacked."""
    norm = norm_of(config)
    found, seconds = attacked(model, config, x, config.attack, norm)
    scores = robustness.summary(found, x, norm)
    scores.pop("rho")
    return scores | {"ms_per_sample": 1000 * seconds / len(x)}


def of_one_step(model, config, x):
    """FGSM with the smallest epsilon that fools 90 %, as in the paper; nothing where none does."""
    low, high = config.bounds
    far = high - low
    found = robustness.weakest_fgsm(model.classify, x, highest=far, tolerance=1e-3 * far)
    if found is None:
        return {}
    return {f"rho_fgsm_{metric(config)}": found.rho, "fgsm_epsilon_90": found.epsilon / far}


def resisted(model, config, x, label):
    """Share of the images with the right class, or the one without attack, under PGD."""
    found, _ = attacked(model, config, x, "pgd", "linf", label)
    return float(1 - np.mean(found.fooled))


def attacked(model, config, x, kind, norm, label=None):
    """The attack's result on all inputs, float [n, h, w, c], and the seconds that it took."""
    attack = compiled_attack(model, config, kind, norm, label is not None)
    robustness.attack_all(attack, x[:2], label=None if label is None else label[:2])
    begin = time.monotonic()
    found = robustness.attack_all(attack, x, label=label)
    return found, time.monotonic() - begin


@lru_cache(8)
def compiled_attack(model, config, kind, norm, labelled):
    """An attack as robustness.attack_all wants it, compiled once for batches of any size."""
    shape = shape_of(model, config)
    specs = [tf.TensorSpec([None, *shape]), tf.TensorSpec([None], tf.int64)]
    specs += [tf.TensorSpec([None], tf.int32)] * labelled
    attack = partial(attack_of, model.classify, config, kind, norm)
    return tf.function(attack, input_signature=specs, autograph=False)


def attack_of(classify, config, kind, norm, x, index, label=None):
    """ops.Attack on inputs, all of whose numbers come from the flags."""
    clip = config.bounds if config.clip else None
    if kind == "deepfool":
        return ops.deepfool(
            classify, x, label=label, norm=norm, num_classes=config.num_classes,
            linearise_at=config.linearise_at, overshoot=config.overshoot,
            max_iterations=50 if config.max_iterations is None else config.max_iterations,
            clip=clip,
        )
    far = epsilon(config)
    same = {"epsilon": far, "label": label, "norm": norm, "clip": config.bounds}
    if kind == "fgsm":
        return ops.fgsm(classify, x, **same)
    start = ops.random_perturbation(index, x, epsilon=far, norm=norm, seed=config.seed)
    return ops.pgd(classify, x, step=2.5 * far / config.pgd_steps, steps=config.pgd_steps,
                   start=start, stop_when_fooled=True, **same)


def draw(model, config):
    """Images that are fooled by the smallest changes, by the largest, and not at all."""
    known = load(model, config, config.split if config.split == "test" else "validation")
    known = {name: value[:DRAWN] for name, value in known.items()}
    x = inputs(model, known["image"]).numpy()
    attack = compiled_attack(model, config, config.attack, norm_of(config), False)
    found = robustness.attack_all(attack, x)
    ratio = robustness.ratios(found.perturbation, x, norm_of(config))
    order = np.argsort(ratio, kind="stable")
    fooled = order[found.fooled[order]]
    kinds = {
        "fooled by the smallest changes": fooled[:SHOWN],
        "fooled by the largest": fooled[SHOWN:][-SHOWN:],
        "not fooled": order[~found.fooled[order]][:SHOWN],
    }
    if "label" in known:
        mistaken = order[(known["label"] != found.label)[order]]
        kinds["mistaken before: right > given > now"] = mistaken[:SHOWN]
    low, high = config.bounds
    change, names = found.perturbation / (high - low), classes(config)
    told = partial(told_of, names, known.get("label"), found, ratio)
    return panels.above(*(
        part for title, rows in kinds.items() if len(rows)
        for part in sheet(title, known["image"], change, [told(row) for row in rows], rows)
    ))


def told_of(names, label, found, ratio, row):
    """The classes before and after, and how large the change is."""
    places = [found.label[row], found.new_label[row]]
    if label is not None and label[row] != found.label[row]:
        places.insert(0, label[row])
    words = [names[place] if names else str(place) for place in places]
    return f"{' > '.join(words)}   {100 * ratio[row]:.1f} %"


def examples(config):
    """Digits, resized for your own classifier, one, two or three at a time."""
    counts = (1, 1, 1, 1, 1, 1, 1, 3, 2)
    image = digits.load("validation")["image"][: 2 * len(counts) + 2]
    shape = shape_of(system(network(config), config, None), config)
    if shape != (28, 28, 1):
        image = tf.image.resize(image, shape[:2]).numpy().round().astype(np.uint8)
        image = np.repeat(image, shape[2], -1)
    return [{"image": image[2 * i : 2 * i + n]} for i, n in enumerate(counts)]


def serve(model):
    """The classifier; and DeepFool against it, where its gradient can be exported."""
    attack = {}
    try:
        attack["attack"] = partial(model.fool, portable=Reversible(model.logits))
    except ValueError as error:
        print(f"The signature `attack` is left out. {error}")
    shape = list(model.classifier.inputs[0].shape[1:])
    same = {"inputs": {"image": tf.TensorSpec([None, *shape], tf.uint8, name="image")}}
    if None not in shape:
        same |= {"fixed": {"image": [1, *shape]}, "fit": "stretch"}
    functions = {"serving_default": model.look} | attack
    return {name: engine.Signature(fn, **same) for name, fn in functions.items()}
