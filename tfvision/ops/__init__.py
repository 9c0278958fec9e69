"""Pure functions on tensors: no variables, no randomness, one formulation for every runtime."""

from tfvision.ops.anchors import anchor_grid, pyramid_level
from tfvision.ops.area_resize import area_resize
from tfvision.ops.assign import (
    best_object,
    covered,
    is_best_box,
    overlaps,
    random_subset,
    take,
)
from tfvision.ops.blur import gaussian_blur
from tfvision.ops.boxes import (
    box_area,
    box_iou,
    boxes_from_centres,
    centres_from_boxes,
    clip_boxes,
    decode_boxes,
    encode_boxes,
    flip_boxes,
    generalized_iou,
)
from tfvision.ops.cameras import (
    back_project,
    project,
    rotation_from_6d,
    rotation_from_axis_angle,
    rotation_from_quaternion,
)
from tfvision.ops.compiling import compiled, exporting, portable
from tfvision.ops.corruption import add_gaussian, mask_out, salt_and_pepper
from tfvision.ops.deepfool import Attack, deepfool, shorten
from tfvision.ops.epipolar import epipolar_distance, weighted_eight_point
from tfvision.ops.gaussian import is_diagonal, log_variance, reparametrise
from tfvision.ops.gradient_attacks import fgsm, pgd, random_perturbation
from tfvision.ops.gram import gram
from tfvision.ops.grid_sample import grid_sample
from tfvision.ops.grids import (
    affine_grid,
    points_from_normalised,
    projective_grid,
    thin_plate_spline_grid,
)
from tfvision.ops.heatmaps import render_heatmaps, soft_argmax
from tfvision.ops.image_conv import image_conv
from tfvision.ops.letterbox import letterbox
from tfvision.ops.masks import crop_masks, paste_masks
from tfvision.ops.matching import match
from tfvision.ops.nearest import nearest
from tfvision.ops.nms import nms
from tfvision.ops.noise import example_normal, example_uniform
from tfvision.ops.paf import paf_samples, paf_scores, render_pafs
from tfvision.ops.pairwise import pairwise_distances
from tfvision.ops.peaks import heatmap_peaks, local_maxima
from tfvision.ops.point_poses import along_axes, in_unit_sphere
from tfvision.ops.point_sets import farthest_point_sampling
from tfvision.ops.pooling import max_pool_with_switches, unpool
from tfvision.ops.roi import roi_align
from tfvision.ops.roi_pool import roi_pool
from tfvision.ops.schedules import linear_ramp
from tfvision.ops.splines import spline_interpolate
from tfvision.ops.ssim import ssim
from tfvision.ops.tiles import join_tiles, split_tiles
from tfvision.ops.warps import dense_image_warp, disparity_warp, rotate, sparse_image_warp

__all__ = [
    "Attack",
    "add_gaussian",
    "affine_grid",
    "along_axes",
    "anchor_grid",
    "area_resize",
    "back_project",
    "best_object",
    "box_area",
    "box_iou",
    "boxes_from_centres",
    "centres_from_boxes",
    "clip_boxes",
    "compiled",
    "covered",
    "crop_masks",
    "decode_boxes",
    "deepfool",
    "dense_image_warp",
    "disparity_warp",
    "encode_boxes",
    "epipolar_distance",
    "example_normal",
    "example_uniform",
    "exporting",
    "farthest_point_sampling",
    "fgsm",
    "flip_boxes",
    "gaussian_blur",
    "generalized_iou",
    "gram",
    "grid_sample",
    "heatmap_peaks",
    "image_conv",
    "in_unit_sphere",
    "is_best_box",
    "is_diagonal",
    "join_tiles",
    "letterbox",
    "linear_ramp",
    "local_maxima",
    "log_variance",
    "mask_out",
    "match",
    "max_pool_with_switches",
    "nearest",
    "nms",
    "overlaps",
    "paf_samples",
    "paf_scores",
    "pairwise_distances",
    "paste_masks",
    "pgd",
    "points_from_normalised",
    "portable",
    "project",
    "projective_grid",
    "pyramid_level",
    "random_perturbation",
    "random_subset",
    "render_heatmaps",
    "render_pafs",
    "reparametrise",
    "roi_align",
    "roi_pool",
    "rotate",
    "rotation_from_6d",
    "rotation_from_axis_angle",
    "rotation_from_quaternion",
    "salt_and_pepper",
    "shorten",
    "soft_argmax",
    "sparse_image_warp",
    "spline_interpolate",
    "split_tiles",
    "ssim",
    "take",
    "thin_plate_spline_grid",
    "unpool",
    "weighted_eight_point",
]
