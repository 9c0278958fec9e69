"""What a network from elsewhere is: network.json in the run folder that `tfvision convert` made."""

import json
from pathlib import Path

FILE = "network.json"


def write(run, content):
    """content  "network": what the model's builder takes; "kept": the classes that are given out,
    numbers from 1 on; "classes": their names; "source": facts for the card"""
    Path(run, FILE).write_text(json.dumps(content, indent=2) + "\n")


def read(run):
    """What `write` was given; ValueError where the run folder has none."""
    file = Path(run, FILE)
    if not file.exists():
        raise ValueError(f"Expected {file}, which `tfvision convert` writes. Received: none")
    return json.loads(file.read_text())
