"""tfvision convert torchvision FILE: weights from elsewhere as a run that can be exported."""

import argparse
import contextlib
import dataclasses
import hashlib
import os
import shlex
import shutil
from pathlib import Path

from tfvision import engine
from tfvision.commands import flags as read
from tfvision.commands.errors import UsageError
from tfvision.commands.predict import Parser
from tfvision.commands.train import delete_run
from tfvision.data import coco_names, state_dict
from tfvision.engine import converted
from tfvision.models import torchvision_rcnn, torchvision_weights

MASKED = {"faster_rcnn": False, "mask_rcnn": True}  # The apps, and whether they need a mask head.
FLAGS = ["--network", "torchvision", "--run", "runs/converted", "--data", "coco",
         "--size", "800", "1344", "--anchors", *map(str, torchvision_rcnn.SIZES),
         "--proposed", "1000"]
EXAMPLES = """\
examples
  tfvision convert torchvision maskrcnn_resnet50_fpn_v2_coco-73cbd019.pth --app mask_rcnn
  tfvision convert torchvision mine.safetensors --app faster_rcnn --classes cat dog --run runs/mine

FILE is a state_dict of torchvision's Faster or Mask R-CNN, version 1 or 2, on a ResNet-50 (or 101,
152) with a feature pyramid: .pth, .pt or .safetensors. PyTorch is not needed.

flags of the app may follow: --run RUN, the new run folder [runs/converted]; --size ROWS COLUMNS,
the canvas that images are made to fit [800 1344]; --data, what `evaluate` measures on [coco];
--anchors and --ratios, where the weights were trained with others. All of them: tfvision train APP
--help. Then: tfvision export APP --run RUN
"""


def main(args, app_named):
    """Converts, and says what to do next.

    app_named  name -> the app's module
    """
    own, rest = parser().parse_known_args(args)
    app = app_named(own.app)
    flags = [*FLAGS, *rest]
    config, _ = read.parse(app, "convert", flags)
    with naming(own.file):
        raw = loaded(own.file)
        told = described(raw, own)
    if config.run.exists() and own.fresh:
        delete_run(config.run)
    if config.run.exists():
        raise UsageError(f"{config.run}: is there already. Choose another --run, or --fresh")
    with hidden_run(config.run) as hidden:
        converted.write(hidden, told)
        model = engine.build(app, dataclasses.replace(config, run=hidden, precision="float32"))
        with naming(own.file):
            torchvision_weights.load(
                model, told["network"], told["kept"], torchvision_weights.current(raw),
                told["source"]["epsilon"],
            )
        engine.save(model, hidden / "checkpoints", 1, optimised=False)
        made_by = shlex.join(["tfvision", "convert", *args])
        read.write_config(app, config, flags, made_by=made_by, folder=hidden)
    print(f"Converted: {config.run}, {model.count_params() / 1e6:.1f} million weights, "
          f"{len(told['classes'])} classes, epsilon {told['source']['epsilon']:g}.\n"
          f"Next: tfvision export {own.app} --run {config.run}")


def parser():
    """The flags of this verb."""
    p = Parser(
        prog="tfvision convert", description=__doc__.partition(": ")[2], epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False,
    )
    p.add_argument("source", choices=["torchvision"], help="whose weights they are")
    p.add_argument("file", type=Path, metavar="FILE", help="the weights")
    p.add_argument("--app", choices=sorted(MASKED), required=True, help="what they become")
    p.add_argument("--classes", nargs="+", metavar="NAME", help="names of the classes, in their "
                   "order, without the background [of 90: COCO's]")
    p.add_argument("--epsilon", type=float, metavar="E", help="of batch normalisation [0 where it "
                   "is frozen, as in version 1, else 1e-5]")
    p.add_argument("--fresh", action="store_true", help="delete the run folder that is there")
    return p


def loaded(file):
    """The file's state_dict."""
    if not file.is_file():
        raise ValueError("no such file")
    return state_dict.load(file)


@contextlib.contextmanager
def naming(file):
    """Errors name the file."""
    try:
        yield
    except ValueError as error:
        told = str(error)
        raise UsageError(told if told.startswith(f"{file}:") else f"{file}: {told}") from None


@contextlib.contextmanager
def hidden_run(run):
    """A folder that becomes the run folder when all went well, and else is deleted."""
    hidden = run.with_name("." + run.name)
    shutil.rmtree(hidden, ignore_errors=True)
    hidden.mkdir(parents=True)
    try:
        yield hidden
        os.replace(hidden, run)
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def described(raw, own):
    """The content of network.json."""
    plan = torchvision_rcnn.plan_of(torchvision_weights.current(raw))
    if MASKED[own.app] != bool(plan["masks"]):
        other = next(name for name in MASKED if name != own.app)
        has = "has a mask head" if plan["masks"] else "has no mask head"
        raise ValueError(f"{has}: --app {other}")
    kept, names = named(plan["classes"] - 1, own.classes)
    epsilon = torchvision_weights.epsilon_of(raw) if own.epsilon is None else own.epsilon
    source = {"of": own.source, "file": own.file.name, "epsilon": epsilon,
              "sha256": hashlib.sha256(own.file.read_bytes()).hexdigest()}
    return {"network": plan, "kept": kept, "classes": names, "source": source}


def named(count, names):
    """Numbers and names of the classes that are given out: lists."""
    if names is None and count == max(coco_names.NAMES):
        return list(coco_names.NAMES), list(coco_names.NAMES.values())
    if names is None or len(names) != count:
        given = f", not {len(names)}" if names else ""
        raise ValueError(f"knows {count} classes besides the background{given}: name them in their "
                         "order, --classes NAME NAME ...")
    return list(range(1, count + 1)), list(names)
