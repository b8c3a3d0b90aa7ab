"""Files of a script written for another tracker: they are copied into the run's folder and registered there."""

import contextlib
import logging
import shutil
import tempfile
from collections.abc import Iterator
from glob import glob
from pathlib import Path
from typing import IO, Any

from store.errors import StoreError
from store.left_out import LeftOut, say_once
from store.runs import Run

log = logging.getLogger("store")


class Artifact:
    """Files that belong together, as in wandb: gathered first, then given to a run by `log_artifact`.

    Args:
        name: what it is called; its files lie in a folder of this name.
        type: what kind of files they are: model, dataset.
        description: not kept.
        metadata: not kept.
    """

    def __init__(self, name: str, type: str = "file", description: str = "", metadata: Any = None, **_: Any) -> None:
        self.name, self.type, self.description = name, type, description
        self.metadata: Any = metadata if metadata is not None else {}
        self.files: dict[str, Path | str] = {}
        self._written: list[tempfile.TemporaryDirectory[str]] = []

    def add_file(self, local_path: Path | str, name: str | None = None, **_: Any) -> None:
        """Add one file, under another name if one is given.

        Raises:
            StoreError: if there is no such file.
        """
        path = Path(local_path)
        if not path.is_file():
            raise StoreError(f"artifact {self.name}: there is no file {path}")
        self.files[name or path.name] = path

    def add_dir(self, local_path: Path | str, name: str | None = None, **_: Any) -> None:
        """Add every file of a folder.

        Raises:
            StoreError: if there is no such folder.
        """
        folder = Path(local_path)
        if not folder.is_dir():
            raise StoreError(f"artifact {self.name}: there is no folder {folder}")
        before = f"{name}/" if name else ""
        files = (path for path in sorted(folder.rglob("*")) if path.is_file())
        self.files |= {before + path.relative_to(folder).as_posix(): path for path in files}

    def add(self, obj: Any, name: str = "", **_: Any) -> None:
        """Tables and media are left out, which is said."""
        say_once("Artifact.add", "the store keeps numbers and files; add_file and add_dir are kept")

    def add_reference(self, uri: Any = "", name: str | None = None, **_: Any) -> None:
        """Addresses of files elsewhere are left out, which is said."""
        say_once("Artifact.add_reference", "the store keeps files, no addresses; write them into config")

    @contextlib.contextmanager
    def new_file(self, name: str, mode: str = "w", encoding: str | None = None) -> Iterator[IO[Any]]:
        """A file to be written."""
        self._written.append(tempfile.TemporaryDirectory(prefix="clueboard-artifact-"))  # goes with the artifact
        folder = Path(self._written[-1].name)
        with (folder / "file").open(mode, encoding=encoding or (None if "b" in mode else "utf-8")) as file:
            yield file
        self.files[name] = folder / "file"

    def wait(self, *_: Any, **__: Any) -> "Artifact":
        """It is stored when `log_artifact` returns."""
        return self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        say_once(f"Artifact.{name}", "an artifact is a number of files here, without versions or a server")
        return LeftOut()


def log_artifact(run: Run, artifact: Any, name: str | None = None, type: str | None = None, **_: Any) -> "Artifact":
    """Copy files into the run's folder and register them.

    Args:
        run: the run.
        artifact: an `Artifact`, or the path of a file or a folder.
        name: what it is called, where a path is given.
        type: what kind of files they are.

    Raises:
        StoreError: if a file cannot be copied, or would lie outside the run's folder.
    """
    made = artifact if isinstance(artifact, Artifact) else _of_path(Path(artifact), name, type)
    for inside, path in made.files.items():
        single = len(made.files) == 1 and inside == made.name
        keep(run, inside if single else f"{made.name}/{inside}", type or made.type, path)
    return made


def _of_path(path: Path, name: str | None, type: str | None) -> Artifact:
    made = Artifact(name or path.name, type or "file")
    (made.add_dir if path.is_dir() else made.add_file)(path)
    return made


def save(run: Run, pattern: Any, base_path: Any = None, **_: Any) -> list[str]:
    """Copy the files that a pattern names into the run's folder, as they are now, and register them."""
    if isinstance(pattern, bytes):
        pattern = pattern.decode()
    names = sorted(glob(str(pattern), recursive=True))  # noqa: PTH207 - it may be absolute, which Path.glob refuses
    found = [Path(name) for name in names if Path(name).is_file()]
    if not found:
        log.warning("save: no file is called %s; nothing is kept", pattern)
    kept = []
    for path in found:
        below = base_path is not None and path.resolve().is_relative_to(Path(base_path).resolve())
        name = path.resolve().relative_to(Path(base_path).resolve()).as_posix() if below else path.name
        kept.append(str(keep(run, name, "file", path)))
    return kept


def keep(run: Run, name: str, kind: str, path: Path | str) -> Path:
    """Copy one file into the run's folder, unless it lies there, and register it."""
    source = Path(path).resolve()
    target = run.folder.resolve() / name
    if source.is_relative_to(run.folder.resolve()):
        target = source
    if not target.resolve().is_relative_to(run.folder.resolve()):
        raise StoreError(f"an artifact's name must be a path below the run's folder, got {name!r}")
    try:
        if target != source:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    except (OSError, ValueError) as error:
        raise StoreError(f"{source} cannot be kept as {name!r}: {getattr(error, 'strerror', None) or error}") from error
    run.artifact(name, str(kind) or "file", target)
    return target
