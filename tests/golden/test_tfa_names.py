"""Every public name of TensorFlow Addons 0.23.0: what does its work now, or why nothing does."""

import importlib
from pathlib import Path

import numpy as np
import pytest

RECORDED = np.load(Path(__file__).with_name("tfa.npz"))
OPS, METRIC, DETECTION = "tfvision.ops.", "tfvision.losses.metric.", "tfvision.losses.detection."
KERAS = "keras.layers."

REPLACED = {
    "activations": {
        "gelu": "keras.activations.gelu",
        "hardshrink": "keras.activations.hard_shrink",
        "mish": "keras.activations.mish",
        "softshrink": "keras.activations.soft_shrink",
        "sparsemax": "keras.activations.sparsemax",
        "tanhshrink": "keras.activations.tanh_shrink",
    },
    "callbacks": {
        "AverageModelCheckpoint": "tfvision.models.ema.follow",
        "TQDMProgressBar": "tfvision.engine.callbacks.Progress",
    },
    "image": {
        "dense_image_warp": OPS + "dense_image_warp",
        "interpolate_bilinear": OPS + "grid_sample",
        "interpolate_spline": OPS + "spline_interpolate",
        "resampler": OPS + "grid_sample",
        "rotate": OPS + "rotate",
        "shear_x": OPS + "affine_grid",
        "shear_y": OPS + "affine_grid",
        "sparse_image_warp": OPS + "sparse_image_warp",
        "transform": OPS + "projective_grid",
        "translate": OPS + "affine_grid",
        "translate_xy": OPS + "affine_grid",
    },
    "layers": {
        "AdaptiveAveragePooling1D": KERAS + "AdaptiveAveragePooling1D",
        "AdaptiveAveragePooling2D": KERAS + "AdaptiveAveragePooling2D",
        "AdaptiveAveragePooling3D": KERAS + "AdaptiveAveragePooling3D",
        "AdaptiveMaxPooling1D": KERAS + "AdaptiveMaxPooling1D",
        "AdaptiveMaxPooling2D": KERAS + "AdaptiveMaxPooling2D",
        "AdaptiveMaxPooling3D": KERAS + "AdaptiveMaxPooling3D",
        "GELU": "keras.activations.gelu",
        "GroupNormalization": KERAS + "GroupNormalization",
        "InstanceNormalization": "tfvision.layers.InstanceNormalization",
        "MaxUnpooling2D": OPS + "unpool",
        "MaxUnpooling2DV2": OPS + "unpool",
        "MultiHeadAttention": KERAS + "MultiHeadAttention",
        "Sparsemax": "keras.activations.sparsemax",
    },
    "losses": {
        "ContrastiveLoss": METRIC + "contrastive",
        "contrastive_loss": METRIC + "contrastive",
        "GIoULoss": DETECTION + "generalized_iou",
        "giou_loss": DETECTION + "generalized_iou",
        "LiftedStructLoss": METRIC + "lifted_structure",
        "lifted_struct_loss": METRIC + "lifted_structure",
        "NpairsLoss": METRIC + "npairs",
        "npairs_loss": METRIC + "npairs",
        "SigmoidFocalCrossEntropy": DETECTION + "sigmoid_focal",
        "sigmoid_focal_crossentropy": DETECTION + "sigmoid_focal",
        "TripletHardLoss": METRIC + "triplet_hard",
        "triplet_hard_loss": METRIC + "triplet_hard",
        "TripletSemiHardLoss": METRIC + "triplet_semihard",
        "triplet_semihard_loss": METRIC + "triplet_semihard",
    },
    "metrics": {
        "F1Score": "keras.metrics.F1Score",
        "FBetaScore": "keras.metrics.FBetaScore",
        "MeanMetricWrapper": "keras.metrics.MeanMetricWrapper",
        "PearsonsCorrelation": "keras.metrics.PearsonCorrelation",
        "RSquare": "keras.metrics.R2Score",
    },
    "optimizers": {
        "AdamW": "keras.optimizers.AdamW",
        "DecoupledWeightDecayExtension": "keras.optimizers.Optimizer",  # weight_decay=
        "extend_with_decoupled_weight_decay": "keras.optimizers.Optimizer",
        "LAMB": "keras.optimizers.Lamb",
        "MovingAverage": "tfvision.models.ema.follow",
        "SGDW": "keras.optimizers.SGD",  # weight_decay=
    },
}

UNUSED = "no system here uses it"
SEQUENCES = "for sequences, not pictures"
MATRIX = "a matrix [3, 3] and tf.matmul say it"
AUGMENT = "Keras and tf.image have augmentation of their own, to other formulas"
OUTSIDE = "OpenCV has it, for the data before a graph"
LEFT = {
    "activations": dict.fromkeys(["lisht", "rrelu", "snake"], UNUSED),
    "callbacks": {"TimeStopping": UNUSED},
    "image": {
        **dict.fromkeys(["angles_to_projective_transforms", "compose_transforms",
                         "translations_to_projective_transforms"], MATRIX),
        **dict.fromkeys(["adjust_hsv_in_yiq", "blend", "cutout", "equalize", "random_cutout",
                         "random_hsv_in_yiq", "sharpness"], AUGMENT),
        **dict.fromkeys(["connected_components", "euclidean_dist_transform", "gaussian_filter2d",
                         "mean_filter2d", "median_filter2d"], OUTSIDE),
    },
    "layers": {
        "SpectralNormalization": "it divides the stored kernel at every call, which is not the "
                                 "gradient of Miyato et al.; the critics here have a penalty",
        **dict.fromkeys(["CorrelationCost", "FilterResponseNormalization", "Maxout",
                         "PoincareNormalize", "Snake", "SpatialPyramidPooling2D",
                         "StochasticDepth", "TLU", "WeightNormalization"], UNUSED),
        **dict.fromkeys(["CRF", "EmbeddingBag", "ESN", "NoisyDense", "PolynomialCrossing"],
                        SEQUENCES + ", tables or games"),
    },
    "losses": dict.fromkeys(
        ["NpairsMultilabelLoss", "npairs_multilabel_loss", "PinballLoss", "pinball_loss",
         "SparsemaxLoss", "sparsemax_loss", "WeightedKappaLoss"], UNUSED),
    "metrics": dict.fromkeys(
        ["CohenKappa", "GeometricMean", "HammingLoss", "hamming_distance", "hamming_loss_fn",
         "HarmonicMean", "KendallsTauB", "KendallsTauC", "MatthewsCorrelationCoefficient",
         "MultiLabelConfusionMatrix", "SpearmansRank"], UNUSED),
    "optimizers": {
        **dict.fromkeys(["KerasLegacyOptimizer", "AveragedOptimizerWrapper"],
                        "of optimisers that Keras 3 does not have"),
        **dict.fromkeys(["AdaBelief", "COCOB", "ConditionalGradient", "CyclicalLearningRate",
                         "ExponentialCyclicalLearningRate", "LazyAdam", "Lookahead",
                         "MultiOptimizer", "NovoGrad", "ProximalAdagrad", "RectifiedAdam", "SWA",
                         "Triangular2CyclicalLearningRate", "TriangularCyclicalLearningRate",
                         "Yogi"], UNUSED),
    },
}
WHOLE = {"rnn": SEQUENCES, "seq2seq": SEQUENCES, "text": SEQUENCES}  # Left as a whole.
MODULES = [key.removeprefix("names/") for key in RECORDED.files if key.startswith("names/")]


def test_no_module_is_forgotten():
    assert set(MODULES) == {*REPLACED, *WHOLE} and set(LEFT) == set(REPLACED)


@pytest.mark.parametrize("module", REPLACED)
def test_every_name_is_either_replaced_or_left_for_a_reason(module):
    offered = {str(name) for name in RECORDED[f"names/{module}"]}
    assert set(REPLACED[module]) | set(LEFT[module]) == offered
    assert not set(REPLACED[module]) & set(LEFT[module])


@pytest.mark.parametrize("module", REPLACED)
def test_what_replaces_a_name_exists(module):
    for path in REPLACED[module].values():
        home, _, name = path.rpartition(".")
        assert callable(getattr(importlib.import_module(home), name)), path
