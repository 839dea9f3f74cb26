"""Damage to JSON and to TOML: values, keys, depth and size."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from benchmarks.damaged_files.damage.mutation import Mutation

HOSTILE_VALUES: list[Any] = [
    None, True, False, -1, 0, 1, 0.5, -0.0, 1e308, float("nan"), float("inf"), 10**20, -(10**20), 2**63, "", "text",
    "\x00", "\x1b[31mred", "[/x] [bold]", "../../secret.txt", "/etc/passwd", "x" * 10000, "é\ud7ff", [], {}, [[]],
    [None], {"a": 1}, [1, 2, 3], ["a"], 3.0000001, "1", "nan",
]  # fmt: skip
DEEP = 100_000  # brackets within each other


def _places(value: Any) -> list[tuple[Any, Any]]:
    """(container, key) of every value within."""
    places: list[tuple[Any, Any]] = []
    rest = [value]
    while rest:
        container = rest.pop()
        keys = list(container) if isinstance(container, dict) else range(len(container))
        places += [(container, key) for key in keys]
        rest += [container[key] for key in keys if isinstance(container[key], dict | list)]
    return places


def change_tree(tree: Any, draws: random.Random) -> None:
    """One change of a value, a key or a list, anywhere in it."""
    # Long lists would have nearly all changes in them.
    places = [place for place in _places(tree) if not (isinstance(place[0], list) and int(place[1]) > 3)]
    if not places:
        return
    container, key = draws.choice(places)
    value = container[key]
    change = draws.choice(["value", "value", "value", "nudge", "delete", "rename", "add", "list"])
    if change == "nudge" and isinstance(value, int | float) and not isinstance(value, bool):
        container[key] = draws.choice([value + 1, value * 1.1 if value else 0.1, -value, value * 1000, float(value)])
    elif change == "delete":
        del container[key]
    elif change == "rename" and isinstance(container, dict):
        container[draws.choice([f"{key}x", "", "é", f" {key}", "[/x]", "__class__", "../x"])] = container.pop(key)
    elif change == "add" and isinstance(container, dict):
        container["unknown"] = draws.choice(HOSTILE_VALUES)
    elif change == "list" and isinstance(value, list) and value:
        draws.choice([value.pop, value.reverse, lambda: value.append(value[0]), value.clear])()
    else:
        container[key] = draws.choice(HOSTILE_VALUES)


def _json_tree(path: Path, draws: random.Random) -> None:
    tree = json.loads(path.read_text())
    change_tree(tree, draws)
    path.write_text(json.dumps(tree, indent=1, ensure_ascii=draws.random() < 0.5), errors="surrogatepass")


def _json_twice(path: Path, draws: random.Random) -> None:
    """A key that is there twice, with another value the second time."""
    tree = json.loads(path.read_text())
    keys = [key for container, key in _places(tree) if isinstance(container, dict)]
    key = json.dumps(draws.choice(keys)) if keys else '"a"'
    value = json.dumps(draws.choice(HOSTILE_VALUES))
    text = path.read_text()
    place = text.find(key)
    path.write_text(text[:place] + f"{key}: {value}, " + text[place:])


def _json_deep(path: Path, draws: random.Random) -> None:
    tree = json.loads(path.read_text())
    places = _places(tree)
    opening, closing = draws.choice([("[", "]"), ('{"a":', "}")])
    deep = opening * DEEP + draws.choice(["0" + closing * DEEP, "", closing * DEEP])
    if not places or draws.random() < 0.3:
        path.write_text(deep)
        return
    container, key = draws.choice(places)
    container[key] = "DEEP"
    path.write_text(json.dumps(tree).replace('"DEEP"', deep))


def _json_digits(path: Path, draws: random.Random) -> None:
    tree = json.loads(path.read_text())
    places = _places(tree)
    if not places:
        return
    container, key = draws.choice(places)
    container[key] = "DIGITS"
    digits = draws.choice(["9" * 20, "9" * 5000, "1e99999", "-0", "1E400", "0." + "3" * 400])
    path.write_text(json.dumps(tree).replace('"DIGITS"', digits))


def _json_large(path: Path, draws: random.Random) -> None:
    """A valid document, made large by what nobody asked for."""
    tree = json.loads(path.read_text())
    text = json.dumps(tree)
    path.write_text(text + " " * 30_000_000 if draws.random() < 0.5 else "[" + "0," * 20_000_000 + "0]")


def _toml_tree(path: Path, draws: random.Random) -> None:
    import tomli_w
    import tomllib

    tree = tomllib.loads(path.read_text())
    change_tree(tree, draws)
    try:
        path.write_text(tomli_w.dumps(tree))
    except (TypeError, ValueError):  # there is no null in TOML
        path.write_text("\n".join(f"{key} = {value!r}" for key, value in tree.items()))


def _toml_lines(path: Path, draws: random.Random) -> None:
    lines = path.read_text().splitlines()
    place = draws.randrange(len(lines))
    draws.choice([lines.pop, lambda at: lines.insert(at, lines[at]), lambda at: lines.__delitem__(slice(at, None))])(
        place
    )
    path.write_text("\n".join(lines))


def _toml_deep(path: Path, draws: random.Random) -> None:
    deep = draws.choice(["a = " + "[" * DEEP + "]" * DEEP, "[" + ".".join("a" * 5000) + "]", "a = " + "9" * 5000])
    path.write_text(path.read_text() + "\n" + deep + "\n")


JSON: dict[str, Mutation] = {
    "JSON changed": _json_tree,
    "JSON key twice": _json_twice,
    "JSON nested deeply": _json_deep,
    "JSON number of many digits": _json_digits,
    "JSON made large": _json_large,
}
TOML: dict[str, Mutation] = {
    "TOML changed": _toml_tree,
    "TOML lines": _toml_lines,
    "TOML nested deeply": _toml_deep,
}
