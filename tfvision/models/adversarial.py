"""Training any classifier on inputs that are changed against it (Goodfellow et al., 2015)."""

import keras
import tensorflow as tf

from tfvision import ops
from tfvision.models.base import System
from tfvision.models.logits import logits_model

ATTACKS = (None, "fgsm", "pgd", "deepfool")


@keras.saving.register_keras_serializable("tfvision")
class AdversarialTraining(System):
    """A classifier and how it is trained; without an attack, as ever.

    With "fgsm" and alpha = 0.5 it is Goodfellow's mixture, with "pgd" and alpha = 0 that of Madry
    et al. (2018), with "deepfool" each input is moved just over the nearest border and keeps its
    class. What is learned is in `classifier`: nothing of this wrapper is needed afterwards. Losses
    that the classifier has of its own, such as regularisers, are added once.

    Batches are dicts of "image", "label" and "index", or tuples (image, label); images are uint8
    [b, h, w, c], which become numbers of `bounds`, or float as the classifier takes them; labels
    are class numbers, int [b].

    classifier      keras.Model -> [b, k], see models.logits.logits_model for its end
    attack          None, "fgsm", "pgd" or "deepfool"
    alpha           share of the loss that the unchanged inputs have; 0: they are not looked at
    epsilon         length of the perturbations of fgsm and pgd, in units of the inputs
    step            length of a step of pgd; None: 2.5 epsilon / steps
    steps           of pgd, and at most of deepfool while training
    norm            "linf" or "l2"; None: l2 of deepfool, linf of the others
    magnify         factor on deepfool's perturbations, while training
    bounds          (low, high), the range of valid inputs
    from_logits     as for logits_model
    seed            of pgd's starts, which belong to examples
    num_classes, linearise_at, overshoot, max_iterations
                    as for ops.deepfool, while training and in `fool`; max_iterations None: `steps`
                    while training, 50 in `fool`
    raises          ValueError for arguments that make no sense, and in a step for batches
    """

    def __init__(
        self, classifier, *, attack=None, alpha=0.5, epsilon=0.1, step=None, steps=10,
        norm=None, magnify=1.0, bounds=(0.0, 1.0), from_logits=None, seed=0, num_classes=10,
        linearise_at="plain", overshoot=0.02, max_iterations=None, **options,
    ):
        super().__init__(**options)
        _check(attack, alpha, bounds, epsilon, step, steps)
        self.classifier, self.bounds = classifier, tuple(bounds)
        self.logits = logits_model(classifier, from_logits=from_logits)
        self.attack, self.alpha, self.norm, self.seed = attack, alpha, norm, seed
        self.epsilon, self.steps, self.magnify = epsilon, steps, magnify
        self.step, self.from_logits = step, from_logits
        self.num_classes, self.linearise_at = num_classes, linearise_at
        self.overshoot, self.max_iterations = overshoot, max_iterations
        self.make_means("loss", "accuracy", "adversarial_accuracy")
        self.built = True

    def train_step(self, data):
        x, label, index = self.examples(data)
        perturbed = tf.stop_gradient(self.perturb(x, label, index)) if self.attack else x
        alpha = self.alpha if self.attack else 0.0
        with tf.GradientTape() as tape:
            logits = self.logits(perturbed, training=True)
            loss = (1 - alpha) * cross_entropy(label, logits)
            if alpha:
                clean = self.logits(x, training=True)
                loss += alpha * cross_entropy(label, clean)
            loss += self.own_losses()
        self.descend(tape, loss, self.optimizer, self.trainable_weights)
        seen = {"adversarial_accuracy": accuracy(label, logits)} if self.attack else {}
        known = clean if alpha else logits
        if alpha or not self.attack:
            seen["accuracy"] = accuracy(label, known)
        return self.track(loss=loss, **seen)

    def test_step(self, data):
        """Loss and accuracy of unchanged inputs, whatever training is against."""
        x, label, _ = self.examples(data)
        logits = self.logits(x, training=False)
        loss = cross_entropy(label, logits) + self.own_losses()
        return self.track(loss=loss, accuracy=accuracy(label, logits))

    def own_losses(self):
        """The sum of those that the classifier adds by itself, as it was called last."""
        return sum(tf.cast(loss, tf.float32) for loss in self.logits.losses)

    def examples(self, data):
        """Inputs, labels int32 [b] and running numbers int64 [b] of a batch."""
        if isinstance(data, dict):
            image, label, index = data["image"], data["label"], data["index"]
        else:
            image, label = _pair(data)
            rows = tf.shape(image, tf.int64)[0]
            index = tf.cast(self.optimizer.iterations, tf.int64) * rows + tf.range(rows)
        if label.shape.rank not in (1, None) or not label.dtype.is_integer:
            raise ValueError("Expected labels int [b], the numbers of classes. "
                             f"Received: {label.dtype.name} {label.shape}")
        return self.inputs_of(image), tf.cast(label, tf.int32), index

    def inputs_of(self, image):
        """uint8 images as numbers of `bounds`; others as they are."""
        if image.dtype != tf.uint8:
            return tf.cast(image, tf.float32)
        low, high = self.bounds
        return low + tf.cast(image, tf.float32) * ((high - low) / 255)

    def perturb(self, x, label, index):
        """What the attack makes of inputs against the classifier as it is: float, as x."""
        if self.attack == "deepfool":
            found = self.deepfool(self.classify, x, self.steps)
            return tf.clip_by_value(x + self.magnify * found.perturbation, *self.bounds)
        norm = self.norm or usual_norm(self.attack)
        same = {"epsilon": self.epsilon, "label": label, "norm": norm, "clip": self.bounds}
        if self.attack == "fgsm":
            return ops.fgsm(self.classify, x, **same).perturbed
        start = ops.random_perturbation(
            index, x, epsilon=self.epsilon, norm=norm, seed=self.seed
        )
        return ops.pgd(self.classify, x, step=self.step or 2.5 * self.epsilon / self.steps,
                       steps=self.steps, start=start, **same).perturbed

    def deepfool(self, classify, x, most, clip=None):
        """ops.deepfool with the options given, at most `most` steps where they tell no number."""
        return ops.deepfool(
            classify, x, norm=self.norm or usual_norm("deepfool"), num_classes=self.num_classes,
            linearise_at=self.linearise_at, overshoot=self.overshoot, clip=clip,
            max_iterations=most if self.max_iterations is None else self.max_iterations,
        )

    def classify(self, x):
        """Logits float32 [b, k] of inputs, as when the classifier is used."""
        return tf.cast(self.logits(x, training=False), tf.float32)

    def look(self, image):
        """What the classifier says: probabilities float32 [b, k] and label int32 [b].

        image    uint8 [b, h, w, c]
        """
        found = self.classify(self.inputs_of(image))
        label = tf.argmax(found, 1, output_type=tf.int32)
        return {"probabilities": tf.nn.softmax(found), "label": label}

    def fool(self, image, portable=None):
        """The smallest change that DeepFool finds within valid images, whose levels are whole.

        image    uint8 [b, h, w, c]
        portable the classifier in the form that is exported (models.reverse.Reversible)
        return   perturbed uint8 [b, h, w, c]; perturbation float32, in levels, before it is
                 rounded; new_label int32 [b], the class of `perturbed`
        """
        classify = portable if portable and ops.portable() else self.classify
        low, high = self.bounds
        x = self.inputs_of(image)
        found = self.deepfool(classify, x, 50, clip=self.bounds)
        change = found.perturbation * (255 / (high - low))
        perturbed = tf.cast(tf.round(tf.cast(image, tf.float32) + change), tf.uint8)
        new = tf.argmax(classify(self.inputs_of(perturbed)), 1, output_type=tf.int32)
        return {"perturbed": perturbed, "perturbation": change, "new_label": new}

    def call(self, inputs, training=None):
        return self.logits(inputs, training=training)

    def get_config(self):
        names = ("attack", "alpha", "epsilon", "step", "steps", "norm", "magnify", "bounds",
                 "from_logits", "seed", "num_classes", "linearise_at", "overshoot",
                 "max_iterations")
        own = {name: getattr(self, name) for name in names}
        return super().get_config() | own | {"classifier": self.classifier}


def usual_norm(attack):
    """The norm of an attack's paper."""
    return "l2" if attack == "deepfool" else "linf"


def cross_entropy(label, logits):
    """Mean over the batch."""
    logits = tf.cast(logits, tf.float32)
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(label, logits))


def accuracy(label, logits):
    """Share of the rows whose largest logit is the label's."""
    right = tf.equal(tf.argmax(logits, 1, output_type=tf.int32), label)
    return tf.reduce_mean(tf.cast(right, tf.float32))


def _pair(data):
    """(image, label) of a batch in Keras's form; ValueError for one with weights."""
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        parts = len(data) if isinstance(data, (tuple, list)) else 1
        raise ValueError("Expected batches (image, label), without sample_weight or class_weight. "
                         f"Received: parts={parts}")
    return data


def _check(attack, alpha, bounds, epsilon, step, steps):
    if attack not in ATTACKS or not 0 <= alpha <= 1:
        raise ValueError(
            f"Expected attack in {ATTACKS} and alpha in 0..1. Received: {attack=}, {alpha=}"
        )
    if not bounds[0] < bounds[1]:
        raise ValueError(f"Expected bounds (low, high) with low < high. Received: {bounds=}")
    if not epsilon > 0 or steps < 1 or (step is not None and not step > 0):
        raise ValueError("Expected epsilon > 0, steps >= 1 and step None or > 0. "
                         f"Received: {epsilon=}, {steps=}, {step=}")
