"""models.unet: the paper's sizes, tiles that equal the whole, and a net that learns."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfvision.models import unet


def small(padding, tile, depth=2, **options):
    keras.utils.set_random_seed(0)
    net = unet.network(filters=4, depth=depth, padding=padding, norm=True, **options)
    return unet.UNet(net, depth=depth, padding=padding, tile=tile)


def test_the_paper_s_network_has_its_weights_and_sizes():
    net = unet.network()
    assert net.count_params() == 31_030_658
    assert net.compute_output_shape([1, 572, 572, 1]) == (1, 388, 388, 2)
    assert net(np.zeros([1, 188, 188, 1], np.float32)).shape == (1, 4, 4, 2)
    assert [unet.valid_size(s) for s in (1, 188, 189, 572)] == [188, 188, 204, 572]
    assert unet.valid_margin(4) == 92


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_valid_convolutions_cut_the_margin(depth):
    size = unet.valid_size(60, depth)
    net = unet.network(filters=2, depth=depth)
    shape = net(np.zeros([1, size, size, 1], np.float32)).shape
    assert shape[1] == size - 2 * unet.valid_margin(depth)


def whole(model, image, depth):
    """Labels' probabilities of the mirrored image in one piece."""
    margin, step = model.margin, 2**depth
    h, w = image.shape[1:3]
    if model.cut:
        right = [unet.valid_size(n + 2 * margin + step, depth) - n - margin for n in (h, w)]
    else:
        right = [-(-n // step) * step - n + margin for n in (h, w)]
    index = [reflected(-margin, n + r, n) for n, r in zip((h, w), right, strict=True)]
    padded = image[:, index[0]][:, :, index[1]].astype(np.float32) / 255
    logits = model(padded, training=False)
    start = margin - model.cut
    return tf.nn.softmax(logits[:, start : start + h, start : start + w]).numpy()


def reflected(first, last, size):
    period = max(2 * (size - 1), 1)
    inside = np.abs(np.arange(first, last)) % period
    return np.minimum(inside, period - inside)


@pytest.mark.parametrize("padding, tile", [("same", 80), ("valid", 60)])
@pytest.mark.parametrize("shape", [(1, 64, 64), (1, 71, 53), (2, 33, 90), (1, 20, 130), (1, 1, 1)])
def test_tiles_equal_the_whole_image(padding, tile, shape):
    model = small(padding, tile)
    image = np.random.default_rng(3).integers(0, 256, [*shape, 1], np.uint8)
    labels, probabilities = model.segment(tf.constant(image))
    np.testing.assert_allclose(probabilities, whole(model, image, 2), atol=1e-6)
    np.testing.assert_array_equal(labels, probabilities.numpy().argmax(-1))


def test_the_average_turns_with_the_image():
    model = small("same", 80)
    image = np.random.default_rng(5).integers(0, 256, [1, 20, 13, 1], np.uint8)
    _, plain = model.segment_averaged(image)
    for turned in (np.rot90(image, 1, (1, 2)), image[:, ::-1]):
        _, other = model.segment_averaged(np.ascontiguousarray(turned))
        back = np.rot90(other, -1, (1, 2)) if turned.shape[1] == 13 else other[:, ::-1]
        np.testing.assert_allclose(back, plain, atol=1e-6)


@pytest.mark.parametrize("padding, tile", [("same", 48), ("same", 40), ("valid", 61)])
def test_a_tile_that_is_too_small_or_illegal_is_refused(padding, tile):
    with pytest.raises(ValueError, match=f"tile={tile}"):
        small(padding, tile)


def batches(padding):
    """Bright discs on dark ground: label 1 where it is bright."""
    size = 60
    random = np.random.default_rng(4)
    y, x = np.mgrid[:size, :size]
    centres = random.uniform(20, 40, [4, 2])
    label = np.stack([((x - a) ** 2 + (y - b) ** 2 < 500) for a, b in centres]).astype(np.int32)
    image = (0.3 + 0.4 * label + random.normal(0, 0.05, label.shape)).astype(np.float32)
    return tf.data.Dataset.from_tensors({"image": image[..., None], "label": label}).repeat()


@pytest.mark.parametrize("padding, precision", [
    ("same", "float32"), ("valid", "float32"), ("same", "mixed_bfloat16")])
def test_it_learns_one_batch(padding, precision):
    keras.mixed_precision.set_global_policy(precision)
    try:
        model = small(padding, 80 if padding == "same" else 60, dropout=0.0)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    model.compile(optimizer=keras.optimizers.Adam(0.02))
    history = model.fit(batches(padding), steps_per_epoch=20, epochs=2, shuffle=False, verbose=0)
    assert history.history["loss"][-1] < 0.5 * history.history["loss"][0]
    assert history.history["accuracy"][-1] > 0.9


def test_weights_of_zero_silence_pixels():
    model = small("same", 80)
    batch = next(iter(batches("same")))
    logits = model(batch["image"])
    half = tf.cast(tf.range(60) < 30, tf.float32)[None, None] * tf.ones([4, 60, 60])
    masked = model.weighted_loss({**batch, "weight": half}, logits)
    wrong = {**batch, "label": tf.where(half > 0, batch["label"], 1 - batch["label"])}
    np.testing.assert_allclose(model.weighted_loss({**wrong, "weight": half}, logits), masked)
    assert model.weighted_loss(wrong, logits) != model.weighted_loss(batch, logits)


def test_a_step_compiles_under_xla():
    model = small("same", 80)
    model.compile(optimizer=keras.optimizers.SGD(0.1), jit_compile=True)
    history = model.fit(batches("same").take(1), shuffle=False, verbose=0)
    assert np.isfinite(history.history["loss"][0])
