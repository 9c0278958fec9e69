"""Pictures of poses: joints and limbs of one or many people, boxes in space."""

import numpy as np

from tfvision.viz.canvas import Canvas
from tfvision.viz.labels import palette

NEAR, FAR_SIDE, FRONT = (255, 196, 61), (120, 170, 230), (239, 98, 76)
# Corner i lies on the positive side of x, y, z where bits 0, 1, 2 of i are set.
CUBOID = [(i, i | bit) for i in range(8) for bit in (1, 2, 4) if not i & bit]


def pose(image, keypoints, limbs=(), *, threshold=0.1):
    """Joints and limbs of one person: uint8 [h, w, 3].

    image      uint8 [h, w, c]
    keypoints  float [j, 3], (x, y, score), px; not drawn below the threshold
    limbs      pairs of joint numbers
    """
    canvas = Canvas(image)
    joints = palette(len(keypoints) + 1)[1:]
    draw_limbs(canvas, keypoints, limbs, joints[[b for _, b in limbs]], threshold)
    draw_joints(canvas, keypoints, joints, threshold)
    return canvas.picture


def people(image, people, limbs=(), *, threshold=0.1):
    """Joints and limbs of many people, a colour for each: uint8 [h, w, 3].

    people   float [p, j, 3], (x, y, score), px
    """
    canvas = Canvas(image)
    colours = palette(len(people) + 1)[1:]
    for person, colour in zip(people, colours, strict=True):
        draw_limbs(canvas, person, limbs, [colour] * len(limbs), threshold)
        draw_joints(canvas, person, [colour] * len(person), threshold)
    return canvas.picture


def draw_limbs(canvas, keypoints, limbs, colours, threshold):
    """Lines between the joints that are seen."""
    for (a, b), colour in zip(limbs, colours, strict=True):
        if min(keypoints[a][2], keypoints[b][2]) >= threshold:
            canvas.line(keypoints[a][:2], keypoints[b][:2], colour, width=3, halo=True)


def draw_joints(canvas, keypoints, colours, threshold):
    """Dots on the joints that are seen."""
    for joint, colour in zip(keypoints, colours, strict=True):
        if joint[2] >= threshold:
            canvas.dot(joint[:2], colour)


def cuboid(image, corners, edges=CUBOID):
    """The projected box around an object, its front side (the first half of z) in red.

    image    uint8 [h, w, c]
    corners  float [8, 2], (x, y), px; corner i lies on the positive side of x, y, z where bits
             0, 1, 2 of i are set, if the edges are the default ones
    edges    pairs of corner numbers
    return   uint8 [h, w, 3]
    """
    canvas = Canvas(image)
    for a, b in sorted(edges, key=lambda edge: -max(edge)):
        colour = FRONT if max(a, b) < 4 else FAR_SIDE if min(a, b) >= 4 else NEAR
        canvas.line(corners[a], corners[b], colour, width=2.5, halo=True)
    for corner in np.asarray(corners):
        canvas.dot(corner, (255, 255, 255), radius=2, rim=(38, 42, 52))
    return canvas.picture
