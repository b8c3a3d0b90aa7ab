"""What a run stores of its surroundings: git commit, versions, device, and the command that starts it again."""

import os
import platform
import shlex
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    *("clueboard", "torch", "transformers", "numpy", "scipy", "scikit-learn", "polars", "duckdb", "datasets"),
    *("accelerate", "lightning", "pytorch-lightning", "sentence-transformers"),
)


@cache
def git_state(folder: Path) -> tuple[str | None, bool | None]:
    """Commit of the checkout that holds a folder and whether its tracked files differ from it.

    (None, None) outside a checkout and without git.
    """
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        return commit, bool(_git(folder, "status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.SubprocessError):
        return None, None


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=5).stdout.strip()


@cache
def versions() -> dict[str, str]:
    """Versions of Python and of the installed packages that decide the numbers."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def device() -> str | None:
    """Device that torch would compute on, if the script has imported torch; None otherwise."""
    torch = sys.modules.get("torch")
    cuda = getattr(torch, "cuda", None)
    if cuda is None:
        return None
    return str(cuda.get_device_name()) if cuda.is_available() else "cpu"


def script() -> Path | None:
    """File of the script that runs; None in a notebook or an interactive session."""
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    return Path(file).resolve() if file else None


def command() -> str:
    """What was typed to start this process, ready to be pasted into a shell."""
    words = list(sys.orig_argv)
    if words:
        words[0] = "python" if Path(words[0]).name.startswith("python") else words[0]
    return shlex.join(words)


def rank() -> int:
    """Rank of this process among those that train together (torchrun, accelerate, SLURM, MPI); 0 alone."""
    for name in ("RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK"):
        if os.environ.get(name, "").isdigit():
            return int(os.environ[name])
    return 0
