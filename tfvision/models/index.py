"""A gallery inside a model: an image goes in, and what is nearest to it comes out."""

import numpy as np
import tensorflow as tf

from tfvision import ops

STORES = ("float32", "int8")


class Index(tf.Module):
    """The items of a gallery by their embeddings, searched by comparing with all of them.

    embed      images uint8 [b, h, w, c] -> embeddings float32 [b, d]
    vectors    float [n, d], the embeddings of the items, finite
    class_ids  int [n]
    k          how many are found, 1..n
    store      "float32", or "int8": a byte for each number and a scale for each item
    raises     ValueError for arrays that do not fit, and for numbers that make no sense
    """

    def __init__(self, embed, vectors, class_ids, *, k=5, store="float32"):
        super().__init__()
        vectors, class_ids = np.asarray(vectors, np.float32), np.asarray(class_ids, np.int32)
        _check(vectors, class_ids, k, store)
        centre = vectors.mean(0)  # Products of what all share would cost precision.
        centred = vectors - centre
        numbers, scales = packed(centred) if store == "int8" else (centred, None)
        kept = centred if scales is None else numbers * scales[:, None]
        self.embed, self.k = embed, k
        self.centre, self.vectors = constant(centre), constant(numbers)
        self.scales = None if scales is None else constant(scales)
        self.squares = constant(np.square(kept, dtype=np.float64).sum(1).astype(np.float32))
        self.class_ids = constant(class_ids)

    def search(self, image):
        """What is nearest to each image uint8 [b, h, w, c].

        return   embedding float32 [b, d]; neighbours int32 [b, k], numbers of items, the nearest
                 first; class_ids int32 [b, k], theirs; distances float32 [b, k]
        """
        embedding = self.embed(image)
        return {"embedding": embedding, **self.nearest(embedding)}

    def nearest(self, embedding):
        """The outputs of `search` but the embedding, float32 [b, d], itself."""
        scales = None if self.scales is None else tf.convert_to_tensor(self.scales)
        neighbours, distances = ops.nearest(
            embedding - self.centre, self.vectors, k=self.k, scales=scales,
            squares=tf.convert_to_tensor(self.squares),
        )
        class_ids = tf.gather(self.class_ids, neighbours)
        return {"neighbours": neighbours, "class_ids": class_ids, "distances": distances}


def packed(vectors):
    """Rows as int8 [n, d] and scales float32 [n]: vectors are about int8 * scale."""
    scales = np.abs(vectors).max(1) / 127
    safe = np.where(scales > 0, scales, 1)
    return np.round(vectors / safe[:, None]).astype(np.int8), scales.astype(np.float32)


def constant(value):
    """A variable that stays as it is: all signatures of a SavedModel share it."""
    return tf.Variable(value, trainable=False)


def _check(vectors, class_ids, k, store):
    if store not in STORES:
        raise ValueError(f"Expected store in {STORES}. Received: store={store!r}")
    if vectors.ndim != 2 or class_ids.shape != vectors.shape[:1]:
        raise ValueError(
            "Expected vectors [n, d] and class_ids [n]. "
            f"Received: {list(vectors.shape)} and {list(class_ids.shape)}"
        )
    bad = np.flatnonzero(~np.isfinite(vectors).all(1))
    if len(bad):
        raise ValueError(f"Expected finite vectors. Received: NaN or infinity in item {bad[0]}")
    if not 1 <= k <= len(vectors):
        raise ValueError(f"Expected 1 <= k <= {len(vectors)}, the items. Received: k={k}")
