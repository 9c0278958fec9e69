"""The residual network under torchvision's detectors (He et al., 2016, with bottlenecks).

Unlike that of keras.applications it strides in the 3x3 convolution, and pads all sides alike, where
TensorFlow's "same" pads the last row and column alone. Batch normalisation is part of the
convolutions: their weights come from models that were trained elsewhere.
"""

import keras

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # Of ImageNet's colours, in 0..1.


def resnet(*, stem=64, widths=(64, 128, 256, 512), outputs=(256, 512, 1024, 2048),
           blocks=(3, 4, 6, 3)):
    """ResNet-50, or another one of bottlenecks; layers are named as torchvision's.

    stem     channels of the first convolution
    widths   channels of the 3x3 convolutions of each stage, at the strides 4, 8, 16, 32
    outputs  channels that each stage gives out; blocks: how many it has
    inputs   float [b, h, w, 3], RGB 0..255
    return   list of float [b, h / s, w / s, outputs], finest first
    """
    image = keras.Input([None, None, 3], name="image")
    x = keras.layers.ReLU()(convolve(normalised(image), stem, 7, 2, "conv1"))
    x = keras.layers.MaxPooling2D(3, 2)(keras.layers.ZeroPadding2D(1)(x))  # Nothing is below 0.
    levels = []
    for stage, (width, output, count) in enumerate(zip(widths, outputs, blocks, strict=True)):
        for i in range(count):
            stride = 2 if stage and not i else 1
            x = bottleneck(x, width, output, stride, f"layer{stage + 1}.{i}", change=not i)
        levels.append(x)
    return keras.Model(image, levels, name="resnet")


def normalised(image):
    """Colours 0..255 with mean 0 and variance 1 over ImageNet."""
    scale = [1 / (255 * deviation) for deviation in DEVIATION]
    offset = [-mean / deviation for mean, deviation in zip(MEAN, DEVIATION, strict=True)]
    return keras.layers.Rescaling(scale, offset)(image)


def convolve(x, filters, size, stride, name):
    """A convolution whose map has ceil(h / stride) rows; the padding is alike on all sides."""
    if size > 1 and stride > 1:
        x = keras.layers.ZeroPadding2D(size // 2)(x)
    padding = "valid" if stride > 1 else "same"
    return keras.layers.Conv2D(
        filters, size, stride, padding=padding, kernel_initializer="he_normal", name=name
    )(x)


def bottleneck(x, width, output, stride, name, *, change):
    """1x1, 3x3 and 1x1 convolutions beside the identity, or beside a 1x1 where it must change."""
    y = keras.layers.ReLU()(convolve(x, width, 1, 1, f"{name}.conv1"))
    y = keras.layers.ReLU()(convolve(y, width, 3, stride, f"{name}.conv2"))
    y = convolve(y, output, 1, 1, f"{name}.conv3")
    x = convolve(x, output, 1, stride, f"{name}.downsample.0") if change else x
    return keras.layers.ReLU()(keras.layers.Add()([y, x]))
