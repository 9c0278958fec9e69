"""tfvision predict APP IMAGE...: pictures and numbers from a model, without TensorFlow."""

import argparse
import json
import sys
import time
from pathlib import Path

from tfvision.commands import quiet
from tfvision.commands.errors import UsageError

EXAMPLES = """\
examples
  tfvision predict unet slice.png                   out/slice.png and out/slice.json
  tfvision predict faster_rcnn photos/ "more/*.jpg" --out found
  tfvision predict pointnet chair.off               points from .off, .ply, .npy, .npz or .json
  tfvision predict correspondences matches.npz      arrays points1 and points2 [n, 2]
  tfvision predict wgan_gp --count 25 --seed 7      a generator needs no file
  tfvision predict vae --signature encode 3.png     another signature of the model
  tfvision predict rcnn photo.jpg                   boxes are proposed by selective search
  tfvision predict rcnn photo.jpg --input proposals=boxes.npy

what is written, for each input
  NAME.png          the result as a picture
  NAME.json         the result as numbers: classes, scores, boxes and points in px of the input
  NAME.labels.png   the class number of each pixel (segmentation)
  NAME.npz          maps and other large arrays; NAME.json says which

The model is looked for in ./savedmodels/APP, $TFVISION_MODELS/APP and the repository's
savedmodels/APP. The status is 2 where an input could not be read; the others are done all the same.
"""


class Parser(argparse.ArgumentParser):
    """Tells what is wrong in one line."""

    def error(self, message):
        raise UsageError(f"{message}. See: {self.prog} --help")


def parser():
    """The flags of the verb."""
    p = Parser(
        prog="tfvision predict", description=__doc__.partition(": ")[2], epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False,
    )
    p.add_argument("app", metavar="APP", help="the model's app, for example unet")
    p.add_argument(
        "files", metavar="IMAGE", nargs="*", help="pictures, folders of them, quoted patterns"
    )
    p.add_argument(
        "--model", type=Path, metavar="PATH", help="folder with card.json, or a .tflite file in it"
    )
    p.add_argument("--out", type=Path, default=Path("out"), help="folder of the results [out]")
    p.add_argument("--signature", default="serving_default", metavar="NAME",
                   help="function of the model to run [serving_default]")
    p.add_argument("--threads", type=positive, metavar="N", help="of one run [LiteRT's choice]")
    p.add_argument("--count", type=positive, default=16, metavar="N",
                   help="samples that a generator draws [16]")
    p.add_argument("--seed", type=natural, default=0, metavar="N",
                   help="decides a generator's noise and the points drawn from a mesh [0]")
    p.add_argument("--sure", type=float, default=0.5, metavar="SCORE",
                   help="objects are drawn and counted from this score on; NAME.json has all [0.5]")
    p.add_argument("--search", choices=("fast", "quality"), default="fast",
                   help="how boxes are proposed to rcnn and fast_rcnn: as in the training [fast]")
    p.add_argument("--input", action="append", default=[], metavar="NAME=VALUE",
                   help="a further input: a number, a list, an .npy file or a picture")
    return p


def positive(word):
    """A whole number from 1."""
    if natural(word) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, got {word}")
    return int(word)


def natural(word):
    """A whole number from 0."""
    if not word.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number, got {word!r}")
    return int(word)


def main(args):
    """Runs the command; returns 2 where one of the inputs could not be used, else 0."""
    options = parser().parse_intermixed_args(args)
    from tfvision import runtime

    file = runtime.find(options.app, options.model)
    model = silently(runtime.load, file, threads=options.threads)
    if model.card["app"] != options.app:
        raise UsageError(
            f"{file}: is a model of {model.card['app']}, not of {options.app}. "
            f"Type: tfvision predict {model.card['app']} ..."
        )
    if options.signature not in model.inputs:
        there = ", ".join(model.inputs)
        raise UsageError(f"{file}: has no signature {options.signature!r}. There are: {there}")
    if not options.files:
        return generate(model, options)
    return each(model, options)


def each(model, options):
    """Every input in turn; what cannot be used is told on stderr, and the next one follows."""
    from tfvision.runtime.sources import sources

    takes_image = "image" in model.inputs[options.signature]
    given = further_inputs(model, options)
    status = 0
    for source in sources(options.files, options.out, arrays=not takes_image):
        try:
            one(model, options, source, given)
        except (ValueError, OSError) as error:
            status = 2
            print(f"tfvision: {told_of(source, error)}", file=sys.stderr)
    return status


def told_of(source, error):
    """One line that names the input and what is wrong with it."""
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error) if str(source.file) in str(error) else f"{source}: {error}"


def one(model, options, source, given):
    """Reads one input, runs the model, writes the results and prints a line."""
    inputs, real = silently(read, model, options, source, given)
    outputs, spent = silently(timed, model, [inputs], options.signature)
    outputs = outputs[0]
    if real is not None:
        cut = {n: inputs[n][:real] for n in ("points1", "points2", "valid") if n in inputs}
        inputs, outputs = inputs | cut, outputs | {"weights": outputs["weights"][:, :real]}
    finish(model, options, source.stem, inputs, outputs, spent, source)


def read(model, options, source, given):
    """The inputs in a file: (name -> array without a batch, number of correspondences or None)."""
    from tfvision.runtime import inputs, pictures, points

    specs = model.inputs[options.signature]
    if "image" in specs:
        channels = specs["image"][1][-1]
        image = pictures.read(source.file, channels=channels, page=source.page)
        if "proposals" in specs and "proposals" not in given:
            from tfvision.runtime import proposals

            found = proposals.for_model(image, specs, mode=options.search)
            given = given | {"proposals": found}
        missing = sorted(set(specs) - set(given) - {"image"})
        if missing:
            raise ValueError(f"the model also takes {missing[0]}: add --input {missing[0]}=FILE")
        return {"image": image, **given}, None
    count = specs["points"][1][1] if "points" in specs else -1
    arrays = points.read(source.file, count=None if count == -1 else count, seed=options.seed)
    return inputs.from_arrays(arrays | given, specs, seed=options.seed)


def generate(model, options):
    """Samples from noise, all in one picture."""
    import numpy as np

    from tfvision.runtime import inputs

    specs, given = model.inputs[options.signature], further_inputs(model, options)
    drawn = {n: s for n, s in specs.items() if n not in given and inputs.is_noise(n, s)}
    missing = [name for name in specs if name not in given and name not in drawn]
    if missing:
        raise UsageError(
            f"{options.app} takes {missing[0]}: name one or more files. "
            "See: tfvision predict --help"
        )
    noise = inputs.noise(drawn, options.count if drawn else 1, options.seed)
    results, spent = silently(timed, model, [one | given for one in noise], options.signature)
    outputs = {name: np.concatenate([one[name] for one in results]) for name in results[0]}
    finish(model, options, options.app, noise[0] | given, outputs, spent, None)
    return 0


def timed(model, examples, signature):
    """The outputs of each example, and the seconds that all took."""
    from tfvision.runtime import predict

    start = time.perf_counter()
    outputs = [predict(model, example, signature) for example in examples]
    return outputs, time.perf_counter() - start


def finish(model, options, stem, inputs, outputs, spent, source):
    """Writes a result and prints its line."""
    from tfvision.runtime import numbers, save
    from tfvision.runtime.picture import picture

    card, image = model.card, inputs.get("image")
    told = {
        "input": source and str(source.file),
        **({"page": source.page + 1} if source and source.page else {}),
        **({"seed": options.seed, "count": options.count} if source is None else {}),
        "app": card["app"],
        "task": card.get("task"),
        "version": card.get("version"),
        "model": str(model.file),
        "signature": options.signature,
        **({} if image is None else {"size": [image.shape[1], image.shape[0]]}),
        "milliseconds": round(1000 * spent, 2),
        **numbers.numbers(card, outputs),
    }
    drawn = picture(card, inputs, outputs, sure=options.sure)
    save.save(options.out, stem, told, drawn, numbers.arrays(outputs))
    size = "" if image is None else f"{image.shape[1]} x {image.shape[0]} px  "
    file = options.out / f"{stem}{'.json' if drawn is None else '.png'}"
    print(f"{source or card['app']}  {size}{numbers.line(card, outputs, sure=options.sure)}  "
          f"{1000 * spent:.0f} ms  -> {file}")


def further_inputs(model, options):
    """What --input gives: name -> array without a batch."""
    from tfvision.runtime import inputs

    specs, given = model.inputs[options.signature], {}
    for word in options.input:
        name, mark, value = word.partition("=")
        if not mark or name not in specs:
            there = ", ".join(specs)
            raise UsageError(f"--input {word}: expected NAME=VALUE with NAME one of {there}")
        given[name] = inputs.without_batch(
            value_of(word, name, value, specs[name]), name, *specs[name]
        )
    return given


def value_of(word, name, value, spec):
    """A number or list, or what a file holds."""
    import numpy as np

    from tfvision.runtime import inputs, pictures, points

    if inputs.is_picture(spec):
        return pictures.read(value, channels=spec[1][3])
    if Path(value).suffix.lower() in points.ENDINGS:
        arrays = points.read(value)
        if name not in arrays and len(arrays) != 1:
            raise UsageError(f"--input {word}: the file has no array {name}, but {sorted(arrays)}")
        return arrays.get(name, next(iter(arrays.values())))
    try:
        return np.array(json.loads(value), float)
    except ValueError:
        raise UsageError(f"--input {word}: is no number, no list and no file") from None


def silently(function, *args, **options):
    """function(...), with what C++ libraries write to stderr kept off the terminal."""
    with quiet.imports():
        try:
            result, error = function(*args, **options), None
        except (ValueError, OSError, UsageError) as raised:
            result, error = None, raised
    if error:
        raise error
    return result
