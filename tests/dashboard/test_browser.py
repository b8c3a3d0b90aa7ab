"""What only a browser shows of a store that changes: runs that begin, move, are stopped, renamed, brought back."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import numpy as np
import polars as pl
import pytest

from store import queries, runs
from store.ingest import ingest
from store.runs import example_hash
from tests.dashboard.conftest import HOME, POINTS, copied, serve

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def _server(tmp_path_factory):
    """A database and the address of a dashboard on it that starts jobs: a server takes seconds to begin."""
    db = tmp_path_factory.mktemp("changing") / "results.duckdb"
    with serve(db, CLUEBOARD_JOBS="1") as base:
        yield db, base


@pytest.fixture
def changing(_server, wide):
    """A database that does not exist yet, and the address of the dashboard on it."""
    yield _server
    wide.page.goto("about:blank")  # no page reads the store while it goes
    db = _server[0]
    db.unlink(missing_ok=True)
    shutil.rmtree(db.with_suffix(""), ignore_errors=True)


def test_a_run_is_found_renamed_deleted_and_brought_back(changing, filled_store, wide):
    db, base = changing
    copied(filled_store, db.parent)
    shown = wide
    shown.open(f"{base}/runs?runs_view=Table")
    shown.page.get_by_label("Search", exact=True).fill("model:ngram lr=1e-3")
    shown.page.keyboard.press("Enter")
    shown.page.get_by_text("1 of 8 runs").wait_for()
    shown.page.get_by_role("button", name="Rename tnews · ngram · s1").click()
    shown.page.keyboard.type("no name")
    assert shown.page.get_by_role("button", name="Rename tnews · ngram · s1").is_hidden(), "it covers the field"
    shown.page.keyboard.press("Escape")
    shown.page.get_by_role("link", name="tnews · ngram · s1").press("Shift+Tab")
    shown.page.get_by_role("button", name="Rename tnews · ngram · s1").press("Enter")
    shown.page.keyboard.type("my baseline")
    shown.page.keyboard.press("Enter")
    shown.page.get_by_role("link", name="my baseline").wait_for()
    shown.settle()
    shown.page.get_by_label("Choose my baseline").check()
    shown.page.get_by_role("button", name="Delete").click()
    shown.page.get_by_text("Deleted 1 run").wait_for()
    shown.page.get_by_role("link", name="my baseline").wait_for(state="detached")
    shown.page.get_by_role("button", name="Undo").click()
    shown.page.get_by_role("link", name="my baseline").wait_for()
    assert shown.problems == []


WATCH = """() => {
    const main = document.querySelector('[data-testid="stMain"]');
    main.scrollTo(0, 60);
    const seen = window.seen = {popovers: 9, faded: 0, removed: 0, scrolls: {}};
    const charts = (node) => node.matches?.('.js-plotly-plot') || node.querySelector?.('.js-plotly-plot');
    new MutationObserver(changes => changes.forEach(change => change.removedNodes.forEach(node => {
        seen.removed += Boolean(charts(node));
    }))).observe(main, {childList: true, subtree: true});
    setInterval(() => {
        const boxes = [...document.querySelectorAll('[data-testid="stElementContainer"]:has(.js-plotly-plot)')];
        seen.faded += boxes.some(box => getComputedStyle(box).opacity < 1);
        seen.popovers = Math.min(seen.popovers, document.querySelectorAll('[data-testid="stPopoverBody"]').length);
        seen.scrolls[main.scrollTop] = true;
    }, 40);
}"""


@contextmanager
def working(db):
    """A job that logs ten points a second until the context ends; yields its run."""
    run = runs.start(
        "clue", config={}, command="python -m jobs.clue", config_hash="live", db=db, task="afqmc", model="tiny"
    )
    stop = threading.Event()

    def work():
        step = 0
        while not stop.wait(0.1):
            step += 1
            run.log({"train/loss": 1 / step, "dev/accuracy": 1 - 1 / step}, step=step)
            run.progress(min(step / 1000, 0.99), eta_s=5.0)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield run
    finally:
        stop.set()
        worker.join()
        run.finish()


LOOK = """() => {
    const plot = document.querySelector('.js-plotly-plot'), layout = plot._fullLayout;
    const axis = ({gridcolor, showgrid, zeroline, tickfont, title, ticklabelposition, automargin, fixedrange}) =>
        ({gridcolor, showgrid, zeroline, tickfont, title, ticklabelposition, automargin, fixedrange});
    const {font, paper_bgcolor, plot_bgcolor, title, legend, margin, hoverlabel, hovermode, dragmode} = layout;
    const figure = plot.closest('[role="figure"]');
    return {
        font, paper_bgcolor, plot_bgcolor, title, margin, hoverlabel, hovermode, dragmode,
        size: [layout.width, layout.height],
        legend: [legend?.font, legend?.valign, legend?.x, legend?.y, legend?.bordercolor],
        axes: [axis(layout.xaxis), axis(layout.yaxis)],
        buttons: [...plot.querySelectorAll('.modebar-btn')].map(button => button.dataset.title),
        picture: plot._context.toImageButtonOptions,
        name: figure.getAttribute('aria-label'),
        tall: Math.round(figure.getBoundingClientRect().height),
    };
}"""
"""How the first chart looks and what a reader can do with it."""
DRAWN = "document.querySelectorAll('.js-plotly-plot:has(.main-svg)').length"
NEWEST = """() => Math.max(...document.querySelector('.js-plotly-plot').calcdata.flat().map(point => point.x))"""
"""The step of the newest point that the first chart shows."""
VIEW = """() => {
    const {xaxis, yaxis} = document.querySelector('.js-plotly-plot')._fullLayout;
    return JSON.stringify([xaxis.range, yaxis.range]);
}"""


@contextmanager
def looked_at(page, *, height, dark):
    """The page in a window of another height and in other colours, for a while."""
    before = page.viewport_size
    page.set_viewport_size({**before, "height": height})
    page.emulate_media(color_scheme="dark" if dark else "light")
    try:
        yield
    finally:
        page.set_viewport_size(before)
        page.emulate_media(color_scheme="light")


def _look(page):
    """`LOOK` without what only spells it differently: Streamlit writes a figure's bold title bold once more."""
    return re.sub(r"\s|<b>|</b>", "", json.dumps(page.evaluate(LOOK), indent=1).lower())


def _drag(page, chart):
    """Draw a box in a chart of the page."""
    box = page.locator(".js-plotly-plot").nth(chart).bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 350, box["y"] + 200, steps=4)
    page.mouse.up()


@pytest.mark.parametrize(
    ("address", "dark"), [("run?run={}", False), pytest.param("runs", True, marks=pytest.mark.slow)]
)
def test_charts_of_a_running_job_move_in_place_and_look_like_those_of_an_ended_one(address, dark, changing, wide):
    """Nothing is drawn anew: neither with new points, nor at the job's end; the place and an open help stay."""
    db, base = changing
    shown, page = wide, wide.page
    with looked_at(page, height=600, dark=dark):
        with working(db) as run:
            queries.refresh(db)
            page.goto(f"{base}/{address.format(run.run_id)}")
            page.wait_for_function(f"{DRAWN} >= 2")
            page.get_by_role("button", name="Help").first.click()
            page.get_by_test_id("stPopoverBody").wait_for()
            page.evaluate(WATCH)
            page.wait_for_function(f"({NEWEST})() >= {page.evaluate(NEWEST) + 15}")
            seen = page.evaluate("window.seen")
            assert (seen["removed"], seen["faded"], seen["popovers"], len(seen["scrolls"])) == (0, 0, 1, 1)
            look = _look(page)
        if address != "runs":
            page.get_by_text("finished").first.wait_for()
            assert page.evaluate("window.seen.removed") == 0
        shown.open(page.url)
        page.locator('[data-testid="stPlotlyChart"] .main-svg').first.wait_for()
        assert _look(page) == look
        assert shown.problems == []


@pytest.mark.slow
def test_what_a_reader_does_in_a_moving_chart_stays(tmp_path, serve, window):
    """A zoom survives new points, a curve that begins later is drawn, and a box is read again as a range."""
    db = tmp_path / "results.duckdb"
    with serve(db) as base, working(db) as run:
        queries.refresh(db)
        shown = window()
        page = shown.page
        page.goto(f"{base}/run?run={run.run_id}")
        page.wait_for_function(f"{DRAWN} >= 2")
        page.evaluate(WATCH)
        page.locator('.modebar-btn[data-title="Zoom"]').first.click()
        _drag(page, 0)
        zoomed = "document.querySelector('.js-plotly-plot')._fullLayout.xaxis.autorange === false"
        page.wait_for_function(zoomed)
        part = page.evaluate(VIEW)
        for step in range(1, 1000, 5):
            run.log({"dev/f1": 0.5}, step=step)
        page.wait_for_function(f"{DRAWN} >= 3")
        page.wait_for_function(f"({NEWEST})() >= {page.evaluate(NEWEST) + 10}")
        assert page.evaluate(VIEW) == part
        assert "run_curves" not in page.url
        _drag(page, 2)
        page.wait_for_url("**run_low=*&run_high=*")
        page.wait_for_function(f"({VIEW})() !== {part!r}")  # every chart shows the range
        assert page.evaluate("window.seen.removed") == 0
        assert shown.problems == []


def test_the_list_of_runs_shows_what_began_after_it_was_opened(changing, wide):
    """First nothing is stored, then a run without a curve runs, then one with curves begins."""
    db, base = changing
    shown = wide
    shown.page.goto(f"{base}/runs")
    shown.page.get_by_text("This command fills it").wait_for()
    with runs.start("own", config={}, command="python x.py", config_hash="silent", db=db, task="quiet"):
        shown.page.get_by_text("None of these runs logged a curve").wait_for()
        with working(db):
            shown.page.get_by_label("Choose afqmc · tiny").wait_for()
            shown.page.locator(".js-plotly-plot").first.wait_for()
    assert shown.problems == []


@pytest.mark.slow
def test_a_real_job_is_seen_from_its_start_to_its_end(tmp_path, serve, window):
    db = tmp_path / "results.duckdb"
    options = [
        "--task",
        "afqmc",
        "--limit",
        "1500",
        "--epochs",
        "4",
        "--db",
        str(db),
        "--output",
        str(tmp_path / "out"),
    ]
    environment = {**os.environ, "CLUE_DATA_DIR": "", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with serve(db) as base:
        shown = window()
        shown.open(base)
        shown.page.get_by_text("No run is stored yet").wait_for()
        job = subprocess.Popen([sys.executable, "-m", "jobs.clue", *options], cwd=HOME.parents[1], env=environment)
        try:
            shown.page.get_by_text("Running now (1)").wait_for()  # without a click
            run_id = queries.runs(db=db)["run_id"][0]
            shown.page.goto(f"{base}/run?run={run_id}")
            shown.page.wait_for_selector(".js-plotly-plot")
            before = shown.page.evaluate(POINTS)[0]
            shown.page.wait_for_function(f"({POINTS})()[0] > {before}")
            assert job.wait(180) == 0
            shown.page.locator(".stMarkdownBadge", has_text="finished").wait_for()  # its icon is text too
            assert shown.problems == []
        finally:
            job.kill()
            job.wait()


def test_a_running_job_is_stopped_from_its_page_and_leaves_a_line(changing, wide):
    db, base = changing
    script = (
        "import sys, time; from pathlib import Path; from store import runs\n"
        "run = runs.start('own', config={}, command='python x.py', config_hash='h', db=Path(sys.argv[1]))\n"
        "run.log({'train/loss': 1.0}, step=1); print(run.run_id, flush=True); time.sleep(120)"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(db)], stdout=subprocess.PIPE, text=True) as job:
        run_id = job.stdout.readline().strip()
        queries.refresh(db)
        shown = wide
        shown.open(f"{base}/run?run={run_id}")
        shown.page.get_by_role("button", name="Stop").click()
        shown.page.get_by_test_id("stPopoverBody").get_by_role("button", name="Stop").click()
        assert job.wait(30) != 0
        shown.page.get_by_text("lost").first.wait_for()
        shown.page.goto(f"{base}/run?run={run_id}&run_tab=Environment")
        shown.page.get_by_text("asked to stop").wait_for()
        assert shown.problems == []


def test_a_job_that_is_stopped_on_the_entrance_leaves_its_look(changing, wide):
    db, base = changing
    script = (
        "import sys, time; from pathlib import Path; from store import runs\n"
        "run = runs.start('own', config={}, command='python x.py', config_hash='h', db=Path(sys.argv[1]))\n"
        "run.log({'train/loss': 1.0}, step=1); print(run.run_id, flush=True); time.sleep(120)"
    )
    padding = "() => getComputedStyle(document.querySelector('[data-testid=stMainBlockContainer]')).paddingTop"
    with subprocess.Popen([sys.executable, "-c", script, str(db)], stdout=subprocess.PIPE, text=True) as job:
        job.stdout.readline()
        queries.refresh(db)
        shown = wide
        shown.open(base)
        shown.page.get_by_text("Running now (1)").wait_for()
        before = shown.page.evaluate(padding)
        shown.page.get_by_role("button", name="Stop").click()
        assert job.wait(30) != 0
        shown.page.get_by_text("Running now (1)").wait_for(state="detached")
        assert shown.page.evaluate(padding) == before, "what a callback says took the place of the stylesheet"


@pytest.mark.parametrize("start", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_the_first_minutes_on_an_empty_store(start, changing, wide):
    """From the welcome to the command of a first run; in the slow half the page starts it and shows its end."""
    _, base = changing
    shown = wide
    shown.page.goto(base)
    shown.page.get_by_text("A workbench for Chinese language understanding").wait_for()
    shown.page.get_by_role("button", name="Load a small demo store").wait_for()
    shown.page.get_by_text("python -m jobs.clue --task afqmc").first.wait_for()
    shown.page.get_by_role("link", name="New run").first.click()
    shown.page.get_by_role("button", name="Start").wait_for()
    for label, value, command in (("Model", "ngram", "ngram"), ("Limit", "60", "ngram --limit 60")):
        shown.page.get_by_label(label, exact=True).fill(value)
        shown.page.keyboard.press("Enter")
        shown.page.get_by_text(f"python -m jobs.clue --model {command}").first.wait_for()
    if start:
        shown.settle()
        shown.page.get_by_role("button", name="Start").click()
        link = shown.page.get_by_role("link", name="afqmc · ngram · 60 rows · s42")
        link.first.wait_for()
        link.first.click()
        shown.page.wait_for_function("document.title.startsWith('afqmc · ngram')")
        shown.page.get_by_text("finished").first.wait_for()
    assert shown.problems == []


@pytest.mark.slow
def test_from_a_click_to_finished_runs_on_compare(tmp_path, serve, window):
    db = tmp_path / "results.duckdb"
    with serve(db, CLUEBOARD_JOBS="1") as base:
        shown = window()
        shown.open(f"{base}/new_run")
        shown.page.get_by_role("button", name="Start").wait_for()
        for settings in ({"Model": "ngram", "Limit": "60"}, {"Model": "tiny", "Epochs": "1"}):
            for label, value in settings.items():
                shown.page.get_by_label(label, exact=True).fill(value)
                shown.page.keyboard.press("Enter")
                shown.settle()
            shown.page.get_by_role("button", name="Start").click()
            name = f"afqmc · {settings['Model']} · "
            shown.page.get_by_role("link", name=name).first.wait_for()
        until = time.monotonic() + 180
        while (found := queries.runs("clue", db=db)).is_empty() or found.filter(status="finished").height < 2:
            assert time.monotonic() < until, found
            time.sleep(0.5)
            queries.refresh(db)
        shown.open(f"{base}/compare?runs={','.join(found['run_id'])}")
        verdict = shown.page.locator(".st-key-compare_verdict")
        verdict.wait_for()
        assert "on 60 examples" in verdict.inner_text()
        assert shown.problems == []


@pytest.fixture(scope="module")
def many_rows(tmp_path_factory):
    """A store with one run of 10,000 answers in 119 classes, 2,000 of them uncertain; and the run's id."""
    rng, labels = np.random.default_rng(0), [str(n) for n in range(119)]
    probs = np.vstack([rng.dirichlet(np.full(119, 0.005), 8_000), rng.dirichlet(np.full(119, 5.0), 2_000)])
    ids, gold = [str(n) for n in range(len(probs))], rng.integers(0, 119, len(probs))
    rows = {"example_id": ids, "hash": [example_hash({"sentence": name}) for name in ids], "label": gold.astype(str)}
    rows |= {"prediction": probs.argmax(axis=1).astype(str), "confidence": probs.max(axis=1)}
    db = tmp_path_factory.mktemp("many") / "results.duckdb"
    about = {"config_hash": "m", "task": "iflytek", "dataset": "iflytek", "model": "tiny", "data_source": "files"}
    with runs.start("clue", config={}, command="python -m jobs.clue", db=db, follow=False, **about) as run:
        run.predictions("dev", pl.DataFrame(rows), probabilities=probs.astype(np.float32), labels=labels)
        for label in labels:
            run.measure("task_facts", {"split": "train", "label": label}, source="exact", count=100)
    ingest(db, force=True)
    return db, run.run_id


@pytest.mark.slow
def test_three_iterations_on_ten_thousand_rows_say_that_they_are_computing(many_rows, serve, window):
    db, run_id = many_rows
    with serve(db) as base:
        shown = window()
        shown.page.goto(f"{base}/can?can_run={run_id}&can_iterations=3")
        shown.page.get_by_text(re.compile(r"Correcting [\d,]+ uncertain rows")).wait_for()
        shown.page.get_by_text("Rows corrected").wait_for()
        assert shown.problems == []
