"""The versioned home of a data set: an Icechunk repository of Zarr arrays.

This and `factory.store.storage` are the only modules that import zarr and icechunk. Workers write whole shards through forked
sessions and return them; one process at a time commits. `factory.store.snapshot` says what the arrays
hold, `factory.store.runs` how a run fills them.
"""

from __future__ import annotations

import atexit
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from functools import cached_property
from typing import Any

import icechunk
import zarr
from filelock import FileLock
from icechunk import ForkSession, Session
from platformdirs import user_state_path
from zarr import Group

from factory.errors import DamagedError, InputError
from factory.identity import PLAIN_NAME, digest, plain_name
from factory.store.damage import cause, described, readable
from factory.store.snapshot import DESCRIPTION, FORMAT, Snapshot
from factory.store.storage import CACHING, local_folder, storage_at

__all__ = ["MAIN", "Entry", "ForkSession", "Group", "Session", "Store"]
__all__ += ["arrays"]

MAIN = "main"
REMEDY = "put that file back from a copy of the home"
MENDED = "`medpair datasets verify {} --repair` writes it anew where the lake knows it, else a copy has it"

# A thread of Icechunk's runtime that still hands a result over while the interpreter goes down
# aborts the process, after all was done well (PyO3/pyo3-async-runtimes, issue 40). A moment is
# enough for it to let go.
atexit.register(time.sleep, 0.05)

# Icechunk warns at every opening of a local repository that concurrent committers may lose
# commits; `Store.commit` holds a file lock for exactly that reason. What a session logs it raises, too.
icechunk.set_logs_filter("error,icechunk::session=off")


@dataclass(frozen=True)
class Entry:
    """One snapshot in the history of a data set; `refs` are the tags and branches at it."""

    snapshot: str
    written_at: datetime
    message: str
    metadata: Mapping[str, object]
    refs: tuple[str, ...]


@dataclass(frozen=True)
class Store:
    """The data set `name` below `root`; small, picklable, and open to any number of readers."""

    root: str
    name: str

    def __post_init__(self) -> None:
        plain_name(self.name)

    def __reduce__(self) -> tuple[type[Store], tuple[str, str]]:
        return Store, (self.root, self.name)  # without the open repository

    @property
    def uri(self) -> str:
        return f"{self.root.rstrip('/')}/{self.name}"

    def exists(self) -> bool:
        """Whether there is such a data set, whole or damaged; creates nothing.

        Raises:
            DamagedError: if that cannot be told.
        """
        if not self._has_repository():
            return False
        repository = self._opened()
        # A process that died while it made the data set leaves a repository of nothing.
        with self._readable(f"refs/branch.{MAIN}/ref.json"):
            head = repository.lookup_branch(MAIN)
            return bool(repository.list_tags()) or not _is_first(repository, head)

    def _has_repository(self) -> bool:
        # Icechunk would create the folder it looks into, and sees none without its branch main.
        if (folder := local_folder(self.uri)) is not None:
            return (folder / "snapshots").is_dir()
        with self._readable("refs"):
            return bool(icechunk.Repository.exists(storage_at(self.uri)))

    def _opened(self) -> icechunk.Repository:
        with self._readable(f"refs/branch.{MAIN}/ref.json"):
            return icechunk.Repository.open(storage_at(self.uri), CACHING)

    @cached_property
    def repository(self) -> icechunk.Repository:
        """The open repository.

        Raises:
            InputError: if it does not exist or was written by a newer release.
            DamagedError: if it cannot be opened.
        """
        if not self.exists():
            raise InputError(f"there is no data set {self.name!r} in {self.root}")
        repository = self._opened()
        with suppress(icechunk.IcechunkError):  # versions may be whole where `main` is not
            _open(self.name, repository, repository.lookup_branch(MAIN))
        return repository

    def _readable(self, what: str) -> AbstractContextManager[None]:
        where = f"data set {self.name!r} in {self.root} is damaged: {what}"
        remedy = MENDED.format(self.name) if what.startswith("refs") else REMEDY
        return readable(where, remedy, icechunk.IcechunkError)

    def lock(self, purpose: str = "commit") -> FileLock:
        """Lock that one thread holds per repository and purpose, as often as it likes.

        It is freed when its process dies.

        It guards drivers of one account of one machine. On an object store Icechunk itself refuses a lost
        update; a local file system does not.
        """
        folder = local_folder(self.root)
        if folder is None:
            key = hashlib.sha256(self.root.encode()).hexdigest()[:16]
            folder = user_state_path("medpair") / key  # which no other account can make first
        locks = folder / ".locks"
        locks.mkdir(parents=True, exist_ok=True)
        return FileLock(locks / f"{self.name}.{purpose}.lock", is_singleton=True)

    def create(self) -> Store:
        """The data set, made empty where it does not exist yet."""
        with self.lock():
            if not self._has_repository():
                icechunk.Repository.create(storage_at(self.uri))
            with self._readable(f"refs/branch.{MAIN}/ref.json"):
                group = arrays(session := self._opened().writable_session(MAIN))
            if "format" not in group.attrs:
                group.attrs.update({"format": FORMAT, "name": self.name})
                session.commit("create", metadata={"kind": "create"})
        return self

    def writable(self, branch: str) -> Session:
        """A session on a branch; fork it once per shard before writing anything through it."""
        return self.repository.writable_session(branch)

    def commit(self, session: Session, message: str, metadata: Mapping[str, Any]) -> str:
        """Commits under the lock of the repository and gives the new snapshot.

        With what the arrays are said to hold goes its digest, by which a flipped bit of it is known.
        """
        kept = {**metadata, DESCRIPTION: digest(dict(arrays(session).attrs))}
        with self.lock():
            return str(session.commit(message, metadata=kept))

    def point(self, branch: str, snapshot: str) -> None:
        """Makes a branch at a snapshot, in place of one of that name."""
        if branch in self.repository.list_branches():
            self.repository.delete_branch(branch)
        self.repository.create_branch(branch, snapshot)

    # Versions

    def tag(self, name: str, snapshot: str) -> None:
        """Names a snapshot for ever; repeating the same is nothing.

        Raises:
            ValueError: if the name is taken by another snapshot.
        """
        held = self.tags().get(name)
        if held is None:
            self.repository.create_tag(name, snapshot)
        elif held != snapshot:
            raise ValueError(f"{self.name}: {name} names {held}, not {snapshot}; tags never move")

    def move(self, branch: str, snapshot: str, base: str) -> None:
        """Moves a branch from `base` to `snapshot`; repeating the same is nothing.

        Raises:
            icechunk.IcechunkError: if the branch stands elsewhere.
        """
        if self.repository.lookup_branch(branch) != snapshot:
            self.repository.reset_branch(branch, snapshot, from_snapshot_id=base)

    def drop(self, branch: str) -> None:
        """Removes a branch; its snapshots stay until garbage is collected."""
        self.repository.delete_branch(branch)

    def tags(self) -> dict[str, str]:
        """Tag -> snapshot, in the order of the version numbers."""
        names = sorted(self.repository.list_tags(), key=lambda name: (len(name), name))
        return {name: self._at_tag(name) for name in names}

    def branches(self) -> dict[str, str]:
        """Branch -> snapshot."""
        return {name: self._at_branch(name) for name in sorted(self.repository.list_branches())}

    def _at_tag(self, name: str) -> str:
        with self._readable(f"refs/tag.{name}/ref.json"):
            return str(self.repository.lookup_tag(name))

    def _at_branch(self, name: str) -> str:
        with self._readable(f"refs/branch.{name}/ref.json"):
            return str(self.repository.lookup_branch(name))

    def head(self, branch: str) -> str | None:
        """Snapshot a branch stands at, None if there is no such branch."""
        return self._at_branch(branch) if branch in self.repository.list_branches() else None

    def faults(self) -> list[str]:
        """What of names, snapshots and history cannot be read any more, a line each.

        The pairs are another matter: see `factory.store.versions.verify`.
        """
        tags, branches = self.repository.list_tags(), self.repository.list_branches()
        lost = [] if MAIN in branches else ["refs/branch.main/ref.json is lost"]
        lost += self._hidden({f"tag.{name}" for name in tags})
        names = {f"tag {name}": (self._at_tag, name) for name in sorted(tags)}
        names |= {f"branch {name}": (self._at_branch, name) for name in sorted(branches)}
        whole: set[str] = set()
        found = (
            fault
            for name, (at, ref) in names.items()
            for fault in self._faults(name, at, ref, whole)
        )
        return [*lost, *found]

    def _hidden(self, tags: set[str]) -> list[str]:
        """A line for each tag whose file is there, and which Icechunk passes over in silence."""
        folder = local_folder(self.uri)
        files = [] if folder is None else sorted((folder / "refs").glob("tag.*/ref.json"))
        dead = (file for file in files if not file.with_suffix(".json.deleted").exists())
        names = (file.parent.name for file in dead if file.parent.name not in tags)
        return [
            f"refs/{name}/ref.json cannot be read; {MENDED.format(self.name)}" for name in names
        ]

    def _faults(
        self, name: str, at: Callable[[str], str], ref: str, whole: set[str]
    ) -> Iterator[str]:
        """What is wrong with a name, its snapshot or the history before it.

        Args:
            name: as it is told.
            at: gives its snapshot.
            ref: the name alone.
            whole: snapshots that were read with all their history; those of this name are added.
        """
        try:
            head = at(ref)
        except DamagedError as error:
            yield str(error)
            return
        here: list[str] = []
        try:
            if not _is_first(self.repository, head):
                _open(self.name, self.repository, head)
            for info in self.repository.ancestry(snapshot_id=head):
                if info.id in whole:
                    break
                here.append(info.id)
        except icechunk.IcechunkError as error:
            lost = f"the history before {here[-1]}" if here else f"all that {name} names"
            yield f"{name}: {lost} cannot be read ({cause(error)}); {REMEDY}"
        else:
            whole.update(here)

    def log(self) -> list[Entry]:
        """Every snapshot that a tag or branch leads to, newest first."""
        refs: dict[str, list[str]] = {}
        for name, snapshot in {**self.tags(), **self.branches()}.items():
            refs.setdefault(snapshot, []).append(name)
        seen = {info.id: info for head in refs for info in self._ancestry(head)}
        newest = sorted(seen.values(), key=lambda info: info.written_at, reverse=True)
        return [
            Entry(i.id, i.written_at, i.message, i.metadata, tuple(refs.get(i.id, ())))
            for i in newest
        ]

    def snapshot(self, ref: str = MAIN) -> Snapshot:
        """The data set as a tag ("v1"), a branch or a snapshot id names it.

        Raises:
            InputError: if nothing has that name, or it was written by a newer release.
            DamagedError: if what has that name cannot be read any more.
        """
        repository = self.repository
        at = {
            **dict.fromkeys(repository.list_branches(), self._at_branch),
            **dict.fromkeys(repository.list_tags(), self._at_tag),
        }
        if ref in at:
            with self._readable(f"the snapshot of {ref}"):
                return _open(self.name, repository, at[ref](ref))
        if not PLAIN_NAME.fullmatch(ref):
            raise self._unknown(ref, at)
        try:
            return _open(self.name, repository, ref)
        except icechunk.IcechunkError as error:
            self._refuse_lost(ref, error)
            raise self._unknown(ref, at) from error

    def _unknown(self, ref: str, known: Iterable[str]) -> InputError:
        near = get_close_matches(ref[:100], list(known), n=3, cutoff=0) or ["none yet"]
        return InputError(
            f"data set {self.name!r} has no version, branch or snapshot {ref!r}; "
            f"nearest: {', '.join(near)}"
        )

    def _refuse_lost(self, ref: str, error: Exception) -> None:
        """Raises DamagedError where a name has a file, which holds none any more."""
        folder = local_folder(self.uri)
        for name in (f"tag.{ref}", f"branch.{ref}"):
            if folder is not None and (folder / "refs" / name).exists():
                with self._readable(f"refs/{name}/ref.json"):
                    raise error

    def first(self) -> str:
        """The repository's first snapshot, which holds nothing."""
        return str(self._ancestry(self._at_branch(MAIN))[-1].id)

    def _ancestry(self, snapshot: str) -> list[icechunk.SnapshotInfo]:
        with self._readable(f"the history of snapshot {snapshot}"):
            return list(self.repository.ancestry(snapshot_id=snapshot))


def arrays(session: Session | ForkSession) -> Group:
    """The arrays of a session, to read and to write."""
    return zarr.open_group(session.store, mode="r" if session.read_only else "a")


def _is_first(repository: icechunk.Repository, snapshot: str) -> bool:
    """Whether it is what a repository begins with, at which a run that was killed may stand."""
    return repository.lookup_snapshot(snapshot).parent_id is None


def _open(name: str, repository: icechunk.Repository, snapshot: str) -> Snapshot:
    session = repository.readonly_session(snapshot_id=snapshot)
    metadata = repository.lookup_snapshot(snapshot).metadata
    with described(f"data set {name!r}", snapshot):
        try:
            return Snapshot(name, snapshot, metadata, arrays(session))
        except zarr.errors.GroupNotFoundError as error:
            raise InputError(
                f"data set {name!r} holds nothing at {snapshot}, from before anything was written; "
                "name a version, see `medpair datasets log`"
            ) from error
