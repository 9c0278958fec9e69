"""Puts children.py where a fork server's child can import it by name."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
