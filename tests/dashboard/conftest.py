"""Stores for the page tests: an empty one, and one with small generated runs of several experiments.

`open_page("runs", filled_store, runs_text="tnews")` opens a page through the navigation with a query string;
`fill_clue_run(db, ...)` adds one run.
"""

import contextlib
import functools
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import polars as pl
import pytest
from streamlit import config
from streamlit.components.v2 import manifest_scanner
from streamlit.runtime.scriptrunner.script_cache import ScriptCache
from streamlit.testing.v1 import AppTest, app_test, local_script_runner

from dashboard import rooms
from dashboard.parts import inside, libraries
from store import queries, runs
from store.errors import StoreError

HOME = Path(__file__).parents[2] / "dashboard" / "Home.py"
config._main_script_path = str(HOME)  # the dashboard's own settings, as `streamlit run` reads them
libraries.SLOW = libraries.OWN = ()  # a thread that loads them ahead goes on when the last test has ended
# what a server does once each new AppTest would do anew: read what all packages say of themselves, compile the pages
manifest_scanner.scan_component_manifests = functools.cache(manifest_scanner.scan_component_manifests)
app_test.ScriptCache = local_script_runner.ScriptCache = functools.cache(ScriptCache)
SENTENCES = (
    "花呗怎么还款",
    "借呗的利息是多少",
    "如何关闭花呗",
    "还款日可以改吗",
    "信用卡能还花呗吗",
    "额度为什么降低了",
)
VERSIONS = {"python": "3.11.9", "numpy": "2.4.6", "torch": "2.13.0"}


def examples(rows: int, *, start: int = 0) -> pl.DataFrame:
    """Pairs of Chinese sentences as the store keeps them."""
    fields = [
        {"sentence1": SENTENCES[i % 6] + str(i), "sentence2": SENTENCES[(i + 1) % 6]}
        for i in range(start, start + rows)
    ]
    return pl.DataFrame(
        {
            "example_id": [str(i) for i in range(rows)],
            "hash": [runs.example_hash(item) for item in fields],
            "text": [json.dumps(item, ensure_ascii=False) for item in fields],
        }
    )


def predictions(frame: pl.DataFrame, seed: int) -> tuple[pl.DataFrame, np.ndarray]:
    """Predictions of a mediocre model with two classes, and its probabilities (n, 2) as float32."""
    rng = np.random.default_rng(seed)
    labels = np.random.default_rng(0).integers(0, 2, frame.height)
    probs = rng.dirichlet((2.0, 2.0), frame.height)
    swap = (probs.argmax(axis=1) != labels) & (rng.random(frame.height) < 0.6)
    probs[swap] = probs[swap, ::-1]
    table = frame.select("example_id", "hash").with_columns(
        label=pl.Series(labels.astype(str)),
        prediction=pl.Series(probs.argmax(axis=1).astype(str)),
        confidence=pl.Series(probs.max(axis=1)),
    )
    return table, probs.astype(np.float32)


def fill_clue_run(
    db: Path,
    *,
    task: str = "afqmc",
    model: str = "tiny",
    recipe: str = "modern",
    seed: int = 42,
    source: str = "files",
    **more: Any,
) -> str:
    """One finished run of jobs/clue with curves, predictions, examples and a submission; returns its id."""
    config = {"task": task, "model": model, "recipe": recipe, "learning_rate": 1e-3, "epochs": 3, "seed": seed}
    run = runs.start(
        "clue",
        config=config,
        command=f"python -m jobs.clue --task {task} --model {model} --seed {seed}",
        config_hash=f"{task}-{model}-{recipe}-{source}",
        db=db,
        task=task,
        model=model,
        recipe=recipe,
        dataset=task,
        data_source=source,
        train_fingerprint="aaaa",
        dev_fingerprint="bbbb",
        seed=seed,
        device="cpu",
        versions=VERSIONS,
        follow=False,
        **more,
    )
    train, dev = examples(60), examples(80, start=55)
    table, probs = predictions(dev, seed)
    right = float((table["label"] == table["prediction"]).mean())
    with run:
        for step in range(1, 61):
            run.log({"train/loss": 0.7 / step**0.3 + 0.01 * (step * seed % 7)}, step=step, epoch=step / 20)
            if step % 20 == 0:
                run.log(
                    {"dev/loss": 0.66 - step / 1000, "dev/accuracy": right - 0.2 / step}, step=step, epoch=step / 20
                )
        run.examples(task, "train", train)
        run.examples(task, "dev", dev)
        run.predictions("dev", table, probabilities=probs, labels=["0", "1"])
        run.summary({"dev/accuracy": right, "dev/macro_f1": right - 0.02, "dev/majority": 0.55, "dev/chance": 0.5})
        submission = run.folder / "afqmc_predict.json"
        submission.write_text('{"id": "0", "label": "1"}\n', encoding="utf-8")
        run.artifact("afqmc_predict.json", "submission", submission)
    return run.run_id


def fill_broken_runs(db: Path) -> None:
    """A failed run and an interrupted one."""
    for name, error in (
        ("failed", RuntimeError("loss is not finite at step 17")),
        ("interrupted", KeyboardInterrupt()),
    ):
        run = runs.start(
            "clue",
            config={"task": "tnews"},
            command="python -m jobs.clue --task tnews",
            config_hash=name,
            db=db,
            task="tnews",
            model="tiny",
            versions=VERSIONS,
            follow=False,
        )
        run.log({"train/loss": 1.0}, step=1)
        try:
            with run:
                raise error
        except (RuntimeError, KeyboardInterrupt):
            assert run.status == name


def fill(db: Path) -> None:
    """Runs of several kinds, ingested and published."""
    first = fill_clue_run(db, seed=1, tags=("baseline",), note="the first one")
    fill_clue_run(db, seed=2)
    fill_clue_run(db, seed=3, recipe="blog")
    fill_clue_run(db, seed=1, source="sample")
    fill_clue_run(db, seed=1, task="tnews", model="ngram", recipe=None)
    fill_broken_runs(db)
    with runs.start(
        "imported",
        config={"run": first},
        command=f"python -m store import --run {first}",
        config_hash="imported",
        db=db,
        task="afqmc",
        parent_run_id=first,
        follow=False,
    ) as run:
        for width in (0.1, 0.2):
            run.measure("imported_grid", {"width": width}, accuracy=(0.7 + width / 10, 0.68, 0.72, 80), flips=3)
        run.summary({"dev/accuracy": 0.71})
    queries.refresh(db)


@pytest.fixture(scope="session")
def filled_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Database with a few runs of several experiments. Do not write into it: take `own_store` for that."""
    db = tmp_path_factory.mktemp("filled") / "results.duckdb"
    fill(db)
    return db


@pytest.fixture
def own_store(tmp_path: Path, filled_store: Path) -> Path:
    """A filled database of the test's own, which it may change."""
    return copied(filled_store, tmp_path)


def copied(db: Path, folder: Path) -> Path:
    """A copy of a store in another folder: its database."""
    copy = folder / db.name
    shutil.copytree(db.with_suffix(""), copy.with_suffix(""))
    shutil.copy(db, copy)
    return copy


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[], AbstractContextManager[None]]:
    """`with full_disk():` no edit of a run can be written."""

    def full(layout: Any, lines: bytes) -> None:
        raise StoreError(f"cannot write to {layout.edits}: No space left on device")

    @contextmanager
    def context() -> Iterator[None]:
        with monkeypatch.context() as patch:
            patch.setattr("store.editing.append_edits", full)
            yield

    return context


@pytest.fixture
def empty_store(tmp_path: Path) -> Path:
    """Path of a database that does not exist yet."""
    return tmp_path / "empty.duckdb"


def listed(app: AppTest, key: str) -> dict[str, Any]:
    """What a list of runs shows (`parts/runs/run_list.py`): its columns and rows."""
    return next(json.loads(item.proto.json) for item in app.get("bidi_component") if item.key == key)


@pytest.fixture(name="listed")
def listed_fixture() -> Callable[..., dict[str, Any]]:
    """`listed(app, "runs_list")["rows"]` of a page."""
    return listed


def place_of(page: str) -> tuple[str, dict[str, str]]:
    """Script and query of a page: a room's script, `<lab>/<chapter>`, or an address of an earlier version."""
    lab, _, chapter = page.partition("/")
    if chapter:
        return rooms.lab_of(lab).script, {"chapter": chapter}
    for lab_ in rooms.LABS:
        for part in lab_.all_chapters:
            if part.was == page:
                return lab_.script, {"chapter": part.key}
    return rooms.MOVED.get(page, (page, {}))


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """Open a page through Home.py on a store, with a query string; asserts that it shows no exception."""

    def opened(page: str, db: Path, *, more: bool = False, **query: str) -> AppTest:
        monkeypatch.setenv("CLUEBOARD_DB", str(db))
        monkeypatch.setenv("CLUEBOARD_DEBUG", "1")  # an exception of a page is one, not a sentence
        for mend in ("unbroken", "typeset"):
            monkeypatch.setattr(inside, mend, str)  # sentences are read as they are written
        monkeypatch.setattr("dashboard.queries._REFRESH_WAIT", None)  # none is at work when the test goes on
        app = AppTest.from_file(str(HOME), default_timeout=120)  # the page is the first that is opened, as by a link
        for name, value in query.items():
            app.query_params[name] = value
        script, choice = place_of(page)
        for name, value in choice.items():
            app.query_params[name] = value
        for number in range(1, 6 if more else 1):  # further parts of a chapter, which a link can open
            app.query_params[f"{script.removeprefix('labs/')}_{choice.get('chapter')}_more_{number}"] = "true"
        app.switch_page(f"app_pages/{script}.py").run()
        assert not app.exception, app.exception
        check_figures(app)
        return app

    return opened


def check_figures(app: AppTest) -> None:
    """Let plotly check what the page sends: the pages themselves draw without its checks."""
    for chart in app.get("plotly_chart"):
        spec = json.loads(chart.proto.spec)
        go.Figure({"data": spec["data"], "layout": spec["layout"]})


def spoken(app: AppTest) -> str:
    """All text of a page, with the sentences whose numbers can be dragged (`parts/labs/numbers.py`)."""
    texts = [item.value for item in app.markdown]
    for item in app.get("bidi_component"):
        pieces = json.loads(item.proto.json or "{}").get("pieces", [])
        texts.append("".join(piece["text"] if "text" in piece else piece["values"][piece["place"]] for piece in pieces))
    return " ".join(texts)


WAITING = """() => {
    const app = document.querySelector('[data-testid="stApp"]');
    const main = document.querySelector('[data-testid="stMainBlockContainer"]');
    const state = app && app.getAttribute('data-test-script-state');
    const busy = '[data-testid="stSkeleton"], [data-testid="stSpinner"], [data-stale="true"]';
    const reasons = [...document.querySelectorAll(busy)].map(
        element => `${element.dataset.testid}: ${element.innerText.slice(0, 60)}`);
    if (state && state !== 'notRunning') reasons.push(`the script is ${state}`);
    if (!main || main.innerText.trim().length === 0) reasons.push('the page is empty');
    return reasons.join('; ');
}"""
"""What a page is still waiting for, "" when it is ready."""
POINTS = """() => [...document.querySelectorAll('.js-plotly-plot')]
    .map(plot => Math.max(0, ...plot.calcdata.map(trace => trace.length)))"""
PROBES = ("/_stcore/health", "/_stcore/host-config")
"""Streamlit's client looks for its server below the page's path first: answers of 404 that are no fault of a page."""


@contextmanager
def serve(db: Path, **variables: str) -> Iterator[str]:
    """A dashboard of its own on a store, with further environment variables; yields its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    flags = ["--server.port", str(port), "--server.headless", "true", "--server.enableAgentApi", "true"]
    command = [sys.executable, "-m", "streamlit", "run", str(HOME), *flags, "--server.fileWatcherType", "none"]
    environment = {**os.environ, "CLUEBOARD_DB": str(db), "PYTHONPATH": str(HOME.parents[1]), **variables}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            base = f"http://localhost:{port}"
            until = time.monotonic() + 60
            while time.monotonic() < until and process.poll() is None:
                try:
                    urllib.request.urlopen(f"{base}/_stcore/health", timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.1)
            yield base
        finally:
            process.terminate()
            process.wait(20)


@pytest.fixture(name="serve")
def serve_fixture() -> Callable[..., Any]:
    """`with serve(db) as address:` for a store of the test's own."""
    return serve


@pytest.fixture(scope="session")
def served(filled_store: Path) -> Iterator[str]:
    """Address of a dashboard on the filled store."""
    with serve(filled_store) as base:
        yield base


class Window:
    """One browser window: opens pages, waits until they are ready, and keeps what the console complained about."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.problems: list[str] = []
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("requestfailed", lambda request: self.problems.append(f"failed: {request.url}"))
        page.on("response", lambda reply: self._answer(reply.status, reply.url))
        page.on("console", lambda message: self._message(message.type, message.text))

    def _answer(self, status: int, url: str) -> None:
        if status >= 400 and not url.endswith(PROBES):
            self.problems.append(f"{status}: {url}")

    def _message(self, kind: str, text: str) -> None:
        if kind == "error" and "status of 404" not in text:
            self.problems.append(text)

    def open(self, url: str) -> None:
        """Go to an address and wait for the page."""
        self.page.goto(url)
        self.settle()

    def settle(self, seconds: float = 90.0) -> None:
        """Wait until the page has been ready for half a second."""
        until, calm = time.monotonic() + seconds, 0
        while calm < 5:
            waiting = self.page.evaluate(WAITING)
            assert time.monotonic() < until, f"{self.page.url} is not ready after {seconds} s: {waiting}"
            calm = 0 if waiting else calm + 1
            self.page.wait_for_timeout(100)

    def sideways(self) -> int:
        """Pixels by which the page is wider than its window."""
        main = self.page.locator('[data-testid="stMain"]')
        return int(main.evaluate("element => element.scrollWidth - element.clientWidth"))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A headless Chromium: the system's, else the one that `playwright install chromium` brought."""
    playwright = pytest.importorskip("playwright.sync_api")
    arguments = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    with playwright.sync_playwright() as driver:
        own = Path(driver.chromium.executable_path)
        path = shutil.which("chromium") or shutil.which("google-chrome") or (str(own) if own.exists() else None)
        if path is None:
            pytest.skip("no Chromium: `playwright install chromium` brings one")
        browser = driver.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def window(chromium: Any) -> Iterator[Callable[..., Window]]:
    """Open a browser window: `window(width=390, dark=True)`."""
    with contextlib.ExitStack() as stack:
        yield lambda **look: stack.enter_context(browser_window(chromium, **look))


@pytest.fixture(scope="session")
def narrow(chromium: Any) -> Iterator[Window]:
    """One dark window of 390 pixels that every page is opened in: its cache makes the tests of many pages quick."""
    with browser_window(chromium, width=390, dark=True, still=True) as opened:
        yield opened


@pytest.fixture(scope="session")
def _wide(chromium: Any) -> Iterator[Window]:
    with browser_window(chromium, still=True) as opened:
        yield opened


@pytest.fixture
def wide(_wide: Window) -> Window:
    """The one window of 1280 pixels for tests that need no profile of their own: a new one costs twice as much."""
    _wide.page.goto("about:blank")
    _wide.problems.clear()
    return _wide


@contextmanager
def browser_window(
    chromium: Any, *, width: int = 1280, height: int = 900, dark: bool = False, still: bool = False
) -> Iterator[Window]:
    """A window with a profile of its own; a still one asks pages for no motion, which saves a fifth of the time."""
    scheme = "dark" if dark else "light"
    motion = "reduce" if still else "no-preference"
    context = chromium.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion=motion
    )
    context.set_default_timeout(120_000)  # milliseconds: a busy machine is no failure
    yield Window(context.new_page())
    context.close()
