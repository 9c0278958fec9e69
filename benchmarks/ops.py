"""All operations against the peers that are installed, area by area."""

from tfvision.commands.bench import cases_of

AREAS = ("nms", "sampling", "roi", "heatmaps", "geometry", "tiles")


def cases():
    """Yields every comparison."""
    for area in AREAS:
        yield from cases_of(area)
