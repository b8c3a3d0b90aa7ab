"""What the repository says of itself holds: documented names, a complete README, no path of a machine."""

import ast
import pkgutil
import re
import subprocess
from pathlib import Path

import pytest

from dashboard import rooms

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
SOURCES = sorted(path for package in ("engine", "store") for path in (ROOT / package).rglob("*.py"))


def public_definitions(body, prefix=""):
    for node in body:
        setter = any(getattr(mark, "attr", "") == "setter" for mark in getattr(node, "decorator_list", []))
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_") and not setter:
            yield f"{prefix}{node.name}", node
            if isinstance(node, ast.ClassDef):
                yield from public_definitions(node.body, f"{prefix}{node.name}.")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_public_name_is_documented_and_annotated(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), "module docstring"
    for name, node in public_definitions(tree.body):
        assert ast.get_docstring(node), name
        if isinstance(node, ast.FunctionDef):
            arguments = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
            bare = [a.arg for a in arguments if a.annotation is None and a.arg not in ("self", "cls")]
            assert not bare, f"{name}: {bare}"
            assert node.returns is not None, f"{name}: return"


def test_the_readme_names_every_job_and_every_lab_of_the_dashboard():
    jobs = {
        p.stem for p in (ROOT / "jobs").glob("*.py") if 'if __name__ == "__main__"' in p.read_text(encoding="utf-8")
    }
    jobs |= {p.parent.name for p in (ROOT / "jobs").glob("*/__main__.py")}
    assert {"clue", "whitening", "predict"} <= jobs
    assert [job for job in sorted(jobs) if f"python -m jobs.{job}" not in README] == []
    assert [lab.title for lab in rooms.LABS if lab.title.split("-")[0].casefold() not in README.casefold()] == []


DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_files_and_links_of_the_documents_exist(path):
    text = path.read_text(encoding="utf-8")
    named = re.findall(r"`((?:dashboard|engine|store|jobs|tests|docs)/[\w./]+\w)`", text)
    assert [name for name in named if not (ROOT / name).exists()] == []
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if not link.startswith("http")]
    assert [link for link in links if link and not (path.parent / link).exists()] == []


def test_the_readme_is_one_page_and_the_chinese_one_has_the_same_commands():
    chinese = (ROOT / "README.zh.md").read_text(encoding="utf-8")
    assert len(README.splitlines()) <= 120
    assert len(chinese.splitlines()) <= 120

    def commands(text):
        """Lines of shell blocks, commands in the tables, and statements without their comments."""
        blocks = re.findall(r"```(?:bash|sql)\n(.*?)```", text, flags=re.S)
        lines = [line for block in blocks for line in block.splitlines() if not line.startswith("--")]
        return lines + re.findall(r"^\| `(python [^`]+)`", text, flags=re.M)

    assert len(commands(README)) > 20
    assert commands(README) == commands(chinese)


@pytest.mark.parametrize("name", ["README.md", "README.zh.md"])
def test_the_table_of_commands_names_pages_that_exist(name):
    """Words in the last column; those in italics are parts of a page."""
    titles = {page.title for page in (*rooms.ROOMS, *rooms.LABS)}
    text = (ROOT / name).read_text(encoding="utf-8")
    named = re.findall(r"^\| `python .*\| ([^|]*) \|$", text, flags=re.M)
    words = [re.sub(r"( 的 )?\*[^*]+\*", "", page).strip() for cell in named for page in re.split("[,、]", cell)]
    assert len(named) > 10
    assert [word for word in words if word and word not in titles] == []


def test_no_path_of_a_machine_stands_in_the_repository():
    listing = subprocess.run(["git", "-C", str(ROOT), "ls-files"], capture_output=True, text=True)
    files = [ROOT / name for name in listing.stdout.split("\n") if name.endswith((".py", ".md", ".toml", ".txt"))]
    pattern = re.compile(r"/(?:work|root|farm|home)/\w")
    assert [f.name for f in files if f.exists() and pattern.search(f.read_text(encoding="utf-8"))] == []


def test_the_road_of_a_run_names_functions_that_exist():
    text = (ROOT / "docs" / "DEVELOPING.md").read_text(encoding="utf-8")
    road = text.split("## The road of a run")[1].split("\n## ")[0]
    named = re.findall(r"`((?:jobs|engine|store)\.[\w.]+:\w+)`", road)
    assert len(named) >= 20
    for target in named:
        assert callable(pkgutil.resolve_name(target)), target
