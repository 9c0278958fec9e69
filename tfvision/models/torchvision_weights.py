"""The weights of torchvision's Faster and Mask R-CNN, set in models/torchvision_rcnn.py's layers.

Batch normalisation, whose averages a detector does not change any more, becomes part of the
convolution before it, in float64.
"""

import re

import numpy as np

from tfvision.models.torchvision_rcnn import (
    BODY,
    BOX,
    FPN,
    MASK,
    PREDICTOR,
    RPN,
    UPWARD,
    dense_names,
    refuse_missing,
)

NORM = ("weight", "bias", "running_mean", "running_var")
COUNTER = ".num_batches_tracked"  # Of batch normalisation that is not frozen.
RENAMED = (  # torchvision before 0.13, from whose time its first weights are -> since.
    (r"(backbone\.fpn\.(?:inner|layer)_blocks\.\d+)\.(weight|bias)", r"\1.0.\2"),
    (r"(rpn\.head\.conv)\.(weight|bias)", r"\1.0.0.\2"),
    (r"(roi_heads\.mask_head)\.mask_fcn(\d+)\.(weight|bias)",
     lambda match: f"{match[1]}.{int(match[2]) - 1}.0.{match[3]}"),
)


def current(state):
    """A state_dict under today's names, without the counters of batches."""
    found = {}
    for name, value in state.items():
        for old, new in RENAMED:
            name = re.sub(f"^{old}$", new, name)
        if not name.endswith(COUNTER):
            found[name] = value
    return found


def epsilon_of(state):
    """What torchvision adds to the variances: 0 to those of its first, frozen weights, else 1e-5.

    A state_dict does not say it. `state` has its counters: what is frozen has none.
    """
    second = f"{FPN}inner_blocks.0.1.weight" in state
    return 1e-5 if second or any(name.endswith(COUNTER) for name in state) else 0.0


def load(model, plan, kept, state, epsilon):
    """Sets all weights of a model that torchvision_rcnn.detector made.

    plan, kept  as they were given to it
    state       name -> array, from `current`
    epsilon     what is added to the variances of batch normalisation
    raises      ValueError where weights are missing, of another shape, not finite, or too many
    """
    taken = Taken(state, epsilon)
    for layer in with_weights(model.backbone):
        taken.convolution(layer, *backbone_names(layer.name))
    load_rpn(model.rpn, taken)
    load_box_head(model.head, plan, kept, taken)
    if model.masks is not None:
        load_mask_head(model.masks, plan, kept, taken)
    refuse_missing(taken.missing)
    others = sorted(set(state) - taken.used)
    if others:
        raise ValueError(f"Expected weights of this network alone. Received: {len(others)} others: "
                         + ", ".join(others[:3]) + (", ..." if len(others) > 3 else ""))


def with_weights(network):
    """The layers that have any, but for the last, in the order of the network."""
    last = ("logits", "deltas")
    return [layer for layer in network.layers if layer.weights and layer.name not in last]


def backbone_names(layer):
    """(the convolution, its normalisation) in the state_dict, of a layer's name."""
    kind, _, level = layer.partition("_")
    if level:
        block = f"{FPN}{'inner' if kind == 'inner' else 'layer'}_blocks.{level}."
        return f"{block}0", f"{block}1"
    norm = re.sub(r"downsample\.0$", "downsample.1", re.sub(r"conv(\d)$", r"bn\1", layer))
    return BODY + layer, BODY + norm


def load_rpn(network, taken):
    """The network that proposes regions."""
    for i, layer in enumerate(with_weights(network)):
        taken.convolution(layer, f"{RPN}conv.{i}.0")
    taken.convolution(network.get_layer("logits"), f"{RPN}cls_logits")
    taken.convolution(network.get_layer("deltas"), f"{RPN}bbox_pred")


def load_box_head(network, plan, kept, taken):
    """The head that names and moves boxes; classes that are not kept come last."""
    layers = with_weights(network)
    for i, _ in enumerate(plan["convolutions"]):
        taken.convolution(layers.pop(0), f"{BOX}{i}.0", f"{BOX}{i}.1")
    for i, name in enumerate(dense_names(taken.state)):
        taken.dense(layers.pop(0), name, size=plan["size"] if i == 0 else 1)
    others = [i for i in range(1, plan["classes"]) if i not in set(kept)]
    logits, deltas = network.get_layer("logits"), network.get_layer("deltas")
    taken.dense(logits, f"{PREDICTOR}cls_score", rows=[0, *kept, *others])
    corners = [4 * i + j for i in kept for j in range(4)]
    taken.dense(deltas, f"{PREDICTOR}bbox_pred", rows=corners, of=4 * plan["classes"])


def load_mask_head(network, plan, kept, taken):
    """The head that draws masks."""
    *convolutions, upward = with_weights(network)
    for i, layer in enumerate(convolutions):
        taken.convolution(layer, f"{MASK}{i}.0", f"{MASK}{i}.1")
    taken.convolution(upward, f"{UPWARD}conv5_mask")
    logits = network.get_layer("logits")
    taken.convolution(logits, f"{UPWARD}mask_fcn_logits", rows=list(kept), of=plan["classes"])


class Taken:
    """A state_dict from which weights are taken, and which of them were."""

    def __init__(self, state, epsilon):
        self.state, self.epsilon = state, epsilon
        self.used, self.missing = set(), []

    def array(self, name, shape):
        """The array of a name, float64; where there is none of that shape, zeros."""
        self.used.add(name)
        value = self.state.get(name)
        if value is None or value.shape != tuple(shape):
            self.missing.append(name)
            return np.zeros(shape)
        if not np.isfinite(value).all():
            raise ValueError(f"Expected finite weights. Received: {name} with NaN or infinity")
        return np.asarray(value, np.float64)

    def convolution(self, layer, name, norm=None, *, rows=None, of=None):
        """Sets a convolution, or a transposed one, to `name`; `norm` where it is there, in it.

        rows   those of `of` output channels that the layer has; None: all
        """
        kernel, bias = (tuple(weight.shape) for weight in layer.weights)
        shape = [of or kernel[3], *kernel[2:1:-1], *kernel[:2]]
        weight = self.array(f"{name}.weight", shape)
        if norm and f"{norm}.weight" in self.state:
            weight, offset = self.normalised(weight, norm)
        else:
            offset = self.array(f"{name}.bias", [of or bias[0]])
        if rows is not None:
            weight, offset = weight[rows], offset[rows]
        layer.set_weights([weight.transpose(2, 3, 1, 0), offset])

    def normalised(self, kernel, norm):
        """A kernel [out, in, h, w] and bias [out] that do what both do."""
        gain, offset, mean, variance = (self.array(f"{norm}.{part}", kernel.shape[:1])
                                        for part in NORM)
        deviation = np.sqrt(np.maximum(variance + self.epsilon, 0))
        if not deviation.all() and not self.missing:
            raise ValueError(f"Expected variances over 0 in {norm}. Received: a channel without, "
                             f"and epsilon={self.epsilon}. Choose another epsilon")
        scale = np.divide(gain, deviation, where=deviation > 0, out=np.zeros_like(gain))
        return kernel * scale[:, None, None, None], offset - mean * scale

    def dense(self, layer, name, *, size=1, rows=None, of=None):
        """Sets a dense layer to `name`.

        size   rows and columns of a map [channels, size, size] that is flattened into its inputs
        rows   those of `of` outputs that the layer has, in its order
        """
        inputs, outputs = layer.weights[0].shape
        weight = self.array(f"{name}.weight", [of or outputs, inputs])
        offset = self.array(f"{name}.bias", [of or outputs])
        if rows is not None:
            weight, offset = weight[rows], offset[rows]
        maps = weight.reshape([outputs, -1, size, size]).transpose(2, 3, 1, 0)
        layer.set_weights([maps.reshape([inputs, outputs]), offset])
