"""The goals of operations and networks, each held against what `tfvision bench` measured last.

`python benchmarks/_goals.py` writes docs/benchmarks.md from benchmarks/results/. A goal is a ratio,
our time over the peer's, that both the median and the minimum must meet; within a tenth counts.
"""

import dataclasses
import json
from pathlib import Path

ROOT = Path(__file__).parents[1]
SLACK = 1.1
RUNS = ("ops", "layers", "image_conv", "pointnet", "detection")


@dataclasses.dataclass(frozen=True)
class Goal:
    """Our time for `case` should be at most `ratio` of that of `peer`."""

    case: str
    peer: str
    ratio: float
    why: str = ""  # Where it is missed: why.


GRAPH = "The goal was set on a processor on which TensorFlow's plain gradient was slower than here."
SCATTER = "Most of it is the image's gradient, which XLA adds up row by row on one thread an image."
SOFTMAX = ("TensorFlow's softmax kernel alone takes two thirds of our time, and as long as all of "
           "the peer; forms without it (one product with [1, x, y], XLA) are slower.")
REMAP = ("One fused XLA loop recomputes index and weight for every channel; OpenCV reads three "
         "channels at once, with fixed-point weights of 5 bits. Padded images, planes and scalar "
         "reads were 1.0 to 5 times slower.")

GOALS = (
    Goal("nms 1x5000 IoU 0.5 k 300", "torchvision.ops.nms", 0.08),
    Goal("nms 8x5000 IoU 0.5 k 300", "torchvision.ops.nms", 0.05),
    Goal("nms 1x5000 IoU 0.7 k 5000", "torchvision.ops.nms", 0.22),
    Goal("nms 1x5000 IoU 0.7 k 5000", "ONNX Runtime", 0.5),
    Goal("nms 1x2000 IoU 0.7 k 1000", "ONNX Runtime", 0.7),
    Goal("nms 8x5000 IoU 0.5 k 300", "ONNX Runtime", 1.0),
    Goal("nms 1x5000 IoU 0.5 k 300", "ONNX Runtime", 1.5),
    Goal("nms 1x5000 IoU 0.7 k 5000", "tf.image.combined_non_max_suppression", 0.6),
    Goal("nms 1x1000 IoU 0.5 k 100", "tf.image.non_max_suppression_padded", 0.3),
    Goal("grid_sample 8x64x64x64", "torch grid_sample, channels_last", 0.65),
    Goal("grid_sample 8x64x64x64", "torch grid_sample, NCHW", 0.5,
         "0.9 ms, of which TensorFlow's call and XLA's start take 0.2."),
    Goal("grid_sample 8x256x256x3", "torch grid_sample, NCHW", 1.5),
    Goal("grid_sample 8x256x256x3", "cv2.remap", 1.2, REMAP),
    Goal("grid_sample 8x256x256x3", "keras.ops.image.map_coordinates", 0.06),
    Goal("grid_sample 32x40x40x1", "keras.ops.image.map_coordinates", 0.06),
    Goal("grid_sample 8x64x64x64", "ONNX Runtime GridSample", 0.06,
         "As above: a fixed cost in a call of 0.9 ms. The minimum meets it."),
    Goal("grid_sample 8x256x256x3", "ONNX Runtime GridSample", 0.15),
    Goal("grid_sample and gradients 8x64x64x64", "torch grid_sample, NCHW", 0.9),
    Goal("grid_sample and gradients 8x256x256x3", "torch grid_sample, NCHW", 1.8, SCATTER),
    Goal("grid_sample and gradients 8x64x64x64", "TensorFlow's gradient, XLA", 0.45),
    Goal("grid_sample and gradients 8x256x256x3", "TensorFlow's gradient, XLA", 0.45),
    Goal("grid_sample and gradients 8x64x64x64", "TensorFlow's gradient, graph", 0.2, GRAPH),
    Goal("grid_sample and gradients 8x256x256x3", "TensorFlow's gradient, graph", 0.2, GRAPH),
    Goal("roi_align 1x200", "torchvision", 0.18),
    Goal("roi_align 1x50", "torchvision", 0.25),
    Goal("roi_align 1x50", "ONNX Runtime", 0.4),
    Goal("roi_align 2x100", "ONNX Runtime", 0.4),
    Goal("roi_align 1x200", "ONNX Runtime", 0.4),
    Goal("roi_align 1x200/100/50/25", "torchvision", 0.2),
    Goal("roi_align 1x50 and gradient", "torchvision", 0.15),
    Goal("roi_align 1x200 and gradient", "torchvision", 0.15),
    Goal("soft_argmax 64x128x128", "torch", 1.15, SOFTMAX),
    Goal("soft_argmax 64x128x128", "torch, sums of rows and columns", 2.0),
    Goal("soft_argmax 64x128x128", "numpy", 0.55),
    Goal("soft_argmax and gradient 64x128x128", "torch.compile", 1.5),
    Goal("soft_argmax and gradient 64x128x128", "torch", 0.85, SOFTMAX),
    Goal("local_maxima 8x46x46x19", "torch max_pool2d", 0.15),
    Goal("local_maxima 8x46x46x19", "cv2.dilate", 1.0),
    Goal("heatmap_peaks 8x46x46x19, 32 of each", "torch max_pool2d, topk", 0.38),
    Goal("point set layer 32x1024x128->1024", "torch.compile", 0.25),
    Goal("PointNet training step 32x1024, float32", "torch eager", 0.18),
    Goal("PointNet training step 32x1024, float32", "torch.compile", 0.33),
    Goal("Mask R-CNN, MobileNetV2, 320x320, 100 objects, LiteRT",
         "ONNX Runtime, NonMaxSuppression and RoiAlign", 1.15),
    Goal("Mask R-CNN, MobileNetV2, 320x320, 10 objects, LiteRT",
         "ONNX Runtime, NonMaxSuppression and RoiAlign", 1.15),
    Goal("U-Net step float32", "Keras BatchNormalization", 0.9),
    Goal("U-Net step mixed_bfloat16", "Keras BatchNormalization", 0.65,
         "The goal was set on a processor with bfloat16 matrix units (AMX), which this one lacks: "
         "convolutions take a larger part of the step, and normalisation a smaller one."),
)


def measured():
    """{case: its row} of all recorded runs, and the runs."""
    runs = [json.loads((ROOT / f"benchmarks/results/{name}.json").read_text()) for name in RUNS]
    return {row["case"]: row for run in runs for row in run["cases"]}, runs


def verdict(goal, rows):
    """Cells of a line: case, peer, our ms, theirs, ratios, goal, whether it is met or why not."""
    row = rows[goal.case]
    median, least = row["ratio"][goal.peer], row["min_ratio"][goal.peer]
    met = max(median, least) <= SLACK * goal.ratio
    if not (met or goal.why):
        raise ValueError(f"{goal.case} against {goal.peer}: missed, and no reason is given")
    times = (f"{row['ms'][name]:.3g}" for name in ("tfvision", goal.peer))
    ratios = (f"{value:.3g}" for value in (median, least, goal.ratio))
    return [goal.case, goal.peer, *times, *ratios, "yes" if met else f"**no.** {goal.why}"]


def beside(rows):
    """Cells of what was measured without a goal."""
    aimed = {(goal.case, goal.peer) for goal in GOALS}
    for case, row in rows.items():
        for peer in list(row["ms"])[1:]:
            if (case, peer) not in aimed and not peer.startswith("tfvision"):
                times = (f"{row['ms'][name]:.3g}" for name in ("tfvision", peer))
                ratios = (f"{row[key][peer]:.3g}" for key in ("ratio", "min_ratio"))
                yield [case, peer, *times, *ratios]


def table(heading, lines):
    """Markdown."""
    return "\n".join("| " + " | ".join(cells) + " |" for cells in
                     (heading, ["---"] * len(heading), *lines))


def page():
    """docs/benchmarks.md."""
    rows, runs = measured()
    met = [verdict(goal, rows) for goal in GOALS]
    load = ", ".join(f"{run['load_before']:.2f}" for run in runs)
    names = ", ".join(f"`tfvision bench {name}`" for name in RUNS)
    head = ["case", "peer", "ms", "peer's ms", "ratio", "by minimum"]
    return "\n\n".join([
        "# Benchmarks: operations and networks against their peers",
        f"{names} wrote benchmarks/results/, and `python "
        "benchmarks/_goals.py` this page. Medians of interleaved blocks of calls; a ratio below 1 "
        f"means that tfvision is faster. {runs[0]['machine']}, without a GPU; load before the runs "
        f"{load}. On a GPU nothing has been measured: benchmarks/gpu has the runner.",
        "## Goals",
        f"{sum(cells[-1] == 'yes' for cells in met)} of {len(met)} are met: a goal is met when the "
        "ratios by median and by minimum are both within a tenth of it.",
        table([*head, "goal", "met"], met),
        "## Without a goal",
        table(head, beside(rows)),
    ]) + "\n"


if __name__ == "__main__":
    (ROOT / "docs/benchmarks.md").write_text(page())
