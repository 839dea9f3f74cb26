"""What a mutation is."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

Mutation = Callable[[Path, random.Random], None]
