"""tfvision convert: weights of torchvision as a run that is exported like any other."""

import importlib
import json
import struct
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfvision.commands import convert, export, flags
from tfvision.commands.errors import UsageError
from tfvision.data import coco_names, state_dict

GOLDEN = Path(__file__).parents[1] / "golden"
SECOND = GOLDEN / "torchvision_2.safetensors"
BEST = 20  # Objects that are compared.
cli = importlib.import_module("tfvision.apps.__main__")


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(state, file="other.safetensors"):
    """A .safetensors file of float32 arrays."""
    header, blocks, end = {}, [], 0
    for name, value in state.items():
        blocks.append(np.asarray(value, "<f4").tobytes())
        header[name] = {"dtype": "F32", "shape": list(value.shape),
                        "data_offsets": [end, end + len(blocks[-1])]}
        end += len(blocks[-1])
    text = json.dumps(header).encode()
    Path(file).write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blocks))
    return file


def second(without=None, **changes):
    """The state_dict of version 2, with changes."""
    state = {name: value for name, value in state_dict.load(SECOND).items()
             if value.dtype == np.float32 and not (without and without in name)}
    return state | changes


def run(file, app, *more):
    """Converts by command, at the size of the golden images."""
    convert.main(["torchvision", str(file), "--app", app, "--size", "160", "224", "--count",
                  str(BEST), *more], cli.app_named)
    return cli.app_named(app)


def restored(app, folder="runs/converted"):
    """(the model of a run, its Config), as export and evaluate make them."""
    config, _ = flags.parse_again(app, "export", ["--run", folder])
    return export.restored(app, config), config


def test_a_file_becomes_a_run_that_finds_what_torchvision_found(capsys):
    app = run(GOLDEN / "torchvision_1_old.pth", "mask_rcnn")
    model, config = restored(app)
    with np.load(GOLDEN / "torchvision_1.npz") as golden:
        found = model.detect(tf.constant(golden["image"][None]))
        names = [list(coco_names.NAMES).index(label) for label in golden["labels"][:BEST]]
        np.testing.assert_array_equal(found["class_ids"][0], names)
        np.testing.assert_allclose(found["boxes"][0], golden["boxes"][:BEST], atol=1e-2)
        np.testing.assert_allclose(found["scores"][0], golden["scores"][:BEST], atol=1e-4)
    assert app.classes(config) == tuple(coco_names.NAMES.values())
    assert "80 classes, epsilon 0." in capsys.readouterr().out
    told = json.loads(Path("runs/converted/config.json").read_text())
    assert told["command"].startswith("tfvision convert torchvision ")
    facts = export.facts(config)["data"]
    assert facts["name"] == "torchvision: torchvision_1_old.pth" and len(facts["sha256"]) == 64


def test_faster_rcnn_takes_weights_without_masks():
    model, _ = restored(run(write(second(without="mask")), "faster_rcnn"))
    offset, mean, gain, variance = (
        second()[f"backbone.fpn.layer_blocks.0.1.{name}"]
        for name in ("bias", "running_mean", "weight", "running_var"))
    bias = offset - mean * gain / np.sqrt(variance + 1e-5)
    np.testing.assert_allclose(model.backbone.get_layer("outer_0").bias, bias, rtol=1e-5)
    assert model.masks is None


def test_ones_own_classes_are_named_and_nothing_is_left_out():
    names = [f"kind{i}" for i in range(90)]
    app = run(SECOND, "mask_rcnn", "--run", "runs/mine", "--classes", *names)
    model, config = restored(app, "runs/mine")
    assert app.classes(config) == tuple(names)
    weights = state_dict.load(SECOND)["roi_heads.box_predictor.bbox_pred.weight"]
    np.testing.assert_array_equal(model.head.get_layer("deltas").kernel, weights[4:].T)


def test_a_run_that_is_there_is_kept_unless_fresh_is_asked_for():
    Path("runs/converted").mkdir(parents=True)
    with pytest.raises(UsageError, match="runs/converted: is there already"):
        run(SECOND, "mask_rcnn")
    Path("runs/converted/config.json").write_text("{}")
    run(SECOND, "mask_rcnn", "--fresh")
    assert Path("runs/converted/network.json").exists()


SOME = {"head.classification_head.conv.0.weight": np.zeros([1, 1]), "backbone.x": np.zeros(1)}
KERNEL = "backbone.body.layer3.0.conv2.weight"


@pytest.mark.parametrize("state, told", [
    (lambda: second(without="layer_blocks.1"), r"2 missing or of another shape: backbone\.fpn\."
     r"layer_blocks\.1\.0\.weight, backbone\.fpn\.layer_blocks\.1\.0\.bias$"),
    (lambda: second(without="cls_"), r"2 missing.*: rpn\.head\.cls_logits\.weight, roi_heads\."
     r"box_predictor\.cls_score\.weight$"),
    (lambda: second(**{"roi_heads.keypoint.bias": np.zeros(3)}), r"1 others: roi_heads\.keypoint"),
    (lambda: second(**{"rpn.head.bbox_pred.weight": np.zeros([12, 7, 1, 1])}),
     r"another shape: rpn\.head\.bbox_pred\.weight"),
    (lambda: second(**{"rpn.head.bbox_pred.bias": np.full(12, np.nan)}), "bbox_pred.bias with NaN"),
    (lambda: second(without="conv3"), "a ResNet of bottlenecks"),
    (lambda: second(**{KERNEL: np.zeros([5, 1, 3, 3])}), "without groups.*layer3"),
    (lambda: SOME, "a one-stage detector"),
    (lambda: {"conv1.weight": np.zeros([2, 2])}, "Received: 1 arrays, conv1.weight"),
    (lambda: second(without="mask"), "has no mask head: --app faster_rcnn"),
])
def test_other_weights_are_refused_by_file_and_reason_and_nothing_is_left(state, told):
    with pytest.raises(UsageError, match=rf"^other\.safetensors: .*({told})"):
        run(write(state()), "mask_rcnn")
    assert not Path("runs/converted").exists() and not Path("runs/.converted").exists()


def test_a_variance_of_zero_needs_an_epsilon():
    name = "backbone.body.layer2.0.bn1.running_var"
    file = write(second(without="mask", **{name: np.zeros_like(second()[name])}))
    with pytest.raises(UsageError, match=r"layer2\.0\.bn1.*Choose another epsilon"):
        run(file, "faster_rcnn", "--epsilon", "0")
    run(file, "faster_rcnn", "--epsilon", "1e-5")


@pytest.mark.parametrize("args, told", [
    ([SECOND, "mask_rcnn", "--classes", "cat", "dog"], "knows 90 classes .* not 2"),
    ([SECOND, "mask_rcnn", "--size", "100", "100"], "size in multiples of 32"),
    ([SECOND, "mask_rcnn", "--anchors", "8", "16"], "5 sizes of anchors and 3 ratios"),
    ([SECOND, "faster_rcnn"], "has a mask head: --app mask_rcnn"),
    ([SECOND, "unet"], "argument --app: invalid choice"),
    (["nothing.pth", "mask_rcnn"], "nothing.pth: no such file"),
])
def test_wrong_flags_are_said_in_a_line(args, told):
    with pytest.raises((UsageError, ValueError), match=told):
        run(*args)
    assert not list(Path().glob("runs/*")) and not list(Path().glob("runs/.*"))
