"""The verdicts side by side, and the ledger of INT8, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

JUDGES = ("plan", "trtcheck")
KINDS = ("networks of torchvision", "small files", "node tests of ONNX")
# TensorRT 10 has them as plugins, or as a layer, that TensorRT for RTX is shipped without: it cannot judge them.
NOT_JUDGED = (
    "Plugin not found",
    "plugin creator version",
    "ROIAlign plugin",
    "Unsupported reduction type",
    "has no runners",
)
# The parser took it. Whether an engine is built depends on the caller's values, of which there are none here.
_NO_VALUES = "no optimization profile has been defined"


def truth(file: dict[str, Any]) -> bool | None:
    """Whether NVIDIA's parser and builder take a file; None if they cannot judge it."""
    judge = file["judge"]
    if judge["built"] or _NO_VALUES in judge["says"]:
        return True
    missing = any(words in judge["says"] for words in NOT_JUDGED)
    return None if missing and not file["plan"]["refused"] else False


def refuses(file: dict[str, Any], judge: str) -> bool:
    """Whether `plan` or trtcheck says that a file is not taken."""
    return file["plan"]["refused"] if judge == "plan" else file["trtcheck"]["verdict"] == "blocked"


def wrong(file: dict[str, Any], judge: str) -> str:
    """`false alarm` or `miss`; "" where it is right or cannot be judged."""
    taken = truth(file)
    if taken is None or refuses(file, judge) != taken:
        return ""
    return "false alarm" if taken else "miss"


def counts(files: Iterable[dict[str, Any]]) -> dict[str, int]:
    """How many files there are, how many are taken, and how often who was wrong."""
    every = list(files)
    truths = [truth(file) for file in every]
    row = {"files": len(every), "taken": truths.count(True), "refused": truths.count(False), "open": truths.count(None)}
    for judge in JUDGES:
        for kind in ("false alarm", "miss"):
            row[f"{judge} {kind}"] = sum(wrong(file, judge) == kind for file in every)
    row["unverified miss"] = sum(
        wrong(file, "trtcheck") == "miss" and file["trtcheck"]["verdict"] == "unverified" for file in every
    )
    return row


def disagreement(row: dict[str, Any]) -> str:
    """Who was wrong on the files of a row, in a line."""
    if "failure" in row:
        return str(row["failure"])
    told = [
        f"{judge} {wrong(file, judge)} on {form}"
        for form, file in row["files"].items()
        for judge in JUDGES
        if wrong(file, judge)
    ]
    return "; ".join(told) or f"{len(row['files'])} files, nobody wrong"


def all_counts(document: dict[str, Any]) -> list[dict[str, int]]:
    """The counts of each kind of files, in the order of `KINDS`."""
    return [
        counts(files_of(document["networks"])),
        counts(files_of(document["small"])),
        document["node_tests"]["counts"],
    ]


def files_of(rows: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every file of some rows."""
    for row in rows.values():
        yield from row.get("files", {}).values()


def tables(document: dict[str, Any]) -> str:
    """All of them."""
    parts = (_summary, _wrong, _ledger, _small, _networks)
    return "\n\n".join("\n".join(part(document)) for part in parts)


def _summary(document: dict[str, Any]) -> list[str]:
    columns = (
        "files",
        "how many",
        "taken",
        "refused",
        "cannot be judged",
        "`plan`: false alarms",
        "misses",
        "trtcheck: false alarms",
        "misses",
        "of these unverified",
    )
    lines = [
        f"TensorRT {document['tensorrt']} by `plan` and by trtcheck {document['trtcheck']}; the judge is TensorRT "
        f"for RTX {document['judge']}.",
        "",
        f"| {' | '.join(columns)} |",
        "|---" * len(columns) + "|",
    ]
    for kind, row in zip(KINDS, all_counts(document), strict=True):
        lines.append("| " + " | ".join([kind, *(f"{number:,}" for number in row.values())]) + " |")
    return [*lines, "", f"Without a verdict: {'; '.join(_failures(document)) or 'none'}."]


def _failures(document: dict[str, Any]) -> list[str]:
    rows = {**document["networks"], **document["small"]}
    failures = {name: row["failure"] for name, row in rows.items() if "failure" in row}
    return [f"{name} ({_cell(why)})" for name, why in {**failures, **document["node_tests"]["failed"]}.items()]


def _wrong(document: dict[str, Any]) -> list[str]:
    """Every file on which `plan` differs from the judge."""
    networks = document["networks"].items()
    files = {f"{name}, {form}": file for name, row in networks for form, file in row.get("files", {}).items()}
    files |= {name: file for row in document["small"].values() for name, file in row.get("files", {}).items()}
    files |= {f"node test {name}": file for name, file in document["node_tests"]["wrong"].items()}
    lines = [
        "Where `plan` differs from the judge:",
        "",
        "| file | `plan` is | it says | the judge |",
        "|---|---|---|---|",
    ]
    for name, file in files.items():
        if wrong(file, "plan"):
            says = _cell(file["plan"]["says"] or file["judge"]["says"])
            lines.append(f"| {name} | a {wrong(file, 'plan')} | {says} | {_judged(file)} |")
    return lines


def _small(document: dict[str, Any]) -> list[str]:
    lines = ["| small file | `plan` | trtcheck | the judge | in its words |", "|---|---|---|---|---|"]
    for row in document["small"].values():
        for name, file in row.get("files", {}).items():
            cells = (name, *_three(file), _cell(file["judge"]["says"], 90))
            lines.append("| " + " | ".join(cells) + " |")
    return lines


def _networks(document: dict[str, Any]) -> list[str]:
    lines = ["| network | form | `plan` | trtcheck | the judge | built in |", "|---|---|---|---|---|---|"]
    for name, row in document["networks"].items():
        for form, file in row.get("files", {}).items():
            seconds = f"{file['engine']['build_s']:.1f} s" if file["engine"] else ""
            lines.append("| " + " | ".join((name, form, *_three(file), seconds)) + " |")
    return lines


def _three(file: dict[str, Any]) -> tuple[str, str, str]:
    """The verdicts; who is wrong is in bold."""
    plan = "refused" if refuses(file, "plan") else "taken"
    told = {"plan": plan, "trtcheck": file["trtcheck"]["verdict"]}
    marked = [f"**{told[judge]}**" if wrong(file, judge) else told[judge] for judge in JUDGES]
    return marked[0], marked[1], _judged(file)


def _judged(file: dict[str, Any]) -> str:
    taken = truth(file)
    if taken is None:
        return "cannot judge"
    if taken:
        return "taken"
    return "not built" if file["judge"]["parsed"] else "refused"


def _ledger(document: dict[str, Any]) -> list[str]:
    """What was asked of the compiler in INT8 and what its engine does."""
    counted = ("products", "asked in INT8", "run in INT8", "MACs asked", "MACs in INT8", "padded")
    columns = ("network", *counted, "kernels fp32", "fp16", "int8")
    lines = [
        "INT8 by the real compiler:",
        "",
        f"| {' | '.join(columns)} |",
        "|---" * len(columns) + "|",
    ]
    shown = {**document["networks"], **document["bundles"]}
    for name, row in shown.items():
        engines = {form: file["engine"] for form, file in row.get("files", {}).items() if file["engine"]}
        int8 = engines.get("int8")
        if int8:
            kernels = [str(engines[form]["kernels"]) if form in engines else "-" for form in ("fp32", "fp16", "int8")]
            numbers = [str(int8[key]) for key in ("products", "asked", "in_int8")]
            shares = ["-" if int8[key] is None else f"{int8[key]:.1%}" for key in ("asked_share", "int8_share")]
            lines.append("| " + " | ".join((name, *numbers, *shares, str(len(int8["padded"])), *kernels)) + " |")
    for name, row in shown.items():
        vain = (row.get("files", {}).get("int8", {}).get("engine") or {}).get("asked_in_vain", [])
        if vain:
            lines += ["", f"{name}, asked in vain: {', '.join(vain)}."]
    return lines


def _cell(text: str, most: int = 140) -> str:
    """Text that a table can hold."""
    line = " ".join(text.replace("|", "/").split())
    return line if len(line) <= most else line[: most - 3] + "..."
