"""The arrows between the packages, read from the source: who may import whom, and what may be imported at the top."""

import ast
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard import rooms
from tests.statements import parsed, statements

ROOT = Path(__file__).parent.parent
PACKAGES = ("dashboard", "engine", "store", "jobs")
ALLOWED = {"engine": set(), "store": set(), "jobs": {"engine", "store"}, "dashboard": {"engine", "store"}}
TORCH_FILES = {"engine/smoothing/activations.py", "store/integrations/transformers.py"}  # beside `engine/model/`
HEAVY = {"torch", "transformers", "sklearn", "scipy", "polars", "duckdb", "datasets", "accelerate", "numpy"}


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported(tree: ast.AST) -> Iterator[str]:
    """Dotted names that a tree imports."""
    for node in statements(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def at_the_top(path: Path) -> set[str]:
    """Packages imported when the module is imported (not inside functions, not for type checkers only)."""
    tree = parsed(path)
    kept = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    return {name.split(".")[0] for name in imported(ast.Module(kept, []))}


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_import_only_along_the_arrows(package):
    assert sources(package)
    for path in sources(package):
        names = {name.split(".")[0] for name in imported(parsed(path))}
        wrong = (names & set(PACKAGES)) - ALLOWED[package] - {package}
        assert not wrong, f"{path.relative_to(ROOT)} imports {', '.join(sorted(wrong))}"


def test_a_wrong_arrow_is_found(tmp_path):
    path = tmp_path / "module.py"
    path.write_text("def late():\n    from jobs.clue import main\n")
    assert set(imported(ast.parse(path.read_text()))) == {"jobs.clue.main"}


@pytest.mark.parametrize("folder", ["figures", "frames", "reports"])
def test_inside_dashboard_figures_frames_and_reports_are_pure(folder):
    assert sources(f"dashboard/{folder}")
    for path in sources(f"dashboard/{folder}"):
        names = set(imported(parsed(path)))
        wrong = {name for name in names if name.split(".")[0] in ("streamlit", "store") or "dashboard.queries" in name}
        assert not wrong, f"{path.name} imports {', '.join(wrong)}"


def test_inside_dashboard_streamlit_stays_in_pages_chapters_and_parts():
    allowed = ("app_pages/", "chapters/", "parts/", "Home.py", "queries.py")
    for path in sources("dashboard"):
        name = path.relative_to(ROOT / "dashboard").as_posix()
        names = {found.split(".")[0] for found in imported(parsed(path))}
        assert "streamlit" not in names or name.startswith(allowed), name


# Arrows between the packages of engine: only these, so that each can be read alone.
ENGINE_ARROWS = {
    ("can", "evidence"),
    ("evidence", "text"),
    ("model", "text"),
    ("model", "smoothing"),
    *((package, "arrays") for package in ("can", "dimension", "embeddings", "evidence", "initialization")),
    *((package, "arrays") for package in ("johnson_lindenstrauss", "model", "smoothing", "text")),
    ("initialization", "names"),
    ("text", "names"),
    ("smoothing", "names"),
}


def test_inside_engine_packages_import_only_what_is_listed():
    found = set()
    for path in sources("engine"):
        here = path.relative_to(ROOT / "engine").parts[0]
        for name in imported(parsed(path)):
            parts = name.split(".")
            if parts[0] == "engine" and len(parts) > 1 and parts[1] != here:
                found.add((here, parts[1]))
    assert found == ENGINE_ARROWS


def test_inside_dashboard_pages_read_the_store_through_queries():
    for path in sources("dashboard/app_pages") + sources("dashboard/chapters"):
        names = set(imported(parsed(path)))
        wrong = {name for name in names if name.startswith("store") and not name.startswith("store.errors")}
        assert not wrong, f"{path.name} imports {', '.join(wrong)}"
        assert "duckdb" not in names


def test_only_the_store_opens_the_database():
    for package in ("dashboard", "engine", "jobs"):
        for path in sources(package):
            if "benchmarks" in path.parts:
                continue
            names = {name.split(".")[0] for name in imported(parsed(path))}
            assert "duckdb" not in names, path.relative_to(ROOT)


def test_torch_is_imported_at_the_top_only_by_the_torch_half_of_the_engine():
    for path in sources("engine") + sources("store") + sources("dashboard"):
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith("engine/model/") and name not in TORCH_FILES:
            assert not at_the_top(path) & {"torch", "transformers"}, name


def test_the_dashboard_imports_nothing_of_the_torch_half():
    for path in sources("dashboard"):
        names = imported(parsed(path))
        wrong = {name for name in names if name.startswith(("engine.model.", "engine.smoothing.activations"))}
        assert not wrong, f"{path.relative_to(ROOT)} imports {', '.join(wrong)}"


def loaded_with(path: Path, seen: set[Path]) -> set[str]:
    """Foreign packages that importing a job loads, through the modules of jobs that it imports at the top."""
    if path in seen or not path.exists():
        return set()
    seen.add(path)
    kept = [node for node in parsed(path).body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = set(imported(ast.Module(kept, [])))
    places = [ROOT / name.replace(".", "/") for name in names if name.startswith("jobs.")]
    below = [
        loaded_with(file, seen) for place in places for file in (place.with_suffix(".py"), Path(f"{place.parent}.py"))
    ]
    return {name.split(".")[0] for name in names}.union(*below)


def test_command_lines_start_without_heavy_packages():
    entries = [path for path in sources("jobs") if '"__main__"' in path.read_text(encoding="utf-8")]
    assert len(entries) >= 10
    for path in entries:
        assert not loaded_with(path, set()) & (HEAVY - {"numpy"}), path.relative_to(ROOT)


def test_command_lines_name_functions_that_exist():
    commands = [path.read_text(encoding="utf-8") for path in (ROOT / "jobs").glob("*/__main__.py")]
    targets = [target for text in commands for target in re.findall(r'"(jobs\.[\w.]+:\w+)"', text)]
    assert len(targets) >= 15
    assert all(callable(pkgutil.resolve_name(target)) for target in targets)


def test_every_page_and_chapter_is_registered_and_no_folder_is_called_pages():
    pages = {path.relative_to(ROOT / "dashboard/app_pages").as_posix() for path in sources("dashboard/app_pages")}
    assert pages == {f"{room.script}.py" for room in (*rooms.ROOMS, *rooms.LABS)}
    for lab in rooms.LABS:
        files = {path.stem for path in sources(f"dashboard/chapters/{lab.key}")} - {"__init__"}
        assert files == {chapter.key for chapter in lab.all_chapters}
    assert not (ROOT / "dashboard" / "pages").exists()


def test_dashboard_files_shadow_no_package():
    names = {path.stem for path in (ROOT / "dashboard").glob("*.py")} - {"__init__"}
    assert not names & ({"store", "engine", "jobs"} | set(sys.stdlib_module_names))


def test_package_inits_hold_one_docstring_and_nothing_else():
    for package in PACKAGES:
        for path in (ROOT / package).rglob("__init__.py"):
            if path == ROOT / "store" / "__init__.py":  # offers `store.init` and its like, importing them when asked
                continue
            body = parsed(path).body
            assert len(body) == 1, path
            assert isinstance(body[0], ast.Expr), path


def test_the_dashboard_starts_without_torch_and_the_statistics_of_scipy():
    files = [path for name in ("figures", "frames", "parts", "chapters") for path in sources(f"dashboard/{name}")]
    modules = ["dashboard.queries", *(".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files)]
    code = (
        f"import sys\nimport {', '.join(modules)}\nprint({{'torch', 'transformers', 'scipy.stats'}} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=300)
    assert done.stdout == "set()\n"
