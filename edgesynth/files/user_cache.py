"""The user's cache folder."""

import os


def user_cache(*parts: str) -> str:
    """Path of `edgesynth/PARTS` in $XDG_CACHE_HOME, or in ~/.cache; nothing is made."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "edgesynth", *parts)
