"""What a home holds: its data sets with version, champion, last decision, and what is running."""

from __future__ import annotations

from dataclasses import dataclass
from fcntl import LOCK_NB, LOCK_SH, flock
from pathlib import Path

from evaluation.lake.lake import Lake
from factory.store.repository import MAIN, Store
from factory.store.storage import local_folder
from factory.store.versions import data_sets
from flows.datasets import current_version
from tasks.faults.machine import DAMAGED
from tasks.services.settings import Settings
from tasks.withdrawal import withdrawal


@dataclass(frozen=True)
class DataSetState:
    """How a data set stands.

    Attributes:
        name: of the data set.
        version: that readers get, "" for none.
        champion: the version whose generator is the champion, "" for none.
        generator: of the champion, else of the newest version: kind and digest.
        decision: the last one: whether the gates were met, and when.
        running: what is making pairs or training for it now.
        damage: why nothing of this is known, "" where it is.
        withdrawn: that the version is, and why; "" where it is not.
    """

    name: str
    version: str
    champion: str
    generator: str
    decision: str
    running: tuple[str, ...]
    damage: str = ""
    withdrawn: str = ""


@dataclass(frozen=True)
class HomeState:
    """What a home holds: its data sets, newest reports, and bytes by part."""

    home: Path
    datasets: list[DataSetState]
    reports: list[Path]
    bytes: dict[str, int]


def home_state(settings: Settings) -> HomeState:
    """What the home holds; nothing is created where there is none."""
    parts = sorted(settings.home.iterdir()) if settings.home.is_dir() else []
    reports = sorted(settings.reports.glob("*.html"), key=lambda path: path.stat().st_mtime)
    sizes = {part.name: _size(part) for part in parts}
    return HomeState(
        settings.home,
        [data_set_state(name, settings) for name in data_sets(settings.pairs)],
        reports[::-1],
        {name: size for name, size in sizes.items() if size},
    )


def data_set_state(name: str, settings: Settings) -> DataSetState:
    """How one data set stands, by its store, the lake and the locks that are held."""
    try:
        return _known_state(name, settings)
    except DAMAGED as error:
        return DataSetState(name, "", "", "", "", running(name, settings), str(error))


def _known_state(name: str, settings: Settings) -> DataSetState:
    lake, store = Lake(settings.lake), Store(settings.pairs, name)
    version, champion = current_version(store), lake.champion(name)
    best = f"v{champion[0]}" if champion is not None else ""
    generator = _generator(store, best or version) if best or version else ""
    gone = withdrawal(lake, name, str(store.head(MAIN)))
    told = _decision(lake, name), running(name, settings)
    return DataSetState(name, version, best, generator, *told, withdrawn=gone)


def running(name: str, settings: Settings) -> tuple[str, ...]:
    """The runs that make pairs of a data set and the generators that are trained for it now."""
    folder = local_folder(settings.pairs)
    made = [] if folder is None else sorted((folder / ".locks").glob(f"{name}.run-*.lock"))
    trained = sorted(settings.models.glob(f"{name}-*.lock"))
    return (
        *(f"making pairs, {p.stem.removeprefix(name + '.')}" for p in made if _held(p)),
        *(f"training {p.stem}" for p in trained if _held(p)),
    )


def _held(lock: Path) -> bool:
    """Whether another process holds a lock that is there; a home that cannot be written is looked at, too."""
    with lock.open("rb") as file:
        try:
            flock(file, LOCK_SH | LOCK_NB)  # which FileLock holds exclusively
        except BlockingIOError:
            return True
    return False


def _generator(store: Store, version: str) -> str:
    attributes = store.snapshot(version).attributes
    kind = (attributes.get("sections") or {}).get("generator", {}).get("kind", "")
    return f"{kind} {str(attributes.get('generator', ''))[:12]}"


def _decision(lake: Lake, name: str) -> str:
    found = lake.read("decisions", data_set=name).sort_values("recorded_at")
    if not len(found):
        return ""
    last = found.iloc[-1]
    words = "gates met" if last["passed"] else "a gate missed"
    return f"{words}, {last['recorded_at']:%Y-%m-%d %H:%M}, run-{last['run']}"


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
