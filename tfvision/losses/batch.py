"""A loss of a whole batch with its options, as an object that Keras can save."""

import keras

from tfvision.losses import metric


@keras.saving.register_keras_serializable("tfvision")
class BatchLoss:
    """BatchLoss(metric.triplet_hard, margin=0.2): calls the function with these options.

    function  of labels int [b] and embeddings float [b, d] -> [b], one of losses.metric
    """

    def __init__(self, function, **options):
        self.function, self.options = function, options

    def __call__(self, labels, embeddings):
        """A value for each example: [b]."""
        return self.function(labels, embeddings, **self.options)

    def active(self, labels, embeddings):
        """Share of all triplets whose other is nearer than the equal and the margin, if any."""
        margin = 0.0 if self.options.get("soft") else self.options.get("margin", 0.0)
        distance = self.options.get("distance", "l2")
        return metric.active(labels, embeddings, margin=margin, distance=distance)

    def get_config(self):
        return {"function": self.function, **self.options}

    @classmethod
    def from_config(cls, config):
        return cls(**keras.saving.deserialize_keras_object(config))


def triplets(mining, *, margin=0.2, soft=False, distance="l2"):
    """The triplet loss by how a batch's triplets are mined.

    mining    "semihard", as FaceNet has it, "semihard_tfa", as TensorFlow Addons; "hard", each
              example's hardest; "all"
    soft      ln(1 + exp(x)) in place of the hinge with a margin; of "hard" and "all"
    raises    ValueError for another mining, and for a soft semihard
    """
    options = {"margin": margin, "distance": distance}
    hinged = {"hard": metric.triplet_hard, "all": metric.triplet_all}
    defined = {"semihard": "facenet", "semihard_tfa": "tfa"}
    if mining in hinged:
        return BatchLoss(hinged[mining], soft=soft, **options)
    if mining not in defined or soft:
        raise ValueError(
            f"Expected mining of triplets in {(*hinged, *(() if soft else defined))}. "
            f"Received: mining={mining!r}, soft={soft}"
        )
    return BatchLoss(metric.triplet_semihard, definition=defined[mining], **options)
