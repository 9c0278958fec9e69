"""models.autoencoder: what is known of its minima, in closed form, and models that learn."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfvision import ops
from tfvision.data.stream import stream
from tfvision.losses import sparsity
from tfvision.metrics import pca
from tfvision.models import autoencoder

SHAPE, SIZE = (4, 4, 1), 3


def small(units=SIZE, *, tied=False, hidden=(), activation="relu", code="linear", **options):
    keras.utils.set_random_seed(0)
    same = {"shape": SHAPE, "activation": activation}
    encoder = autoencoder.dense_encoder(units, hidden=hidden, code=code, **same)
    decoder = autoencoder.dense_decoder(units, hidden=hidden[::-1], **same)
    if tied:
        decoder = None
    return autoencoder.Autoencoder(encoder, decoder, **options)


def linear(**options):
    return small(pixels="linear", **options)


def batch(n=4, seed=0):
    image = np.random.default_rng(seed).integers(0, 256, [n, *SHAPE], np.uint8)
    return {"image": tf.constant(image), "index": tf.range(n, dtype=tf.int64)}


def planar(n=64):
    """Images near a 3-dimensional plane, as uint8: its principal directions are well apart."""
    random = np.random.default_rng(1)
    directions = np.linalg.qr(random.normal(size=[16, SIZE]))[0]
    x = random.normal(size=[n, SIZE]) * [110, 80, 60] @ directions.T
    x = 128 + x + random.normal(size=[n, 16]) * 30
    return np.clip(np.round(x), 0, 255).astype(np.uint8).reshape([n, *SHAPE])


def fitted(model, image, *, steps=1500, rate=0.03, batch_size=None):
    """The model, trained by Adam whose rate falls to 0."""
    rate = keras.optimizers.schedules.CosineDecay(rate, steps)
    model.compile(optimizer=keras.optimizers.Adam(rate, beta_2=0.99), steps_per_execution=100)
    data = stream({"image": image}, batch_size=batch_size or len(image), seed=0)
    model.fit(data, steps_per_epoch=steps, shuffle=False, verbose=0)
    return model


def orthonormal(columns):
    return np.linalg.qr(np.asarray(columns, np.float64))[0]


def largest_angle(a, b):
    """The largest principal angle between the spans of columns, rad."""
    a, b = orthonormal(a), orthonormal(b)
    return np.arcsin(min(np.linalg.norm(b - a @ (a.T @ b), 2), 1))  # Exact for small ones, too.


@pytest.fixture(scope="module", params=[False, True], ids=["free", "tied"])
def plane(request):
    """A linear autoencoder, fitted to planar images, with and without tied weights."""
    return fitted(linear(tied=request.param), planar())


def written(model):
    """The directions that a linear decoder draws with: float [16, 3]."""
    maps = model.decoder(tf.concat([tf.zeros([1, SIZE]), tf.eye(SIZE)], 0)).numpy()
    return (maps[1:] - maps[0]).reshape([SIZE, 16]).T


def test_a_linear_autoencoder_finds_the_subspace_of_pca(plane):
    x = planar() / 255
    mean, directions = pca.components(x, SIZE)
    assert largest_angle(written(plane), directions.T) < 1e-3
    assert largest_angle(plane.encoder.get_layer("code").kernel, directions.T) < 1e-3
    errors = [np.mean((way - x) ** 2) for way in (plane(x.astype(np.float32)).numpy(),
                                                  pca.project(x, mean, directions))]
    assert errors[0] == pytest.approx(errors[1], rel=1e-4)


def test_the_angle_sees_what_is_turned_by_little():
    a = np.eye(4)[:, :2]
    for angle in (1e-5, 1e-2, 1.0):
        b = np.stack([a[:, 0], [0, np.cos(angle), np.sin(angle), 0]], 1) @ [[2, 1], [0, 3]]
        assert largest_angle(a, b) == pytest.approx(angle, rel=1e-6)


def test_denoising_by_a_linear_autoencoder_is_the_wiener_filter():
    """E||W x~ - x||^2 with x~ = x + noise is least at W = C (C + sigma^2 I)^-1."""
    image, sigma = planar(512), 0.2
    model = linear(units=16, corruption="gaussian", level=sigma)
    fitted(model, image, batch_size=512)
    x = image.reshape([-1, 16]) / 255
    covariance = np.cov(x.T, bias=True)
    wiener = covariance @ np.linalg.inv(covariance + sigma**2 * np.eye(16))
    step = model(np.eye(16).reshape([16, *SHAPE])).numpy() - model(np.zeros([1, *SHAPE])).numpy()
    np.testing.assert_allclose(step.reshape([16, 16]).T, wiener, atol=0.03)
    assert np.abs(wiener).max() > 0.3


def identity(**options):
    """An autoencoder that gives back what it sees."""
    model = linear(units=16, **options)
    model.set_weights([np.eye(16), np.zeros(16), np.eye(16), np.zeros(16)])
    return model


@pytest.mark.parametrize("corruption, level", [
    ("masking", 0.3), ("salt_and_pepper", 0.4), ("gaussian", 0.2), ("none", 0.0)
])
def test_the_loss_asks_for_the_clean_image(corruption, level):
    model, data = identity(corruption=corruption, level=level), batch(2000)
    model.compile(optimizer=keras.optimizers.SGD(0.0))
    x = data["image"].numpy() / 255
    share = {"masking": x**2, "salt_and_pepper": (x**2 + (1 - x) ** 2) / 2, "gaussian": level}
    expected = 16 * level * np.mean(share.get(corruption, 0))
    found = float(model.train_step(data)["loss"])
    assert found == pytest.approx(expected, rel=0.05, abs=1e-9)


def test_what_is_corrupted_belongs_to_the_image_s_number():
    data = batch(6)
    x = autoencoder.scaled(data["image"])
    for corruption in ("masking", "salt_and_pepper", "gaussian"):
        model = small(corruption=corruption, level=0.5)
        whole = model.corrupt(x, data["index"], seed=0).numpy()
        part = model.corrupt(x[4:], data["index"][4:], seed=0)
        np.testing.assert_array_equal(part, whole[4:])
        for other in (model.corrupt(x, data["index"], seed=1),
                      model.corrupt(x, data["index"] + 6, seed=0)):
            assert np.mean(other.numpy() != whole) > 0.2


def test_a_step_goes_down_the_slope_of_the_lecture_s_loss():
    model, data = small(), batch()
    model.compile(optimizer=keras.optimizers.SGD(0.1))
    before = [weight.numpy() for weight in model.trainable_weights]
    with tf.GradientTape() as tape:
        x = tf.cast(data["image"], tf.float32) / 255
        loss = tf.reduce_mean(tf.reduce_sum((model(x) - x) ** 2, [1, 2, 3]))
    slopes = tape.gradient(loss, model.trainable_weights)
    logs = model.train_step(data)
    np.testing.assert_allclose(logs["loss"], loss, rtol=1e-6)
    np.testing.assert_allclose(logs["mse"] * 16, loss, rtol=1e-6)
    for old, slope, new in zip(before, slopes, model.trainable_weights, strict=True):
        np.testing.assert_allclose(new, old - 0.1 * slope, atol=1e-6)


@pytest.mark.parametrize("kind, code", [("kl", "sigmoid"), ("l1", "relu")])
def test_sparsity_is_added_with_its_weight_and_makes_codes_sparse(kind, code):
    image = batch(64)["image"].numpy()
    plain, sparse = (
        small(8, code=code, sparsity=kind, weight=weight, target=0.1) for weight in (0.0, 3.0)
    )
    for model in (plain, sparse):
        fitted(model, image, steps=400, rate=0.03)
    means = [np.mean(model.encode(image)) for model in (plain, sparse)]
    assert means[1] < 0.6 * means[0]
    z = sparse.encode(image)
    penalty = (tf.reduce_sum(sparsity.kl_sparsity(z, target=0.1)) if kind == "kl"
               else tf.reduce_mean(sparsity.l1_sparsity(z)))
    sparse.reset_metrics()
    logs = sparse.test_step(batch(64))
    np.testing.assert_allclose(logs["sparsity"], penalty, rtol=1e-4)
    np.testing.assert_allclose(logs["loss"], 16 * logs["mse"] + 3 * penalty, rtol=1e-4)
    if kind == "kl":
        np.testing.assert_allclose(np.mean(z, 0), 0.1, atol=0.08)


def networks(kind, shape=(8, 12, 3)):
    same = {"shape": shape, "activation": "tanh"}
    if kind == "convolutional":
        return (autoencoder.convolutional_encoder(5, filters=(4, 6), **same),
                autoencoder.convolutional_decoder(5, filters=(4, 6), **same))
    encoder = autoencoder.dense_encoder(5, hidden=(9, 7), **same)
    if kind == "tied":
        return encoder, None
    return encoder, autoencoder.dense_decoder(5, hidden=(7, 9), **same)


KINDS = ("dense", "tied", "convolutional")


@pytest.mark.parametrize("kind", KINDS)
def test_its_numbers_are_of_the_exported_kind(kind):
    model = autoencoder.Autoencoder(*networks(kind))
    image = np.random.default_rng(0).integers(0, 256, [4, 8, 12, 3], np.uint8)
    z = model.encode(image)
    assert z.shape == (4, 5) and z.dtype == "float32"
    drawn, again = model.decode(z), model.reconstruct(image)
    assert drawn.shape == image.shape and drawn.dtype == again.dtype == "uint8"
    np.testing.assert_array_equal(drawn, again)


def test_tied_weights_are_half_as_many():
    free, tied = (autoencoder.Autoencoder(*networks(kind)) for kind in ("dense", "tied"))
    matrices = [sum(w.shape.rank == 2 for w in m.trainable_weights) for m in (free, tied)]
    assert matrices == [6, 3]
    assert len(tied.trainable_weights) == 9  # And a bias for each way.


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_model_goes_on_as_it_was(kind, tmp_path):
    image = np.random.default_rng(0).integers(0, 256, [4, 8, 12, 3], np.uint8)
    data = tf.data.Dataset.from_tensors({"image": image, "index": np.arange(4)}).repeat()
    model = autoencoder.Autoencoder(*networks(kind), corruption="masking", level=0.5, seed=3)
    model.compile(optimizer=keras.optimizers.Adam(0.01))
    model.fit(data, steps_per_epoch=3, shuffle=False, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    for one in (model, again):
        one.fit(data, steps_per_epoch=3, shuffle=False, verbose=0)
    assert len(model.variables) == len(again.variables)
    for a, b in zip(model.trainable_variables, again.trainable_variables, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7, err_msg=a.path)
    assert int(again.optimizer.iterations) == 6


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_compiles_under_xla_and_in_bfloat16(kind):
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = autoencoder.Autoencoder(*networks(kind), corruption="gaussian", level=0.1)
    model.compile(optimizer=keras.optimizers.SGD(0.1), jit_compile=True)
    image = np.random.default_rng(0).integers(0, 256, [4, 8, 12, 3], np.uint8)
    data = tf.data.Dataset.from_tensors({"image": image, "index": np.arange(4)})
    history = model.fit(data, shuffle=False, verbose=0)
    assert np.isfinite(history.history["loss"][0]) and model.encode(image).dtype == "float32"


def test_it_restores_what_was_lost():
    """Two images that share no pixel: any pixel left tells which one it was."""
    image = np.zeros([2, *SHAPE], np.uint8)
    image[0, :2], image[1, 2:] = 255, 255
    model = small(4, hidden=(16,), code="relu", corruption="masking", level=0.5,
                  loss="cross_entropy")
    fitted(model, image, steps=300, rate=0.02, batch_size=32)
    index = tf.range(2, dtype=tf.int64)
    seen = model.corrupt(autoencoder.scaled(image), index, seed=9)
    assert 2 < np.sum(seen.numpy() == 1) < 14
    np.testing.assert_allclose(model(seen), image / 255, atol=0.1)


@pytest.mark.parametrize("options, message", [
    ({"loss": "l1"}, "Expected loss in"),
    ({"pixels": "tanh"}, "Expected pixels in"),
    ({"corruption": "blur"}, "Expected corruption in"),
    ({"sparsity": "topk"}, "Expected sparsity in"),
    ({"loss": "cross_entropy", "pixels": "linear"}, "Expected pixels='sigmoid'"),
    ({"corruption": "masking", "level": 1.2}, "Expected 0 <= level <= 1"),
    ({"corruption": "gaussian", "level": -0.1}, "Expected 0 <= level"),
])
def test_what_cannot_be_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        small(**options)


def test_networks_that_do_not_fit_are_refused():
    same = {"shape": (8, 8, 1)}
    with pytest.raises(ValueError, match="Expected a decoder of the encoder's codes"):
        autoencoder.Autoencoder(
            autoencoder.dense_encoder(5, **same), autoencoder.dense_decoder(4, **same)
        )
    for filters in ((2, 2, 2, 2), ()):
        with pytest.raises(ValueError, match="multiples of 2 per halving"):
            autoencoder.convolutional_encoder(5, filters=filters, **same)


def test_the_noise_is_that_of_the_examples():
    model, data = small(corruption="masking", level=0.4), batch()
    uniform = ops.example_uniform(data["index"], 16, seed=5).numpy().reshape([4, *SHAPE])
    x = autoencoder.scaled(data["image"])
    found = model.corrupt(x, data["index"], seed=5).numpy()
    np.testing.assert_array_equal(found == 0, (uniform < 0.4) | (x == 0))
