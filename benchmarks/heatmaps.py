"""Heat maps, structural similarity and blur against NumPy, OpenCV, SciPy, PyTorch, TensorFlow."""

import cv2
import numpy as np
import tensorflow as tf

from tfvision import ops
from tfvision.commands.bench import INPUTS, Case

MAPS = (64, 128, 128)  # maps, rows, columns
STACK = (8, 46, 46, 19)  # OpenPose's maps of 368 x 368 px
COUNT = 32
IMAGE = (8, 256, 256, 3)


def cases():
    """Yields every comparison."""
    yield soft_argmax()
    yield soft_argmax_with_gradient()
    yield peaks()
    yield highest_peaks()
    yield ssim_gaussian()
    yield ssim_average()
    yield blur()


def random_arrays(*shape):
    """INPUTS arrays of standard normal numbers."""
    random = np.random.default_rng(0)
    return [random.normal(size=shape).astype(np.float32) for _ in range(INPUTS)]


def images():
    """INPUTS images, 0..1."""
    random = np.random.default_rng(0)
    return [random.random(IMAGE, np.float32) for _ in range(INPUTS)]


def optional(name):
    """A module, or None where it is not installed."""
    try:
        return __import__(name, fromlist=["*"])
    except ImportError:
        return None


def soft_argmax():
    """One point per map."""
    arrays = random_arrays(*MAPS, 1)
    tensors = [tf.constant(a) for a in arrays]
    plain, compiled = forms(ops.soft_argmax)
    peers = {
        "tfvision, XLA": lambda k: compiled(tensors[k]).numpy(),
        "numpy": lambda k: numpy_soft_argmax(arrays[k][..., 0]),
    }
    for name, function in torch_soft_argmax().items():
        ready = torch_tensors([a[..., 0] for a in arrays])
        peers[name] = lambda k, function=function, ready=ready: function(ready[k])
    name = "soft_argmax " + "x".join(map(str, MAPS))
    return Case(name, lambda k: plain(tensors[k]).numpy(), peers, arrays[0].nbytes)


def soft_argmax_with_gradient():
    """The points, and the gradient of the sum of their squares."""
    arrays = random_arrays(*MAPS, 1)
    tensors = [tf.constant(a) for a in arrays]

    def slope(scores):
        with tf.GradientTape() as tape:
            tape.watch(scores)
            loss = tf.reduce_sum(ops.soft_argmax(scores) ** 2)
        return tape.gradient(loss, scores)

    plain, compiled = forms(slope)
    peers = {"tfvision, XLA": lambda k: compiled(tensors[k]).numpy()}
    for name, function in torch_soft_argmax().items():
        ready = torch_tensors([a[..., 0] for a in arrays])
        peers[name] = lambda k, function=function, ready=ready: torch_slope(function, ready[k])
    name = "soft_argmax and gradient " + "x".join(map(str, MAPS))
    return Case(name, lambda k: plain(tensors[k]).numpy(), peers, 2 * arrays[0].nbytes)


def forms(function):
    """The function as a graph, and compiled by XLA."""
    return [tf.function(function, jit_compile=xla, autograph=False) for xla in (False, True)]


def numpy_soft_argmax(maps):
    weights = np.exp(maps - maps.max((1, 2), keepdims=True))
    rows, columns = weights.sum(2), weights.sum(1)
    moments = [columns @ np.arange(maps.shape[2]), rows @ np.arange(maps.shape[1])]
    return np.stack(moments, -1) / rows.sum(1, keepdims=True)


def torch_tensors(arrays):
    torch = optional("torch")
    return [torch.from_numpy(a) for a in arrays]


def torch_slope(function, scores):
    scores = scores.detach().requires_grad_()
    (function(scores) ** 2).sum().backward()
    return scores.grad


def torch_soft_argmax():
    """Three usual forms in PyTorch, where it is installed."""
    torch = optional("torch")
    if torch is None:
        return {}
    m, h, w = MAPS
    x, y = torch.arange(float(w)), torch.arange(float(h))

    def naive(scores):
        p = torch.softmax(scores.reshape(m, -1), 1).reshape(m, h, w)
        return torch.stack([(p * x).sum((1, 2)), (p * y[:, None]).sum((1, 2))], -1)

    def marginal(scores):
        p = torch.softmax(scores.reshape(m, -1), 1).reshape(m, h, w)
        return torch.stack([p.sum(1) @ x, p.sum(2) @ y], -1)

    return {"torch": naive, "torch, sums of rows and columns": marginal,
            "torch.compile": torch.compile(marginal)}


def peaks():
    """Local maxima of 3 x 3 pixels: the maps with everything else removed."""
    arrays = random_arrays(*STACK)
    tensors = [tf.constant(a) for a in arrays]
    plain, compiled = forms(lambda scores: ops.local_maxima(scores, radius=1, threshold=0.5))
    pooled = tf.function(max_pool_peaks, autograph=False)
    peers = {
        "tfvision, graph": lambda k: plain(tensors[k]).numpy(),
        "tf.nn.max_pool2d": lambda k: pooled(tensors[k]).numpy(),
        "cv2.dilate": lambda k: [dilated_peaks(image) for image in arrays[k]],
    } | scipy_peaks(arrays) | torch_peaks(arrays, None)
    name = "local_maxima " + "x".join(map(str, STACK))
    return Case(name, lambda k: compiled(tensors[k]).numpy(), peers, 2 * arrays[0].nbytes)


def highest_peaks():
    """The highest local maxima of each map."""
    arrays = random_arrays(*STACK)
    tensors = [tf.constant(a) for a in arrays]

    def ours(impl):
        function = tf.function(lambda scores: ops.heatmap_peaks(
            scores, count=COUNT, radius=1, threshold=0.5, impl=impl
        ), autograph=False)
        return lambda k: [part.numpy() for part in function(tensors[k])]

    @tf.function(autograph=False)
    def pooled(scores):
        b, h, w, c = STACK
        flat = tf.reshape(tf.transpose(max_pool_peaks(scores), [0, 3, 1, 2]), [b, c, h * w])
        return tf.math.top_k(flat, COUNT)

    peers = {
        "tfvision, graph": ours("portable"),
        "tf.nn.max_pool2d, top_k": lambda k: [part.numpy() for part in pooled(tensors[k])],
    } | torch_peaks(arrays, COUNT)
    name = f"heatmap_peaks {'x'.join(map(str, STACK))}, {COUNT} of each"
    return Case(name, ours("auto"), peers, arrays[0].nbytes)


def max_pool_peaks(scores):
    highest = tf.nn.max_pool2d(scores, 3, 1, "SAME")
    return tf.where((scores == highest) & (scores > 0.5), scores, scores.dtype.min)


def dilated_peaks(image):
    highest = cv2.dilate(image, np.ones([3, 3], np.uint8))
    return np.where((image == highest) & (image > 0.5), image, -np.inf)


def scipy_peaks(arrays):
    ndimage = optional("scipy.ndimage")
    if ndimage is None:
        return {}

    def find(scores):
        highest = ndimage.maximum_filter(scores, (1, 3, 3, 1), mode="constant", cval=-np.inf)
        return np.where((scores == highest) & (scores > 0.5), scores, -np.inf)

    return {"scipy.ndimage.maximum_filter": lambda k: find(arrays[k])}


def torch_peaks(arrays, count):
    """By max_pool2d, and by topk where a count is given; maps are planes, as PyTorch has them."""
    torch = optional("torch")
    if torch is None:
        return {}
    ready = torch_tensors([np.ascontiguousarray(a.transpose(0, 3, 1, 2)) for a in arrays])

    def find(k):
        scores = ready[k]
        highest = torch.nn.functional.max_pool2d(scores, 3, 1, 1)
        peaks = torch.where((scores == highest) & (scores > 0.5), scores, -torch.inf)
        return peaks.flatten(2).topk(count) if count else peaks

    return {"torch max_pool2d" + (", topk" if count else ""): find}


def ssim_gaussian():
    """The mean over windows of 11 x 11 px."""
    tensors = [tf.constant(a) for a in images()]
    mine = tf.function(
        lambda a, b: tf.reduce_mean(ops.ssim(a, b, window="gaussian"), [1, 2, 3]), autograph=False
    )
    theirs = tf.function(lambda a, b: tf.image.ssim(a, b, 1.0), autograph=False)
    peers = {"tf.image.ssim": lambda k: theirs(tensors[k], tensors[k - 1]).numpy()}
    peers |= scikit_image_ssim(images())
    moved = 2 * 4 * np.prod(IMAGE).item()
    name = "ssim, gaussian, " + "x".join(map(str, IMAGE))
    return Case(name, lambda k: mine(tensors[k], tensors[k - 1]).numpy(), peers, moved)


def scikit_image_ssim(arrays):
    metrics = optional("skimage.metrics")
    if metrics is None:
        return {}

    def compare(a, b):
        return metrics.structural_similarity(
            a, b, channel_axis=-1, data_range=1.0, gaussian_weights=True, sigma=1.5,
            use_sample_covariance=False,
        )

    return {"skimage": lambda k: [
        compare(a, b) for a, b in zip(arrays[k], arrays[k - 1], strict=True)
    ]}


def ssim_average():
    """The map of windows of 3 x 3 px, as a loss for depth has it."""
    arrays = images()
    tensors = [tf.constant(a) for a in arrays]
    mine = tf.function(ops.ssim, autograph=False)
    moved = 3 * arrays[0].nbytes
    name = "ssim, average, " + "x".join(map(str, IMAGE))
    return Case(name, lambda k: mine(tensors[k], tensors[k - 1]).numpy(), torch_ssim(arrays), moved)


def torch_ssim(arrays):
    torch = optional("torch")
    if torch is None:
        return {}
    ready = torch_tensors([np.ascontiguousarray(a.transpose(0, 3, 1, 2)) for a in arrays])

    def compare(a, b):
        def mean(x):
            return torch.nn.functional.avg_pool2d(x, 3, 1)

        m, n = mean(a), mean(b)
        v, w, cov = mean(a * a) - m * m, mean(b * b) - n * n, mean(a * b) - m * n
        top = (2 * m * n + 1e-4) * (2 * cov + 9e-4)
        return top / ((m * m + n * n + 1e-4) * (v + w + 9e-4))

    return {"torch avg_pool2d": lambda k: compare(ready[k], ready[k - 1])}


def blur():
    """A standard deviation of 1.5 px, 13 x 13 px."""
    arrays = images()
    tensors = [tf.constant(a) for a in arrays]
    mine = tf.function(lambda x: ops.gaussian_blur(x, 1.5), autograph=False)
    peers = {"cv2.GaussianBlur": lambda k: [cv2.GaussianBlur(x, (13, 13), 1.5) for x in arrays[k]]}
    ndimage = optional("scipy.ndimage")
    if ndimage is not None:
        peers["scipy.ndimage.gaussian_filter"] = lambda k: ndimage.gaussian_filter(
            arrays[k], 1.5, mode="mirror", axes=(1, 2)
        )
    name = "gaussian_blur " + "x".join(map(str, IMAGE))
    return Case(name, lambda k: mine(tensors[k]).numpy(), peers, 2 * arrays[0].nbytes)
