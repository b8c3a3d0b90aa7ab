"""What only a browser shows of stored runs: links that restore a page, the console, narrow and dark windows."""

import re
import time

import pytest

from dashboard import rooms
from store import queries
from tests.dashboard.conftest import POINTS

pytestmark = pytest.mark.browser


def _some(names, quick):
    """Parameters of which only the quick ones belong to the default run."""
    assert quick <= set(names), quick - set(names)
    return [name if name in quick else pytest.param(name, marks=pytest.mark.slow) for name in names]


COLORED = """color => [...document.querySelectorAll('[data-testid="stApp"]')]
    .some(app => getComputedStyle(app).backgroundColor === color)"""
RESULTS = [room.script for room in rooms.ROOMS if room.script not in ("home", "new_run")]
NARROW = set(rooms.addresses()[::32])
"""Pages that the default run opens at 390 pixels: each costs a browser three seconds of a processor."""


@pytest.mark.parametrize("page", _some(rooms.addresses(), NARROW))
def test_no_page_complains_in_the_console_or_scrolls_sideways(page, served, narrow):
    narrow.problems.clear()
    narrow.open(f"{served}/{page}")
    narrow.page.wait_for_function(COLORED, arg="rgb(18, 22, 29)")  # dark, as this window is
    assert narrow.page.locator('[data-testid="stException"]').count() == 0
    assert narrow.sideways() <= 2
    assert narrow.problems == []


@pytest.mark.slow
def test_every_page_of_results_opens_on_a_store_that_does_not_exist(tmp_path, serve, window):
    with serve(tmp_path / "none" / "results.duckdb") as base:
        shown = window(width=390)
        for page in RESULTS:
            shown.open(f"{base}/{page}")
            shown.page.get_by_text("This command fills it").first.wait_for()
            assert shown.sideways() <= 2, page
        assert shown.problems == []


def test_a_link_restores_search_order_and_choice(served, filled_store, wide, narrow):
    run_id = queries.runs(task="tnews", status="finished", db=filled_store)["run_id"][0]
    first = wide
    first.open(f"{served}/runs?runs_view=Table")
    first.page.get_by_label("Search", exact=True).fill("ngram accuracy>0.5")
    first.page.keyboard.press("Enter")
    first.page.get_by_text("1 of 8 runs").wait_for()
    first.page.get_by_role("button", name="Score").click()
    first.page.locator('th[aria-sort="descending"]', has_text="Score").wait_for()
    first.page.get_by_label("Choose tnews · ngram · s1").check()
    first.page.get_by_text("1 selected").wait_for()
    link = first.page.url
    assert f"selected={run_id}" in link
    second = narrow
    second.problems.clear()
    second.open(link)
    assert second.page.get_by_label("Search", exact=True).input_value() == "ngram accuracy>0.5"
    second.page.get_by_text("1 selected").wait_for()
    assert second.page.get_by_label("Choose tnews · ngram · s1").is_checked()
    assert first.problems == second.problems == []


def test_a_name_opens_the_run_with_a_click_and_with_enter(served, filled_store, wide):
    """A run's first curve stands where no scrolling is needed, and Back leads to the list again."""
    run = queries.runs(task="tnews", status="finished", db=filled_store).row(0, named=True)
    wide.open(served)
    for press in (lambda link: link.click(), lambda link: link.press("Enter")):
        press(wide.page.get_by_role("link", name="tnews · ngram · s1"))
        wide.page.wait_for_url(f"**/run?run={run['run_id']}")
        wide.page.get_by_role("heading", name="Run", exact=True).wait_for()
        wide.page.wait_for_function("document.title === 'tnews · ngram · s1 — clueboard'")
        wide.settle()
        wide.page.wait_for_selector(".js-plotly-plot")
        assert wide.page.evaluate(TOP, ".js-plotly-plot") < 300
        wide.page.go_back()
        wide.page.wait_for_url(re.compile(f"{served}/?$"))
        wide.page.get_by_role("heading", name="Run", exact=True).wait_for(state="detached")
        wide.settle()
    assert wide.problems == []


COLOURS = """() => {
    const {paper_bgcolor: ground, font, width, height} = document.querySelector('.js-plotly-plot')._fullLayout;
    return {ground, font, width, height};
}"""
"""Background, font and size of the first plot."""
RANGE = """() => {
    const ends = ['From', 'To'].map(end => document.querySelector(`input[aria-label="${end}"]`)?.value);
    return ends.every(Boolean) && ends.map(Number);
}"""
"""Both ends of the range of curves once their inputs show them, else false."""


def compare_link(db):
    frame = queries.runs(experiment="clue", task="afqmc", status="finished", db=db).filter(data_source="files")
    return "/compare?runs=" + ",".join(frame["run_id"])


@pytest.mark.slow
def test_a_link_restores_the_comparison_and_its_zoom(served, filled_store, window):
    first = window()
    first.open(served + compare_link(filled_store))
    first.page.get_by_label("Judged by").click()
    first.page.get_by_role("option", name="macro F1").click()
    first.settle()
    plot = first.page.locator(".js-plotly-plot").nth(1)
    plot.scroll_into_view_if_needed()
    box = plot.locator(".nsewdrag").first.bounding_box()
    first.page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.5 * box["height"])
    first.page.mouse.down()
    first.page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.6 * box["height"], steps=5)
    first.page.mouse.up()
    first.page.get_by_text("Whole range").wait_for()
    first.settle()
    second = window()
    second.open(first.page.url)
    second.page.get_by_text("points of macro F1").first.wait_for()
    second.page.get_by_role("button", name="Curves, smoothing, range").click()
    second.page.wait_for_function(RANGE)  # a number input stands empty before it shows its number
    low, high = second.page.evaluate(RANGE)
    assert 10 < low < 25 < 35 < high < 50
    assert second.problems == []


@pytest.mark.slow
def test_points_of_the_scatter_select_their_runs(served, filled_store, wide):
    shown = wide
    shown.open(f"{served}/explore?explore_experiment=clue")
    box = shown.page.locator(".js-plotly-plot .nsewdrag").first.bounding_box()
    shown.page.mouse.move(box["x"] + 2, box["y"] + 2)
    shown.page.mouse.down()
    shown.page.mouse.move(box["x"] + box["width"] - 2, box["y"] + box["height"] - 2, steps=5)
    shown.page.mouse.up()
    shown.page.get_by_text("5 selected").wait_for()
    shown.page.get_by_role("link", name="List").click()
    shown.settle()
    shown.page.get_by_text("5 selected").wait_for()
    assert "selected=" in shown.page.url
    assert shown.problems == []


@pytest.mark.slow
@pytest.mark.parametrize("page", ["run", "compare"])
def test_a_saved_report_opens_without_a_network(page, served, filled_store, window, tmp_path):
    shown = window()
    run_id = queries.runs(task="afqmc", status="finished", db=filled_store)["run_id"][-1]
    shown.open(served + (compare_link(filled_store) if page == "compare" else f"/run?run={run_id}"))
    with shown.page.expect_download() as saved:
        shown.page.get_by_role("button", name="Save as report").click()
    report = tmp_path / "report.html"
    saved.value.save_as(report)
    reader = window()
    reader.page.context.set_offline(True)
    reader.page.goto(report.as_uri())
    reader.page.wait_for_selector(".js-plotly-plot .main-svg")
    text = reader.page.inner_text("body")
    assert ("Evidence" if page == "compare" else "花呗") in text
    assert "Curves" in text
    assert "python -m jobs.clue" in text
    assert shown.problems == reader.problems == []


@pytest.mark.slow
def test_a_figure_is_saved_as_html_and_csv(served, filled_store, wide, tmp_path):
    shown = wide
    shown.open(served + compare_link(filled_store))
    shown.page.get_by_role("button", name="Data", exact=True).first.click()
    for name, part in (("CSV", "difference,"), ("Interactive HTML", "Plotly.newPlot")):
        with shown.page.expect_download() as saved:
            menu = shown.page.get_by_test_id("stPopoverBody")  # the page has a button for a CSV of its own
            menu.get_by_role("button", name=name, exact=True).click()
        file = tmp_path / name
        saved.value.save_as(file)
        assert part in file.read_text(encoding="utf-8-sig")


def test_the_sql_page_answers_and_plots_and_one_click_saves_the_plot_as_on_paper(served, narrow, tmp_path):
    shown = narrow
    shown.problems.clear()
    shown.open(f"{served}/sql?sql=SELECT+step,+value+FROM+metrics+WHERE+name+=+'train/loss'&sql_tab=Plot")
    shown.page.wait_for_function(f"({POINTS})()[0] > 10")
    seen = shown.page.evaluate(COLOURS)
    assert seen["ground"] == "#12161d"
    for form in ("SVG", "PNG"):
        with shown.page.expect_download() as saved:
            shown.page.get_by_role("button", name=form, exact=True).click()
        assert saved.value.suggested_filename == f"sql_plot.{form.lower()}"
        saved.value.save_as(tmp_path / f"figure.{form}")
    drawn = (tmp_path / "figure.SVG").read_text(encoding="utf-8")
    assert 'width="624"' in drawn
    assert "fill: rgb(255, 255, 255)" in drawn
    assert re.search(r"fill: rgb\(22, 32, 46\)[^>]*>value<", drawn)
    header = (tmp_path / "figure.PNG").read_bytes()[:24]
    assert int.from_bytes(header[16:20]) == 4 * 624
    assert shown.page.evaluate(COLOURS) == seen, "saving leaves the page's plot as it was"
    assert shown.problems == []


def test_the_runs_page_can_be_worked_by_the_keyboard(served, wide):
    shown = wide
    shown.open(f"{served}/runs?runs_view=Table")
    reached = set()
    until = time.monotonic() + 20
    wanted = {"Search", "Choose all", "Choose tnews · ngram · s1"}
    while time.monotonic() < until and not wanted <= reached:
        shown.page.keyboard.press("Tab")
        label = shown.page.evaluate(
            "document.activeElement.getAttribute('aria-label') || document.activeElement.innerText"
        )
        reached.add((label or "").strip())
    assert wanted <= reached


TOP = """kinds => Math.min(...[...document.querySelectorAll(kinds)]
    .map(part => part.getBoundingClientRect()).filter(box => box.height > 0).map(box => box.top))"""
FIRST = ".run-list, [data-testid=stDataFrame], .js-plotly-plot, textarea, .st-key-compare_verdict"
CONTROL = (
    "[data-testid=stMainBlockContainer] [data-testid=stButtonGroup], [data-testid=stSlider], [data-testid=stSelectbox]"
)
WITHOUT_A_TABLE = {"Examples", "New run"}


LABS = [lab.key for lab in rooms.LABS]


@pytest.mark.parametrize("labs", [LABS[-1:], pytest.param(LABS[:-1], marks=pytest.mark.slow)])
def test_a_walk_by_the_navigation_shows_something_above_300_in_every_room(labs, served, wide):
    """Every room and one lab; the slow half walks through the other labs."""
    wide.open(f"{served}/new_run")
    wide.page.wait_for_function(COLORED, arg="rgb(255, 255, 255)")  # light, as this window is
    visible = [room for room in rooms.ROOMS if not room.hidden] if labs == LABS[-1:] else []
    for room in (*visible, *map(rooms.lab_of, labs)):
        if isinstance(room, rooms.Lab):
            wide.page.get_by_test_id("stTopNavSection").click()
        before = wide.page.title()
        link = wide.page.get_by_test_id(re.compile("^stTopNav(Dropdown)?Link$"))
        link.filter(has_text=re.compile(f"{room.title}$")).click()
        wide.page.wait_for_function("before => document.title !== before", arg=before)
        wide.settle()
        assert wide.page.locator('[data-testid="stException"]').count() == 0
        assert wide.sideways() <= 2, room.title
        if room.title not in WITHOUT_A_TABLE:
            kinds = CONTROL if isinstance(room, rooms.Lab) else FIRST
            wide.page.wait_for_selector(kinds)
            assert wide.page.evaluate(TOP, kinds) < 300, room.title
    assert wide.problems == []


@pytest.mark.slow
@pytest.mark.parametrize("page", ["", "runs", "compare", "leaderboard", "explore", "sql"])
def test_the_first_table_or_chart_begins_above_300(page, served, wide):
    shown = wide
    shown.open(f"{served}/{page}")
    shown.page.wait_for_selector(FIRST)
    assert shown.page.evaluate(TOP, FIRST) < 300


@pytest.mark.slow
@pytest.mark.parametrize("lab", [lab.key for lab in rooms.LABS])
def test_the_reader_of_a_lab_has_something_to_move_above_300(lab, served, wide):
    shown = wide
    for chapter in rooms.lab_of(lab).chapters[:2]:
        shown.open(f"{served}/{lab}?chapter={chapter.key}")
        shown.page.wait_for_selector(CONTROL)
        assert shown.page.evaluate(TOP, CONTROL) < 300, chapter.key


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "place", "choice"),
    [
        ("can_steps?can_steps_alpha=2.0", "/can?", ["chapter=steps", "can_steps_alpha=2.0"]),
        ("smoothing?smoothing_kernel=student", "/smoothing?", ["smoothing_kernel=student"]),
        ("tasks?tasks_task=cmrc2018", "/leaderboard?", ["leaderboard_view=Tasks", "tasks_task=cmrc2018"]),
    ],
)
def test_an_earlier_link_lands_on_the_same_place_with_its_choices(old, place, choice, served, wide):
    shown = wide
    shown.open(f"{served}/{old}")
    assert place in shown.page.url
    assert [part for part in choice if part not in shown.page.url] == []
    assert shown.page.title().endswith("— clueboard")
    assert shown.problems == []


def test_an_earlier_link_opens_a_chapter_whose_number_is_dragged_and_pressed(served, wide):
    page = wide
    page.open(f"{served}/initialization_depth")
    page.page.wait_for_url("**/initialization?chapter=depth*", wait_until="commit")
    page.settle()
    number = page.page.locator(".dragged-number").first
    box = number.bounding_box()
    page.page.mouse.move(box["x"] + 4, box["y"] + 4)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + 4 + 7 * 5, box["y"] + 4, steps=5)
    assert number.inner_text() == "45", "the number moves at once"
    page.page.mouse.up()
    page.page.wait_for_url("**initialization_depth_layers=45*", wait_until="commit")
    page.settle()
    number.press("ArrowLeft")
    page.page.wait_for_url("**initialization_depth_layers=44*", wait_until="commit")
    assert number.inner_text() == "44"
    assert not page.problems
