"""Names of a data set's versions, written again from the lake where their files are lost."""

from __future__ import annotations

from evaluation.lake.lake import Lake
from factory.store.at_rest.refs import mend_ref
from factory.store.repository import MAIN, Store
from factory.store.storage import local_folder
from tasks.services.settings import Settings


def mended_names(name: str, settings: Settings) -> tuple[str, ...]:
    """Writes names that cannot be read anew, as the lake knows them: a line for each.

    Does nothing in an object store, which keeps versions of such files itself.
    """
    store, lake = Store(settings.pairs, name), Lake(settings.lake)
    events, current = lake.versions(name), lake.current(name)
    folder, out = local_folder(store.uri), events[events["event"] == "published"]
    if folder is None or not folder.is_dir() or current is None:
        return ()
    held = dict(zip(out["number"].astype(int), out["snapshot"], strict=True))
    names = {f"tag.v{number}": snapshot for number, snapshot in held.items()}
    names[f"branch.{MAIN}"] = current[1]
    names |= {f"branch.{label}": at for label, (_, at) in lake.labels(name).items()}
    with store.lock():
        mended = {ref: at for ref, at in names.items() if mend_ref(folder, ref, at)}
    return tuple(f"refs/{ref}/ref.json was written anew: {at}" for ref, at in mended.items())
