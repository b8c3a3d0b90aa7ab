"""What only a browser shows: a curve that moves, links that restore a page, the console, narrow and dark windows."""

import re
import threading
import time
from pathlib import Path

import pytest

from store import queries, runs

pytestmark = pytest.mark.browser
HOME = Path(__file__).parents[2] / "dashboard" / "Home.py"
PAGES = re.findall(r'"app_pages/(\w+)\.py"', HOME.read_text(encoding="utf-8"))
POINTS = """() => [...document.querySelectorAll('.js-plotly-plot')]
    .map(plot => Math.max(0, ...plot.calcdata.map(trace => trace.length)))"""


def path_of(page):
    return "" if page == "overview" else page


@pytest.mark.parametrize("page", PAGES)
def test_no_page_complains_in_the_console_or_scrolls_sideways(page, served, narrow):
    narrow.problems.clear()
    narrow.open(f"{served}/{path_of(page)}")
    assert narrow.page.locator('[data-testid="stException"]').count() == 0
    assert narrow.sideways() <= 2
    assert narrow.problems == []


def test_dark_and_light_follow_the_reader(served, window):
    colors = {}
    for dark in (False, True):
        shown = window(dark=dark)
        shown.open(f"{served}/sql")
        app = shown.page.locator('[data-testid="stApp"]')
        colors[dark] = app.evaluate("element => getComputedStyle(element).backgroundColor")
    assert colors == {False: "rgb(255, 255, 255)", True: "rgb(18, 22, 29)"}


def test_a_link_restores_filters_order_and_selection(served, filled_store, window):
    run_id = queries.runs(task="tnews", status="finished", db=filled_store)["run_id"][0]
    first = window()
    first.open(f"{served}/runs")
    first.page.get_by_label("Search", exact=True).fill("ngram")
    first.page.keyboard.press("Enter")
    first.settle()
    first.page.get_by_text("Ascending").click()
    first.settle()
    box = first.page.locator('[data-testid="stDataFrame"] canvas').first.bounding_box()
    first.page.mouse.click(box["x"] + 16, box["y"] + 36 + 18)  # the check box of the first row
    first.settle()
    link = first.page.url
    assert "runs_text=ngram" in link
    assert f"selected={run_id}" in link
    second = window()
    second.open(link)
    assert second.page.get_by_label("Search", exact=True).input_value() == "ngram"
    assert second.page.get_by_text("1 selected").is_visible()


def test_a_click_on_a_row_opens_the_run(served, filled_store, window):
    newest = queries.runs(db=filled_store)["run_id"][0]
    shown = window()
    shown.open(served)
    box = shown.page.locator('[data-testid="stDataFrame"] canvas').first.bounding_box()
    shown.page.mouse.click(box["x"] + 260, box["y"] + 36 + 18)
    shown.page.wait_for_url("**/run?run=*")
    shown.settle()
    assert f"run={newest}" in shown.page.url
    assert shown.page.get_by_role("heading", name="Run", exact=True).is_visible()


def test_the_curve_of_a_running_job_moves_without_a_click(tmp_path, serve, window):
    db = tmp_path / "results.duckdb"
    run = runs.start(
        "clue", config={}, command="python -m jobs.clue", config_hash="live", db=db, task="afqmc", model="tiny"
    )
    stop = threading.Event()

    def work():
        step = 0
        while not stop.wait(0.1):
            step += 1
            run.log({"train/loss": 1 / step}, step=step)
            run.progress(min(step / 1000, 0.99), eta_s=5.0)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        with serve(db) as base:
            shown = window()
            shown.page.goto(f"{base}/run?run={run.run_id}")
            shown.page.wait_for_selector(".js-plotly-plot", timeout=40_000)
            before = shown.page.evaluate(POINTS)[0]
            shown.page.wait_for_function(f"({POINTS})()[0] >= {before + 20}", timeout=20_000)
            assert shown.page.get_by_text("left ·").first.is_visible()
            stop.set()
            worker.join()
            run.finish()
            shown.page.get_by_text("finished").first.wait_for(timeout=20_000)
            assert shown.problems == []
    finally:
        stop.set()
        worker.join()
        run.finish()


def test_the_sql_page_answers_and_plots(served, window):
    shown = window()
    shown.open(f"{served}/sql?sql=SELECT+step,+value+FROM+metrics+WHERE+name+=+'train/loss'&sql_tab=Plot")
    shown.page.wait_for_selector(".js-plotly-plot", timeout=20_000)
    assert shown.page.evaluate(POINTS)[0] > 10
    assert shown.problems == []


def test_every_control_of_the_runs_page_can_be_reached_by_the_keyboard(served, window):
    shown = window()
    shown.open(f"{served}/runs")
    reached = set()
    until = time.monotonic() + 20
    while time.monotonic() < until and not {"Search", "Ascending"} <= reached:
        shown.page.keyboard.press("Tab")
        label = shown.page.evaluate(
            "document.activeElement.getAttribute('aria-label') || document.activeElement.innerText"
        )
        reached.add((label or "").strip())
    assert {"Search", "Ascending"} <= reached
