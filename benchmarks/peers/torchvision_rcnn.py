"""Converted detectors beside torchvision's own: all four of ResNet-50, at full size.

    python3 -m venv venv-torch
    venv-torch/bin/pip install -e . torch torchvision
    venv-torch/bin/python benchmarks/peers/torchvision_rcnn.py [--size 800 1088] [--model NAME]

For each, torchvision's network gets random weights by a seed, which are saved as .pth, read without
PyTorch, set in ours and run on the same image. benchmarks/results/torchvision_rcnn.json gets the
largest differences. It needs 6 GB of memory and a few minutes.
"""

import argparse
import json
import tempfile
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
import torchvision

RESULTS = Path("benchmarks/results/torchvision_rcnn.json")
NAMES = ("fasterrcnn_resnet50_fpn", "fasterrcnn_resnet50_fpn_v2", "maskrcnn_resnet50_fpn",
         "maskrcnn_resnet50_fpn_v2")
SPREAD = {"rpn.head.cls_logits": 1.0, "rpn.head.bbox_pred": 0.15,  # Of what comes out.
          "roi_heads.box_predictor.cls_score": 2.0, "roi_heads.box_predictor.bbox_pred": 0.5,
          "roi_heads.mask_predictor.mask_fcn_logits": 1.0}
PART = 200  # Regions whose logits are compared.


def main():
    """Measures each network, in a table and in the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, nargs=2, default=(800, 1088))
    parser.add_argument("--model", choices=NAMES, nargs="+", default=NAMES)
    flags = parser.parse_args()
    image = picture(*flags.size)
    found = {name: measured(name, image) for name in flags.model}
    content = {
        "command": "python benchmarks/peers/torchvision_rcnn.py",
        "versions": {name: metadata.version(name) for name in
                     ("torch", "torchvision", "tensorflow", "keras")},
        "size": list(flags.size), "models": found,
    }
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(content, indent=2) + "\n")
    for name, numbers in found.items():
        print(name, json.dumps(numbers, indent=2))


def picture(rows, columns):
    """Random colours in squares of several sizes: uint8 [rows, columns, 3]."""
    random, sheet = np.random.default_rng(0), np.zeros([rows, columns, 3])
    for side in (4, 16, 64):
        shape = [-(-rows // side), -(-columns // side), 3]
        part = random.uniform(0, 85, shape).repeat(side, 0).repeat(side, 1)
        sheet += part[:rows, :columns]
    return sheet.astype(np.uint8)


def measured(name, image):
    """The largest differences of one network."""
    theirs = torch_network(name, image.shape[:2])
    with tempfile.TemporaryDirectory() as folder:
        torch.save(theirs.state_dict(), Path(folder, "weights.pth"))
        ours, kept = converted(Path(folder, "weights.pth"), image.shape[:2])
    told = torch_outputs(theirs, image)
    return differences(ours, kept, image, told)


def torch_network(name, size):
    """torchvision's, with random weights that keep the variance."""
    network = torchvision.models.detection.__dict__[name](
        weights=None, weights_backbone=None, min_size=min(size), max_size=max(size)).eval()
    random = torch.Generator().manual_seed(0)
    for key, value in network.state_dict().items():
        if not value.is_floating_point():
            continue
        noise = torch.randn(value.shape, generator=random)
        if key.endswith("running_var"):
            noise = torch.rand(value.shape, generator=random) + 0.5
        elif value.ndim >= 2:
            noise *= 1.1 / value[0].numel() ** 0.5
        elif key.endswith("weight"):
            noise = (1 if "bn3" not in key else 0.3) * (1 + 0.2 * noise)
        else:
            noise *= 0.1
        value.copy_(noise)
    calibrate(network)
    unused = [i for i, word in enumerate(categories()) if word == "N/A"]
    network.roi_heads.box_predictor.cls_score.bias.data[unused] -= 20  # As if trained.
    return network


def calibrate(network):
    """Scales the last layers, so that some scores are over the threshold and some are not."""
    image = torch.from_numpy(picture(320, 416)).permute(2, 0, 1).float() / 255
    layers = dict(network.named_modules())
    for name, spread in SPREAD.items():  # One behind the other: regions depend on proposals.
        if name in layers:
            seen = []
            hook = layers[name].register_forward_hook(lambda *args, seen=seen: seen.append(args[2]))
            with torch.no_grad():
                network([image])
                layers[name].weight *= spread / seen[0].std() if seen[0].numel() else 1
            hook.remove()


def categories():
    return torchvision.models.detection.FasterRCNN_ResNet50_FPN_Weights.COCO_V1.meta["categories"]


def converted(file, size):
    """Our network with the weights of a file, and the classes that it gives out."""
    from tfvision.data import coco_names, state_dict
    from tfvision.models import torchvision_rcnn, torchvision_weights

    raw, kept = state_dict.load(file), tuple(coco_names.NAMES)
    state = torchvision_weights.current(raw)
    plan = torchvision_rcnn.plan_of(state)
    model = torchvision_rcnn.detector(plan, kept, size=size)
    torchvision_weights.load(model, plan, kept, state, torchvision_weights.epsilon_of(raw))
    return model, kept


def torch_outputs(network, image):
    """What torchvision's network gives at each place."""
    kept = {}

    def keep(module, name):
        module.register_forward_hook(lambda _, inputs, output: kept.update({name: output}))

    keep(network.rpn.head, "rpn")
    keep(network.rpn, "proposals")
    keep(network.roi_heads.box_predictor, "box")
    if network.roi_heads.has_mask():
        keep(network.roi_heads.mask_predictor, "masks")
    with torch.no_grad():
        found = network([torch.from_numpy(image).permute(2, 0, 1).float() / 255])[0]
    return kept | {"found": {key: value.numpy() for key, value in found.items()}}


def differences(ours, kept, image, told):
    """The largest ones, by place."""
    import tensorflow as tf

    from tfvision.models import roi_heads

    levels = ours.backbone(tf.constant(image[None], tf.float32))
    logits, deltas = ours.scored(levels)
    numbers = {"rpn_logits": 0.0, "rpn_numbers": 0.0}
    for i, (a, b) in enumerate(zip(*told["rpn"], strict=True)):
        for key, mine, their in (("rpn_logits", logits[i], a), ("rpn_numbers", deltas[i], b)):
            their = their.numpy().transpose(0, 2, 3, 1).reshape(np.shape(mine))
            numbers[key] = max(numbers[key], far(mine, their))
    theirs = told["proposals"][0][0].numpy()
    boxes, scores = ours.propose(logits, deltas, ours.anchors(levels), image.shape[:2], 1000)
    count = int((scores.numpy() > 0).sum())
    numbers |= {"proposals": [count, len(theirs)],
                "proposals_in_both": in_both(boxes[0, :count].numpy(), theirs)}
    regions = tf.constant(theirs[None, :PART])
    mine = roi_heads.over_rois(ours.head, ours.features(levels, regions, ours.head))
    classes, corners = (value.numpy()[:PART] for value in told["box"])
    numbers["box_logits"] = far(mine[0][0, :, 1:], classes[:, kept])
    numbers["box_numbers"] = far(mine[1][0], corners.reshape(len(classes), -1, 4)[:, kept])
    if "masks" in told:
        regions = tf.constant(told["found"]["boxes"][None])
        mine = roi_heads.over_rois(ours.masks, ours.features(levels, regions, ours.masks))
        theirs = told["masks"].numpy()[:, kept].transpose(0, 2, 3, 1)
        numbers["mask_logits"] = far(mine[0], theirs)
    return numbers | of_objects(ours.detect(tf.constant(image[None])), kept, told["found"])


def of_objects(found, kept, theirs):
    """How the final boxes differ."""
    count, n = int(found["count"][0]), len(theirs["boxes"])
    labels = np.array(kept)[found["class_ids"][0, :count].numpy()]
    same = count == n and bool((labels == theirs["labels"]).all())
    numbers = {"objects": [count, n], "classes": len(set(labels)), "same_order": same}
    if same:
        numbers["objects_px"] = far(found["boxes"][0, :count], theirs["boxes"])
        numbers["scores"] = far(found["scores"][0, :count], theirs["scores"])
    return numbers


def in_both(a, b):
    """How many boxes of b are in a, to a hundredth of a pixel; their order may differ."""
    return int((np.abs(a[:, None] - b[None]).max(-1).min(0, initial=np.inf) <= 1e-2).sum())


def far(a, b):
    return float(np.abs(np.asarray(a) - np.asarray(b)).max(initial=0))


if __name__ == "__main__":
    main()
