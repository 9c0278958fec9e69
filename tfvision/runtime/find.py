"""Where exported models lie."""

import difflib
import os
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def find(app, path=None):
    """The TFLite file of an app.

    app      its name
    path     a folder with card.json, a folder of such folders, or a .tflite file
    raises   FileNotFoundError that says where it looked and how to make a model
    """
    places = [Path(path)] if path else [folder / app for folder in folders()]
    for place in [*places, *([Path(path, app)] if path else [])]:
        if place.suffix == ".tflite" and place.is_file():
            return place
        if (place / "card.json").is_file():
            return place / "model.tflite"
    looked = ", ".join(map(str, places))
    raise FileNotFoundError(
        f"no model of {app!r} in {looked}. {hint(app, found())}Make one: tfvision export {app}"
    )


def found():
    """The apps that models are found of: name -> folder."""
    cards = [card for folder in reversed(folders()) for card in sorted(folder.glob("*/card.json"))]
    return {card.parent.name: card.parent for card in cards if not card.parent.name.startswith(".")}


def folders():
    """Folders of models, the first to be looked at first.

    ./savedmodels, $TFVISION_MODELS, and savedmodels beside the package in a clone of it.
    """
    named = os.environ.get("TFVISION_MODELS")
    places = [Path("savedmodels"), *([Path(named)] if named else [])]
    clone = REPOSITORY / "savedmodels"
    if clone.is_dir() and all(clone.resolve() != place.resolve() for place in places):
        places.append(clone)
    return places


def hint(app, names):
    """A sentence that names what may have been meant, or what there is."""
    near = difflib.get_close_matches(app, names, 1)
    if near:
        return f"Did you mean {near[0]}? "
    return f"There are: {', '.join(sorted(names))}. " if names else ""
