"""Losses of metric learning: of pairs of examples, and of whole batches of embeddings.

A loss of a whole batch returns a value per example, scaled so that their mean is the loss. Where a
batch has nothing to learn from (one class only, no two examples of a class), all values and
gradients are 0. The values are float64 where embeddings are, else float32.
"""

import keras
import tensorflow as tf

from tfvision import ops
from tfvision.losses import mining

DISTANCES = ("l2", "sql2", "cosine")
DEFINITIONS = ("facenet", "tfa")
FORMS = ("lecture", "hadsell", "tfa", "linear")


def contrastive(same, distance, *, margin=1.0, form="lecture"):
    """Draws equal ones together, pushes others apart up to the margin (Hadsell et al., 2006).

    The lecture's form: 1/2 D^2 for a positive pair, 1/2 max(0, m - D)^2 for a negative one.

    same      bool [b] or 0 and 1: whether a pair is positive
    distance  float [b], 0 or more
    margin    m, in units of the distance
    form      "lecture"; "hadsell", the same values for the paper's label Y (eq. 4) in the place of
              `same`, which is 1 for a negative pair; "tfa", without the 1/2, as in TensorFlow
              Addons; "linear", D and max(0, m - D), not squared
    return    float32 [b]
    raises    ValueError for an unknown form
    """
    _check("form", form, FORMS)
    positive = tf.cast(same, tf.bool) != (form == "hadsell")
    distance = tf.cast(distance, tf.float32)
    value = tf.where(positive, distance, tf.maximum(margin - distance, 0.0))
    if form == "linear":
        return value
    return (1.0 if form == "tfa" else 0.5) * tf.square(value)


@keras.saving.register_keras_serializable("tfvision")
def triplet_semihard(labels, embeddings, *, margin=0.2, distance="l2", definition="facenet"):
    """Every two equals a, p against the nearest other n beyond p (Schroff et al., 2015, eq. 3).

    The loss of a triplet is max(0, D(a, p) - D(a, n) + margin), where n is the example of another
    class that is nearest to a among those with D(a, n) > D(a, p).

    labels      int [b]
    embeddings  float [b, d]
    margin      in units of the distance
    distance    "l2"; "sql2", its square, which the paper takes, of vectors of length 1; "cosine",
                1 - cos, where a zero vector is at distance 1 from all others
    definition  which pairs count, in a mean over those that do. "facenet": pairs whose n lies
                within the margin, D(a, n) < D(a, p) + margin. "tfa", as in TensorFlow Addons: all
                pairs; where no other example is beyond p, n is the farthest of another class
    return      [b], of each anchor a
    raises      ValueError for an unknown distance or definition
    """
    _check("definition", definition, DEFINITIONS)
    apart, same = _distances(embeddings, distance), mining.equal_pairs(labels)
    positive, negative = same & mining.all_pairs(same), ~same
    nearest, beyond = _nearest_beyond(apart, negative)
    if definition == "facenet":
        counted = positive & beyond & (nearest < apart + margin)
    else:
        farthest = tf.reduce_max(tf.where(negative, apart, 0), -1, keepdims=True)
        nearest = tf.where(beyond, nearest, farthest)
        counted = positive & tf.reduce_any(negative, -1, keepdims=True)
    return _per_anchor(tf.maximum(apart - nearest + margin, 0), counted)


@keras.saving.register_keras_serializable("tfvision")
def triplet_hard(labels, embeddings, *, margin=0.2, soft=False, distance="l2"):
    """Every example's farthest equal p against its nearest other n (Hermans et al., 2017, eq. 5).

    The loss of an anchor a is max(0, D(a, p) - D(a, n) + margin). An example that is alone in its
    class is its own p, at distance 0: it is pushed away from its nearest other.

    labels      int [b]
    embeddings  float [b, d]
    margin      in units of the distance
    soft        ln(1 + exp(D(a, p) - D(a, n))) in place of the hinge; the margin is not used
    distance    "l2", "sql2" or "cosine", as in triplet_semihard
    return      [b], of each anchor a
    raises      ValueError for an unknown distance
    """
    apart, same = _distances(embeddings, distance), mining.equal_pairs(labels)
    farthest = tf.reduce_max(tf.where(same, apart, 0), -1)
    nearest = tf.reduce_min(tf.where(same, apart.dtype.max, apart), -1)
    has_other = tf.reduce_any(~same, -1)
    gap = tf.where(has_other, farthest - nearest, 0)
    value = tf.math.softplus(gap) if soft else tf.maximum(gap + margin, 0)
    return tf.where(has_other, value, 0)


@keras.saving.register_keras_serializable("tfvision")
def triplet_all(labels, embeddings, *, margin=0.2, soft=False, distance="l2"):
    """All triplets of a batch; the mean is over those above 0 (Hermans et al., 2017, eq. 6).

    The loss of a triplet a, p, n is max(0, D(a, p) - D(a, n) + margin).

    labels      int [b]
    embeddings  float [b, d]
    margin      in units of the distance
    soft        ln(1 + exp(D(a, p) - D(a, n))) in place of the hinge, the mean over all triplets;
                the margin is not used, and b^3 numbers are held
    distance    "l2", "sql2" or "cosine", as in triplet_semihard
    return      [b], of each anchor a
    raises      ValueError for an unknown distance
    """
    apart, same = _distances(embeddings, distance), mining.equal_pairs(labels)
    positive, negative = same & mining.all_pairs(same), ~same
    if soft:
        gaps = tf.math.softplus(tf.expand_dims(apart, 2) - tf.expand_dims(apart, 1))
        sums = tf.reduce_sum(tf.where(tf.expand_dims(negative, 1), gaps, 0), -1)
        counts = tf.reduce_sum(tf.cast(negative, tf.int32), -1, keepdims=True)
    else:
        sums, counts = _hinges(apart, negative, margin)
    return _per_anchor(sums, tf.where(positive, counts, 0))


def npairs(labels, similarity):
    """Cross entropy of finding one's own class among all by similarity (Sohn, 2016).

    labels      int [b], of rows and columns alike; where several columns are of the row's class,
                each is to get an equal share
    similarity  float [b, b], for example anchors times positives transposed
    return      [b], of each row
    """
    similarity = tf.convert_to_tensor(similarity)
    similarity = similarity if similarity.dtype == tf.float64 else tf.cast(similarity, tf.float32)
    same = tf.cast(mining.equal_pairs(labels), similarity.dtype)
    share = same / tf.reduce_sum(same, -1, keepdims=True)
    return tf.nn.softmax_cross_entropy_with_logits(labels=share, logits=similarity)


@keras.saving.register_keras_serializable("tfvision")
def npairs_of(labels, embeddings):
    """`npairs` of embeddings float [b, d], whose similarity is the scalar product."""
    x = tf.convert_to_tensor(embeddings)
    x = x if x.dtype == tf.float64 else tf.cast(x, tf.float32)
    return npairs(labels, tf.matmul(x, x, transpose_b=True))


@keras.saving.register_keras_serializable("tfvision")
def lifted_structure(labels, embeddings, *, margin=1.0):
    """Every two equals against all others of both, smoothly (Song et al., 2016, eq. 4).

    The loss of equals i, j is 1/2 max(0, J)^2 with
    J = D(i, j) + ln(sum_k exp(margin - D(i, k)) + sum_l exp(margin - D(j, l))),
    where k and l run over the examples of other classes and D is the Euclidean distance.

    labels      int [b]
    embeddings  float [b, d]; the paper does not scale them to length 1
    margin      in units of the distance
    return      [b], of each i; the mean over pairs
    """
    apart, same = _distances(embeddings, "l2"), mining.equal_pairs(labels)
    nothing = apart.dtype.min / 2  # Finite: an example without others gets no NaN for a gradient.
    push = tf.reduce_logsumexp(tf.where(same, nothing, margin - apart), -1)
    both = tf.stack(tf.meshgrid(push, push))
    energy = tf.maximum(apart + tf.reduce_logsumexp(both, 0), 0)
    return _per_anchor(energy**2 / 2, same & mining.all_pairs(same))


def active(labels, embeddings, *, margin=0.0, distance="l2"):
    """mining.active_triplets of embeddings float [b, d]."""
    return mining.active_triplets(
        _distances(embeddings, distance), mining.equal_pairs(labels), margin=margin
    )


def _check(name, value, known):
    if value not in known:
        raise ValueError(f"Expected {name} in {known}. Received: {name}={value!r}")


def _distances(embeddings, distance):
    """Of every two rows: [b, b], 0 or more, exactly 0 on the diagonal."""
    _check("distance", distance, DISTANCES)
    if distance != "cosine":
        return ops.pairwise_distances(embeddings, squared=distance == "sql2")
    x = tf.convert_to_tensor(embeddings)
    x = x if x.dtype == tf.float64 else tf.cast(x, tf.float32)
    squares = tf.reduce_sum(x * x, -1, keepdims=True)
    unit = x * tf.math.rsqrt(tf.where(squares > 0, squares, 1))
    apart = tf.maximum(1 - tf.matmul(unit, unit, transpose_b=True), 0)
    return apart * (1 - tf.eye(tf.shape(x)[0], dtype=x.dtype))


def _nearest_beyond(apart, negative):
    """For every (a, p): D(a, n) of the nearest negative with D(a, n) > D(a, p), and if one exists.

    By sorting, in b^2 log b steps: a mask over all triplets would need b^3 numbers.
    """
    fixed = tf.stop_gradient(apart)
    others = tf.where(negative, fixed, fixed.dtype.max)
    order = tf.argsort(others, -1)
    place = tf.searchsorted(tf.gather(others, order, batch_dims=1), fixed, side="right")
    beyond = place < tf.reduce_sum(tf.cast(negative, tf.int32), -1, keepdims=True)
    chosen = tf.gather(order, tf.minimum(place, tf.shape(apart)[-1] - 1), batch_dims=1)
    return tf.gather(apart, chosen, batch_dims=1), beyond


def _hinges(apart, negative, margin):
    """For every (a, p): the sum of the hinges above 0 over all n, and their number.

    By sorting, too: those are of the nearest n, up to D(a, p) + margin.
    """
    fixed, reach = tf.stop_gradient(apart), apart + margin
    others = tf.where(negative, fixed, fixed.dtype.max)
    order = tf.argsort(others, -1)
    counts = tf.searchsorted(
        tf.gather(others, order, batch_dims=1), tf.stop_gradient(reach), side="left"
    )
    sums = tf.pad(tf.cumsum(tf.gather(apart, order, batch_dims=1), -1), [[0, 0], [1, 0]])
    nearest = tf.gather(sums, counts, batch_dims=1)
    return tf.cast(counts, apart.dtype) * reach - nearest, counts


def _per_anchor(values, counts):
    """[b], whose mean is that of what was summed up in values [b, b], counts (or bool) of each."""
    total = tf.reduce_sum(tf.cast(counts, values.dtype))
    total = tf.maximum(total, 1) / tf.cast(tf.shape(values)[0], values.dtype)
    return tf.reduce_sum(tf.where(tf.cast(counts, tf.bool), values, 0), -1) / total
