"""tfvision draw APP: the picture of an app's page."""

from pathlib import Path

from tfvision.commands import flags as read
from tfvision.commands.export import restored
from tfvision.viz.files import write_image


def main(app, args):
    """Draws what the run's newest checkpoint does; the same run gives the same picture."""
    config, own = read.parse_again(
        app,
        "draw",
        args,
        to=read.flag(Path, Path("docs/images"), "Folder that gets <app>.png."),
    )
    file = own["to"] / f"{read.name_of(app)}.png"
    write_image(file, app.draw(restored(app, config), config))
    print(file)
