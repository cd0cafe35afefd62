"""Dictionaries on the Hugging Face hub: `owner/repository[@revision]/folder/...`.

What lies in the local cache is used as it is; otherwise the repository's files are listed, the one
dictionary below the folder is found by their names, and only its files are fetched.
"""

import glob
from pathlib import Path, PurePosixPath

from microtome.dictionaries.formats.place import Place
from microtome.dictionaries.formats.table import Found, sniff
from microtome.errors import DictionaryError


def below(folder: Path) -> list[Found]:
    """Every dictionary in a folder; the one that lies directly in it alone, if there is one."""
    files = (p for p in folder.rglob("*") if p.is_file())
    found = sniff(p.relative_to(folder).as_posix() for p in files)
    direct = [one for one in found if not one.folder]
    return direct or found


def the_one(found: list[Found], name: str) -> Found:
    """The only dictionary there; DictionaryError for none, and for several, which it lists."""
    if not found:
        raise DictionaryError(
            f"There is no dictionary in {name}: none of its files has a name that a known format "
            f"gives to its weights."
        )
    if len(found) > 1:
        named = [one.path if _shares(one, found) else one.folder for one in found]
        more = f" and {len(named) - 8} more" if len(named) > 8 else ""
        raise DictionaryError(
            f"{name} holds {len(found)} dictionaries ({', '.join(named[:8])}{more}); name one of "
            f"them, {name.rstrip('/')}/{named[0]}."
        )
    return found[0]


def _shares(one: Found, found: list[Found]) -> bool:
    return sum(other.folder == one.folder for other in found) > 1


def from_hub(name: str) -> tuple[Place, Found]:
    """The dictionary a hub name means, its files on this disk."""
    repository, revision, inside = _parsed(name)
    snapshot = _cached(repository, revision)
    cached = [] if snapshot is None else _held(snapshot, inside)
    if snapshot is not None and len(cached) == 1 and not cached[0].folder:
        return _place(name, snapshot, inside, cached[0])
    try:
        found = _listed(name, repository, revision, inside)
    except DictionaryError:
        # Without the network, what is cached is all there is to choose from.
        if snapshot is None or not cached:
            raise
        return _place(name, snapshot, inside, the_one(cached, name))
    one = the_one(found, name)
    folder = "/".join(part for part in (_folder(inside, one), one.folder) if part)
    wanted = [PurePosixPath(one.path).name, *one.format.beside]
    patterns = [glob.escape(f"{folder}/{file}" if folder else file) for file in wanted]
    return _place(name, _fetched(name, repository, revision, patterns), inside, one)


def _place(name: str, snapshot: Path, inside: str, one: Found) -> tuple[Place, Found]:
    """The place, its source saying which dictionary below the named folder it is."""
    source = f"{name.rstrip('/')}/{one.folder}" if one.folder else name
    return Place(source, snapshot / _folder(inside, one) / one.path, snapshot.name), one


def _folder(inside: str, one: Found) -> str:
    """The folder that the name says; it may name a file in it."""
    return inside.removesuffix(one.path).rstrip("/") if inside.endswith(one.path) else inside


def _parsed(name: str) -> tuple[str, str | None, str]:
    parts = [part for part in name.strip("/").split("/") if part]
    if len(parts) < 2:
        raise DictionaryError(
            f"No dictionary {name!r}: there is no such file or folder here, and a dictionary on "
            f"the hub is named owner/repository/folder."
        )
    repository, _, revision = "/".join(parts[:2]).partition("@")
    return repository, revision or None, "/".join(parts[2:])


def _held(snapshot: Path, inside: str) -> list[Found]:
    """What the cache holds there."""
    at = snapshot / inside
    if at.is_file():
        return sniff([PurePosixPath(inside).name])
    return below(at) if at.is_dir() else []


def _cached(repository: str, revision: str | None) -> Path | None:
    import huggingface_hub

    try:
        found = huggingface_hub.snapshot_download(
            repository, revision=revision, local_files_only=True
        )
    except (OSError, ValueError):
        return None
    return Path(found)


def _listed(name: str, repository: str, revision: str | None, inside: str) -> list[Found]:
    import huggingface_hub

    try:
        files = huggingface_hub.HfApi().list_repo_files(repository, revision=revision)
    except _refusals() as error:
        raise _absent(name, error) from error
    kept = [f.removeprefix(f"{inside}/") for f in files if not inside or f.startswith(f"{inside}/")]
    found = sniff([PurePosixPath(inside).name] if inside in files else kept)
    direct = [one for one in found if not one.folder]
    return direct or found


def _fetched(name: str, repository: str, revision: str | None, patterns: list[str]) -> Path:
    import huggingface_hub

    try:
        return Path(
            huggingface_hub.snapshot_download(
                repository, revision=revision, allow_patterns=patterns
            )
        )
    except _refusals() as error:
        raise _absent(name, error) from error


def _refusals() -> tuple[type[Exception], ...]:
    """What the hub's client raises, also for nobody at the other end: its HTTP library's own."""
    from huggingface_hub.errors import HfHubHTTPError

    own = [kind for kind in HfHubHTTPError.__mro__ if kind.__name__ == "HTTPError"]
    return (OSError, ValueError, *own)


def _absent(name: str, error: Exception) -> DictionaryError:
    return DictionaryError(
        f"No dictionary {name!r}: there is no such file or folder here, and the hub did not give "
        f"it ({type(error).__name__}). Check the name, the network and your access."
    )
