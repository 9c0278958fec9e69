"""Writes torchvision_*.pth, .safetensors and .npz: small detectors and what torchvision finds.

It needs PyTorch and torchvision, in an environment of its own:

    python3 -m venv venv-torch
    venv-torch/bin/pip install torch torchvision safetensors
    venv-torch/bin/python tests/golden/record_torchvision.py

Mask R-CNN of both versions, from torchvision's own blocks, but narrow, so that the files stay
small; weights and averages of batch normalisation are random, by a seed. The canvas of 160 x 224 px
is no multiple of 64: the fifth level has anchors that are less than 64 px apart. Version 1 is saved
in all three forms that a user may have: .pth of today, .pth as before PyTorch 1.6 under the names
of before torchvision 0.13, and .safetensors.
"""

from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.models.detection.faster_rcnn import (
    FastRCNNConvFCHead,
    FastRCNNPredictor,
    RPNHead,
    TwoMLPHead,
)
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.models.detection.rpn import AnchorGenerator
from torchvision.models.resnet import Bottleneck
from torchvision.ops import FrozenBatchNorm2d, MultiScaleRoIAlign

FOLDER = Path(__file__).parent
SIZE, CHANNELS, UNITS, CLASSES = (160, 224), 8, 12, 91
PLANES, BLOCKS, STEM = (3, 4, 5, 6), (1, 2, 1, 1), 6
UNUSED = [12, 26, 29, 30, 45, 66, 68, 69, 71, 83]  # Categories of COCO that no object has.
SPARSE = 4  # Of the anchors' numbers, every fourth row and column is kept.
ROWS = 20  # Regions of which logits and numbers are kept.
MASKS = 12  # Objects of which masks are kept.
CHANNEL = slice(1, CLASSES, 13)  # Classes of which mask logits are kept.


def body(norm):
    """The small ResNet, as the children of torchvision's."""
    layers = OrderedDict(
        conv1=nn.Conv2d(3, STEM, 7, 2, 3, bias=False), bn1=norm(STEM), relu=nn.ReLU(),
        maxpool=nn.MaxPool2d(3, 2, 1),
    )
    before = STEM
    for i, (planes, count) in enumerate(zip(PLANES, BLOCKS, strict=True)):
        stride, after = (2 if i else 1), 4 * planes
        change = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), norm(after))
        blocks = [Bottleneck(before, planes, stride, change, norm_layer=norm)]
        blocks += [Bottleneck(after, planes, norm_layer=norm) for _ in range(count - 1)]
        layers[f"layer{i + 1}"] = nn.Sequential(*blocks)
        before = after
    return nn.Sequential(layers)


def detector(version):
    """Mask R-CNN of version 1 or 2, for canvases of SIZE."""
    second = nn.BatchNorm2d if version == 2 else None
    backbone = BackboneWithFPN(
        body(nn.BatchNorm2d if version == 2 else FrozenBatchNorm2d),
        {f"layer{i + 1}": str(i) for i in range(4)}, [4 * n for n in PLANES], CHANNELS,
        norm_layer=second,
    )
    head = (FastRCNNConvFCHead((CHANNELS, 7, 7), [CHANNELS] * 2, [UNITS], norm_layer=second)
            if version == 2 else TwoMLPHead(CHANNELS * 49, UNITS))
    return MaskRCNN(
        backbone, min_size=SIZE[0], max_size=SIZE[1],
        rpn_anchor_generator=AnchorGenerator(
            ((32,), (64,), (128,), (256,), (512,)), ((0.5, 1.0, 2.0),) * 5),
        rpn_head=RPNHead(CHANNELS, 3, conv_depth=version),
        box_roi_pool=MultiScaleRoIAlign(["0", "1", "2", "3"], 7, 2),
        box_head=head,
        box_predictor=FastRCNNPredictor(UNITS, CLASSES),
        mask_roi_pool=MultiScaleRoIAlign(["0", "1", "2", "3"], 14, 2),
        mask_head=MaskRCNNHeads(CHANNELS, [CHANNELS] * 2, 1, norm_layer=second),
        mask_predictor=MaskRCNNPredictor(CHANNELS, CHANNELS, CLASSES),
    ).eval()


def randomise(model, seed):
    """Weights that keep the variance, and outputs that are neither all alike nor all certain."""
    random = torch.Generator().manual_seed(seed)
    scales = {"inner_blocks": 0.5, "rpn.head.cls_logits": 1.0, "rpn.head.bbox_pred": 0.1,
              "box_predictor.cls_score": 1.5, "box_predictor.bbox_pred": 0.5,
              "mask_fcn_logits": 1.0}
    for name, value in model.state_dict().items():
        noise = torch.randn(value.shape, generator=random) if value.is_floating_point() else None
        if noise is None:
            continue
        if name.endswith("running_var"):
            noise = torch.rand(value.shape, generator=random) + 0.5
        elif value.ndim >= 2:
            scale = next((s for part, s in scales.items() if part in name), 1.1)
            noise *= scale / np.sqrt(value[0].numel())
        elif name.endswith("weight"):
            noise = 1 + 0.2 * noise
        else:
            noise *= 0.1
        value.copy_(noise)
    model.roi_heads.box_predictor.cls_score.bias.data[UNUSED] -= 6  # As if it had been trained.


def older(state):
    """The state_dict under the names of before torchvision 0.13."""
    found = OrderedDict()
    for name, value in state.items():
        name = name.replace("rpn.head.conv.0.0.", "rpn.head.conv.")
        if name.startswith("backbone.fpn."):
            name = name.replace(".0.weight", ".weight").replace(".0.bias", ".bias")
        for i in range(4):
            name = name.replace(f"mask_head.{i}.0.", f"mask_head.mask_fcn{i + 1}.")
        found[name] = value
    return found


def record(model, image):
    """What comes out at each place: name -> array."""
    kept = {}

    def keep(name, change=lambda output: output):
        return lambda module, inputs, output: kept.update({name: change(output)})

    model.rpn.head.register_forward_hook(keep("rpn"))
    model.rpn.register_forward_hook(keep("proposals", lambda output: output[0][0]))
    model.roi_heads.box_predictor.register_forward_hook(keep("box"))
    model.roi_heads.mask_predictor.register_forward_hook(keep("mask_logits"))
    crops = {}
    model.transform.postprocess = lambda result, *_: crops.update(result[0]) or result
    with torch.no_grad():
        model([torch.from_numpy(image).permute(2, 0, 1).float() / 255])
    found = {}
    for i, (logits, deltas) in enumerate(zip(*kept["rpn"], strict=True)):
        found[f"logits_{i}"], found[f"deltas_{i}"] = logits, deltas[:, :, ::SPARSE, ::SPARSE]
    found |= {
        "proposals": kept["proposals"], "class_logits": kept["box"][0][:ROWS],
        "box_numbers": kept["box"][1][:ROWS], "mask_logits": kept["mask_logits"][:2, CHANNEL],
        "boxes": crops["boxes"], "scores": crops["scores"], "labels": crops["labels"],
        "mask_crops": crops["masks"][:MASKS, 0],
    }
    return {name: value.numpy() for name, value in found.items()}


def main():
    """Writes all files."""
    image = np.random.default_rng(0).integers(0, 256, [20, 28, 3], np.uint8)
    image = image.repeat(8, 0).repeat(8, 1)
    for version in (1, 2):
        model = detector(version)
        randomise(model, version)
        if version == 1:
            for module in model.modules():
                if isinstance(module, FrozenBatchNorm2d):
                    module.eps = 0.0  # As torchvision does for its weights of this version.
        state = model.state_dict()
        save_file(dict(state), FOLDER / f"torchvision_{version}.safetensors")
        if version == 1:
            torch.save(state, FOLDER / "torchvision_1.pth")
            torch.save(older(state), FOLDER / "torchvision_1_old.pth",
                       _use_new_zipfile_serialization=False)
        found = record(model, image)
        np.savez_compressed(FOLDER / f"torchvision_{version}.npz", image=image, **found)
        print(version, sum(v.numel() for v in state.values()), "weights,", len(found["proposals"]),
              "proposals,", len(found["boxes"]), "objects, scores", found["scores"][:5],
              found["scores"][-1], {k: float(v.std()) for k, v in found.items()})


if __name__ == "__main__":
    main()
