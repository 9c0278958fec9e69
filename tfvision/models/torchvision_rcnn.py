"""Faster and Mask R-CNN as torchvision has them, as wide and deep as a state_dict is.

What differs from the detectors that are trained here: the backbone, anchors with whole edges around
the corners of their cells, a fifth level for proposals alone, regions that are read without the
shift by half a pixel, a thousand proposals. models/torchvision_weights.py sets the weights.
"""

import re

from tfvision.models import backbones, faster_rcnn, proposals, roi_heads
from tfvision.models.torchvision_resnet import resnet

STRIDES = (4, 8, 16, 32, 64)
SIZES = (32, 64, 128, 256, 512)  # Of the anchors, px.
CANDIDATES = 5000  # Scores over the threshold that are compared; torchvision compares all.
BODY, FPN, RPN = "backbone.body.", "backbone.fpn.", "rpn.head."
BOX, MASK = "roi_heads.box_head.", "roi_heads.mask_head."
PREDICTOR, UPWARD = "roi_heads.box_predictor.", "roi_heads.mask_predictor."


def detector(plan, kept, *, size, sizes=SIZES, ratios=(0.5, 1.0, 2.0), proposed=(2000, 1000),
             **options):
    """The network with random weights: a FasterRCNN.

    plan     from plan_of
    kept     the classes that are given out, numbers from 1 on; others count as background
    size     (rows, columns) that images are letterboxed to, multiples of 32
    sizes, ratios, proposed  as FasterRCNN has them; options: more of these
    raises   ValueError for sizes that do not fit
    """
    check(plan, size, sizes, ratios)
    body = resnet(**{name: plan[name] for name in ("stem", "widths", "outputs", "blocks")})
    channels, k = plan["channels"], len(kept)
    masks = plan["masks"] and roi_heads.mask_head(classes=k, channels=channels, **plan["masks"])
    return faster_rcnn.FasterRCNN(
        backbones.pyramid(body, channels=channels, extra=True),
        proposals.network(channels, plan["anchors"], depth=plan["depth"]),
        roi_heads.box_head(
            classes=k, unused=plan["classes"] - 1 - k, channels=channels, size=plan["size"],
            units=plan["units"], convolutions=plan["convolutions"],
        ),
        masks, size=size, strides=STRIDES, sizes=sizes, ratios=ratios, proposed=proposed,
        candidates=1, pooled=4, aligned=False, whole=True, least=(1e-3, 1e-2), before=CANDIDATES,
        **options,
    )


def check(plan, size, sizes, ratios):
    """Refuses what the weights are not made for."""
    if size[0] % 32 or size[1] % 32 or min(size) < 64:
        raise ValueError(f"Expected a size in multiples of 32, 64 at least. Received: {size=}")
    if len(sizes) != len(STRIDES) or len(ratios) != plan["anchors"]:
        raise ValueError(
            f"Expected {len(STRIDES)} sizes of anchors and {plan['anchors']} ratios, as the "
            f"weights have them. Received: {sizes=}, {ratios=}"
        )


def plan_of(state):
    """How wide and deep the network of a state_dict is: a dict that JSON can hold.

    state    name -> array, from torchvision_weights.current
    raises   ValueError where these are not the weights of such a network
    """
    refuse_others(state)
    shape = {name: value.shape for name, value in state.items()}
    stages = [f"{BODY}layer{i}." for i in (1, 2, 3, 4)]
    convolutions = [shape[f"{BOX}{i}.0.weight"][0] for i in range(count(state, BOX))]
    channels = shape[f"{FPN}inner_blocks.0.0.weight"][0]
    dense = [shape[f"{name}.weight"] for name in dense_names(state)]
    upward = shape.get(f"{UPWARD}conv5_mask.weight")
    return {
        "stem": shape[f"{BODY}conv1.weight"][0],
        "widths": [shape[f"{stage}0.conv1.weight"][0] for stage in stages],
        "outputs": [shape[f"{stage}0.conv3.weight"][0] for stage in stages],
        "blocks": [len({name.split(".")[3] for name in shape if name.startswith(stage)})
                   for stage in stages],
        "channels": channels,
        "anchors": shape[f"{RPN}cls_logits.weight"][0],
        "depth": count(state, f"{RPN}conv."),
        "size": round((dense[0][1] / (convolutions or [channels])[-1]) ** 0.5),
        "convolutions": convolutions,
        "units": [units for units, _ in dense],
        "classes": shape[f"{PREDICTOR}cls_score.weight"][0],
        "masks": {"width": upward[1], "depth": count(state, MASK)} if upward else None,
    }


def count(state, prefix):
    """How many convolutions prefix0.0, prefix1.0, ... there are."""
    pattern = re.compile(re.escape(prefix) + r"\d+\.0\.weight")
    return sum(bool(pattern.fullmatch(name)) for name in state)


def dense_names(state):
    """The dense layers of the box head, first to last: fc6 and fc7, or numbers."""
    pattern = re.compile(re.escape(BOX) + r"(?:fc)?(\d+)\.weight")
    found = [match for match in map(pattern.fullmatch, state) if match]
    return [match[0].removesuffix(".weight") for match in sorted(found, key=lambda m: int(m[1]))]


def refuse_others(state):
    """Raises a ValueError that says what a state_dict lacks to be one of these networks."""
    if any(name.startswith(("head.classification_head", "head.regression_head")) for name in state):
        raise ValueError("Expected Faster or Mask R-CNN. Received: weights of a one-stage "
                         "detector, such as RetinaNet or SSD")
    if not any(name.startswith(RPN) for name in state):
        raise ValueError("Expected the state_dict of torchvision's Faster or Mask R-CNN. Received: "
                         f"{len(state)} arrays, {', '.join(list(state)[:3])}, ...")
    if f"{BODY}layer1.0.conv3.weight" not in state or f"{FPN}inner_blocks.0.0.weight" not in state:
        raise ValueError("Expected a ResNet of bottlenecks (50, 101 or 152) with a feature pyramid "
                         "as the backbone. Received: another one")
    refuse_missing([name for name in shaping(state) if name not in state])
    for name, value in state.items():
        if re.fullmatch(re.escape(BODY) + r"layer.*conv2\.weight", name):
            if value.shape[0] != value.shape[1]:
                raise ValueError("Expected a ResNet without groups of channels. Received: "
                                 f"{name} of shape {value.shape}")


def shaping(state):
    """The weights from whose shapes the plan is read."""
    yield f"{BODY}conv1.weight"
    yield from (f"{BODY}layer{i}.0.conv{j}.weight" for i in (1, 2, 3, 4) for j in (1, 2, 3))
    yield from (f"{RPN}conv.0.0.weight", f"{RPN}cls_logits.weight")
    yield from () if dense_names(state) else [f"{BOX}fc6.weight"]
    yield f"{PREDICTOR}cls_score.weight"


def refuse_missing(missing):
    """Raises a ValueError that names the first three."""
    if missing:
        more = ", ..." if len(missing) > 3 else ""
        raise ValueError(f"Expected all weights of the network. Received: {len(missing)} missing "
                         f"or of another shape: {', '.join(missing[:3])}{more}")
