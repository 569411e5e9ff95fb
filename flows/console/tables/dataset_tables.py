"""Data sets as people read them on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text

from factory.store.at_rest.garbage import Garbage
from factory.store.snapshot import chosen_by_hand
from flows.console.tables.layout import Rows, cell, mapping
from flows.console.tables.result_tables import size_text
from flows.console.tables.run_end import in_short

if TYPE_CHECKING:
    from flows.console.home_state import HomeState
    from flows.datasets import Checked, DataSet, Difference, Facts, History, Withdrawn
    from flows.upkeep.pair_origin import PairOrigin
    from flows.upkeep.remade import Remade
    from flows.upkeep.repair import Repaired
    from flows.upkeep.rollback import RolledBack


SHOWN = 5  # newest reports


def facts(found: Facts) -> RenderableType:
    """What a version holds and how it was made, in words."""
    fields, sections = found.fields, found.fields.get("sections") or {}
    told = {
        "data set": f"{fields['name']}, snapshot {fields['snapshot']}",
        "pairs": _pairs(fields["pairs"], fields["rejected_for"]),
        **_made(fields, sections),
        **_asked(sections),
    }
    table = mapping({name: text for name, text in told.items() if text})
    if not found.scores:
        return Group(table, Text("not scored"))
    every = f"all {len(found.scores)} scores: medpair evaluate {fields['name']}@{fields['snapshot']} --all"
    return Group(table, Text(""), in_short(found.answers, found.scores), Text(every, style="dim"))


def _pairs(counts: Mapping[str, int], reasons: Mapping[str, int]) -> str:
    why = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
    unmade = counts["empty"] + counts["made"]
    return (
        f"{counts['accepted']} accepted, {counts['rejected']} rejected"
        + f" ({why})" * bool(why)
        + f", {counts['outside']} of earlier grids" * bool(counts["outside"])
        + f", {unmade} not made or judged yet" * bool(unmade)
    )


def _made(fields: Mapping[str, Any], sections: Mapping[str, Any]) -> dict[str, str]:
    layout, classes = fields["layout"], fields["label_maps"] or {}
    colour = "colour" if layout and layout["channels"] == 3 else "grey"
    code = str(fields["code_version"])[:12]
    return {
        "images": f"{layout['width']} x {layout['height']} pixels, {colour}" if layout else "",
        **{f"masks of {domain}": _classes(values) for domain, values in classes.items()},
        "real data": _source(sections.get("source", {})),
        "generator": _generator(sections.get("generator", {})),
        "chosen": "; ".join(chosen_by_hand(fields)),
        "made by": f"run {fields['run']}, medpair {code}" if fields["run"] else "",
    }


def _classes(values: Mapping[str, int]) -> str:
    return ", ".join(name for name, value in values.items() if value)


def _source(section: Mapping[str, Any]) -> str:
    """Kind and place: folder /data/busi; of a union each part."""
    if parts := section.get("parts"):
        return "; ".join(f"{name}: {_source(part)}" for name, part in parts.items())
    if within := section.get("source"):
        return f"fold {section['fold']} of {section['folds']} of {_source(within)}"
    domains = ", ".join(section.get("domains") or ())
    return " ".join(str(each) for each in (section.get("kind", ""), section.get("path") or domains))


def _generator(section: Mapping[str, Any]) -> str:
    start, train = section.get("from"), section.get("train")
    steps = f", trained for {train['steps']} steps" if train and "steps" in train else ""
    return f"{section.get('kind', '')}{steps}" + f", from {start}" * bool(start)


def _asked(sections: Mapping[str, Any]) -> dict[str, str]:
    grid, gates = sections.get("grid", {}), sections.get("gates", {})
    facets = "; ".join(
        f"{name} {', '.join(map(str, values))}" for name, values in grid.get("facets", {}).items()
    )
    return {
        "asked for": f"{facets}; {grid['replicates']} of each, seed {grid['seed']}" if grid else "",
        "gates": ", ".join(f"{name} {bound}" for name, bound in gates.items()) or "none",
    }


def difference(found: Difference) -> RenderableType:
    """How many pairs were added, are gone or changed, over all and by domain."""
    if not found.counts:
        return "0 pairs differ"
    rows = [[domain, *_counts(counts)] for domain, counts in found.by_domain.items()]
    if len(rows) > 1:
        rows.append(["all", *_counts(found.counts)])
    return Group(
        Rows(["domain", "added", "gone", "changed", "of these"], rows),
        Text("every prompt that differs: --json", style="dim"),
    )


def _counts(counts: Mapping[str, int]) -> list[str]:
    changed = {name: n for name, n in counts.items() if name not in ("added", "removed")}
    words = ", ".join(f"{n} {name}" for name, n in changed.items())
    return [
        *(str(counts.get(name, 0)) for name in ("added", "removed")),
        str(sum(changed.values())),
        words,
    ]


def home(found: HomeState) -> RenderableType:
    """How each data set stands, and what the home holds."""
    parts: list[RenderableType] = [_path("home", found.home)]
    for each in found.datasets:
        parts.append(Text(each.name, style="bold"))
        if each.damage:
            parts.append(Text(f"  {each.damage}", style="red"))
            continue
        told = {
            "version": each.version or "none published",
            **({"withdrawn": each.withdrawn} if each.withdrawn else {}),
            "champion": each.champion or "none named",
            "generator": each.generator or "-",
            "last decision": each.decision or "none",
            "running": "; ".join(each.running) or "nothing",
        }
        parts.append(mapping({f"  {name}": text for name, text in told.items()}))
    sizes = ", ".join(f"{name} {size_text(size)}" for name, size in found.bytes.items())
    parts += [_path("report", path) for path in found.reports[:SHOWN]]
    return Group(*parts, Text(f"holds: {sizes}" if sizes else "holds nothing yet"))


def _path(name: str, path: Path) -> Text:
    return Text(f"{name}: {path.absolute()}", no_wrap=True, overflow="ignore")


def datasets(found: Sequence[DataSet]) -> RenderableType:
    """The data sets of a home."""
    rows = [
        [each.name, "damaged", "-", "-"]
        if each.damage
        else [each.name, each.version or "-", str(each.versions), str(each.pairs)]
        for each in found
    ]
    places = dict.fromkeys(each.uri.removesuffix(each.name) for each in found)
    where = [Text(place, no_wrap=True, overflow="ignore") for place in places]
    damaged = [Text(each.damage, style="red") for each in found if each.damage]
    return Group(Rows(["data set", "current", "versions", "pairs"], rows), *where, *damaged)


def log(found: History) -> RenderableType:
    """The history of a data set: what became of versions, then the snapshots that have a name."""
    named = [entry for entry in found.log if entry.refs]
    entries = [
        [cell(entry.written_at), entry.snapshot, ", ".join(entry.refs), entry.message]
        for entry in named
    ]
    table = Rows(["when", "snapshot", "names", "what"], entries)
    others = Text(f"{len(found.log) - len(named)} snapshots on the way: --json", style="dim")
    events = [(row, f"v{row['number']}", str(row["event"])) for row in found.versions]
    events += [(row, f"run-{row['run']}", "refused") for row in found.refusals]
    lines = [[cell(row["recorded_at"]), *what, str(row["reason"])] for row, *what in events]
    newest_first = sorted(lines, key=itemgetter(0), reverse=True)
    became: list[RenderableType] = (
        [Rows(["when", "version", "event", "why"], newest_first), ""] if lines else []
    )
    return Group(*became, table, others)


def verification(checked: Checked, mended: Repaired | None) -> RenderableType:
    """Whether a version is whole, and what was repaired."""
    counts = ", ".join(f"{count} {name}" for name, count in checked.found.counts.items() if count)
    lines = [*checked.problems] or [f"whole: {counts}"]
    if mended is not None:
        lines.append(
            f"repaired: {mended.version} holds the pairs of {mended.damaged} whole, "
            f"{mended.pairs} of them made anew; {mended.damaged} stays as it is, withdrawn"
        )
    return Text("\n".join(lines))


def withdrawn(done: Withdrawn) -> RenderableType:
    """Which version was withdrawn, and what readers get nevertheless."""
    lines = [f"withdrawn: {done.withdrawn}"]
    if done.still_read:
        name = done.withdrawn.partition("@")[0]
        instead = (
            f"medpair datasets rollback {name}@{done.instead} --reason WHY makes {done.instead} that"
            if done.instead
            else "no other version is left"
        )
        lines.append(f"it is still the current version of {name}; {instead}")
    return Text("\n".join(lines))


def rolled_back(done: RolledBack) -> RenderableType:
    """Which version readers get now."""
    if done.before == done.version:
        return Text(f"{done.version} is the current version of {done.dataset} already")
    now = f"{done.version} is the current version of {done.dataset} again"
    return Text(f"{now}; before it was {done.before}, which keeps its name" if done.before else now)


def origin(found: PairOrigin) -> RenderableType:
    """Where a pair comes from, in words."""
    return mapping({name: text for name, text in found.words().items() if text})


def remade(made: Remade) -> RenderableType:
    """Whether a pair that was made again is the same."""
    words = "the same to the bit" if made.same else "NOT the bytes that were written"
    return Group(
        Text(f"pair {made.pair} of {made.version} was made again: {words}"),
        _path("in", made.folder),
    )


def garbage(found: Garbage, dry_run: bool) -> RenderableType:
    """What was freed, or would be."""
    verb = "would free" if dry_run else "freed"
    branches = f"; branches {', '.join(found.branches)}" if found.branches else ""
    size = size_text(found.bytes)
    return f"{verb} {size}: {found.snapshots} snapshots, {found.chunks} chunks{branches}"
