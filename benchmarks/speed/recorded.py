"""What was measured before: read, added to, held against, and shown as a table."""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

from benchmarks.figures import Figure, machine

FILE = Path(__file__).parents[1] / "recorded" / "speed.json"
PAGE = Path(__file__).parents[2] / "docs" / "speed.md"
FALLEN = 2 / 3  # of a recorded ratio, below which it has fallen
FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
START, END = "<!-- table -->", "<!-- end of the table -->"

Figures = Mapping[str, Figure]


def read(file: Path = FILE) -> dict[str, Figure]:
    """The recorded figures by name; none where nothing is recorded."""
    if not file.is_file():
        return {}
    content = json.loads(file.read_text(encoding="utf-8"))
    return {name: Figure(**figure) for name, figure in content["figures"].items()}


def write(figures: Figures, told: Mapping[str, str], bars: Mapping[str, bool], file: Path) -> None:
    """Adds figures to those recorded, in place of older ones of their names.

    Args:
        figures: newly measured.
        told: of each comparison, by name: what is compared with what.
        bars: in words, and whether they are met.
        file: to write.
    """
    before = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    content = {
        "machine": f"{processor()}; {machine()}",
        "figures": before.get("figures", {}) | {k: asdict(v) for k, v in figures.items()},
        "compared": before.get("compared", {}) | dict(told),
        "bars": before.get("bars", {}) | dict(bars),
    }
    file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def processor() -> str:
    """Name of the processor, and which of the number formats that matter here it computes."""
    file = Path("/proc/cpuinfo")
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    name = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    has = [flag for flag in FLAGS if re.search(rf"\b{flag}\b", text)]
    return ", ".join([name[1] if name else platform.processor() or "unknown processor", *has])


def fallen(figures: Figures, recorded: Figures) -> Iterator[str]:
    """A line for each ratio that is less than two thirds of the recorded one."""
    for name, figure in figures.items():
        before = recorded.get(name)
        if not name.endswith("_ratio") or before is None:
            continue
        if figure.value is None or before.value is None or figure.value < FALLEN * before.value:
            yield f"{name} has fallen to {figure.value:.3g} from {before.value:.3g}"


def table(content: Mapping[str, object]) -> str:
    """What is recorded as a Markdown table, the machine above it and the bars below."""
    figures: Mapping[str, Mapping[str, float]] = content["figures"]  # type: ignore[assignment]  # of our own JSON
    compared: Mapping[str, str] = content["compared"]  # type: ignore[assignment]
    bars: Mapping[str, bool] = content["bars"]  # type: ignore[assignment]
    lines = [
        f"Machine: {content['machine']}.",
        "",
        "| comparison | ratio | ours, s | theirs, s | floor, s | results |",
        "|---|---|---|---|---|---|",
        *(_row(name, told, figures) for name, told in compared.items()),
        "",
        *_alone(figures, compared),
        *(f"- {'met' if met else '**missed**'}: `{bar}`" for bar, met in bars.items()),
    ]
    return "\n".join(lines)


def _alone(figures: Mapping[str, Mapping[str, float]], compared: Iterable[str]) -> Iterator[str]:
    """A second table, of figures that belong to no comparison; nothing where there are none."""
    rivalled = tuple(f"{each}_" for each in compared)
    found = {name: figure for name, figure in figures.items() if not name.startswith(rivalled)}
    if found:
        yield from ("| figure | value | unit |", "|---|---|---|")
    for name, figure in found.items():
        yield f"| `{name}` | {_number(figure['value'])} | {figure['unit']} |"
    yield from [""] * bool(found)


def _row(name: str, told: str, figures: Mapping[str, Mapping[str, float]]) -> str:
    value = {key: figure["value"] for key, figure in figures.items()}
    known = ("ratio", "ours", "theirs", "floor")
    cells = [_number(value.get(f"{name}_{each}")) for each in known]
    others = [
        f"{each.replace('_', ' ')} {_number(value[key])} {figures[key]['unit']}".removesuffix(" 1")
        for each in RESULTS
        if (key := f"{name}_{each}") in value
    ]
    return f"| {' | '.join([told, *cells, ', '.join(others)])} |"


RESULTS = ("apart", "pixels", "mask_dice", "upper_spectrum")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def renewed(page: str, lines: Iterable[str]) -> str:
    """A page with other lines between its two marks.

    Raises:
        ValueError: if the page has no such marks.
    """
    before, start, rest = page.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise ValueError(f"the page has no {START} and {END} to put a table between")
    return f"{before}{START}\n\n{chr(10).join(lines)}\n\n{END}{after}"
