"""Pages of a running job: which charts are drawn, and what the browser is sent of them."""

import json

import pytest

from dashboard.parts import live_chart
from store import queries, runs
from store.ingest import ingest


@pytest.fixture
def db(tmp_path):
    return tmp_path / "results.duckdb"


@pytest.fixture
def run(db):
    """A run that goes on and has logged a curve."""
    run = runs.start("clue", config={}, command="python -m jobs.clue", config_hash="x", db=db, task="afqmc")
    log(run, "train/loss", 3)
    queries.refresh(db)
    yield run
    if run.status == "running":
        run.finish()


def log(run, name, points):
    for step in range(1, points + 1):
        run.log({name: 1 / step}, step=step)


def moving(app):
    """The charts that move: key -> what the browser is sent."""
    sent = [json.loads(item.proto.bytes) for item in app.get("bidi_component") if item.proto.bytes]
    return {message["key"]: message for message in sent}


def test_a_curve_that_begins_later_is_drawn_unless_the_reader_has_chosen(db, run, open_page):
    app = open_page("run", db, run=run.run_id)
    assert list(moving(app)) == ["run_curve_loss_live"]
    log(run, "dev/准确率 <b>", 2)
    app.run()
    assert list(moving(app)) == ["run_curve_loss_live", "run_curve_准确率 <b>_live"]
    app.multiselect(key="run_curves").set_value(["loss"]).run()
    log(run, "dev/f1", 2)
    app.run()
    assert list(moving(app)) == ["run_curve_loss_live"]


def test_a_moving_chart_is_the_figure_without_streamlits_colours(db, run, open_page):
    (chart,) = moving(open_page("run", db, run=run.run_id)).values()
    assert chart["alt"] == f"loss of run {run.run_id} over step"
    assert chart["boxes"] is True
    assert [trace["name"] for trace in chart["data"]] == ["train loss"]
    assert chart["layout"]["xaxis"]["title"]["text"] == "optimizer step"
    assert "template" not in chart["layout"]


def test_a_range_is_part_of_what_a_chart_is_called(db, run, open_page):
    app = open_page("run", db, run=run.run_id)
    app.number_input(key="run_low").set_value(2).run()
    assert [chart["alt"] for chart in moving(app).values()] == [f"loss of run {run.run_id} over step from 2"]


def test_a_message_is_never_the_one_before(db, run, open_page):
    app = open_page("run", db, run=run.run_id)
    (first,) = moving(app).values()
    app.run()
    (second,) = moving(app).values()
    assert second != first


def test_the_charts_stay_when_the_job_ends_and_an_ended_run_has_streamlits(db, run, open_page):
    app = open_page("run", db, run=run.run_id)
    run.finish()
    queries.refresh(db)
    app.run()
    assert list(moving(app)) == ["run_curve_loss_live"]
    assert not moving(open_page("run", db, run=run.run_id))


def test_a_browser_that_cannot_load_plotly_gets_streamlits_charts(db, run, open_page):
    app = open_page("run", db, run=run.run_id)
    app.session_state[live_chart.UNABLE] = True
    app.run()
    assert not moving(app)
    assert len(app.get("plotly_chart")) == 1


def progress_of(app):
    """The text over the progress bar of a run's page."""
    return app.get("progress")[0].proto.text


def test_a_job_that_does_not_say_how_far_it_is_has_no_percentage(db, run, open_page, listed):
    page, home = (open_page(*where, run=run.run_id) for where in (("run", db), ("home", db)))
    assert progress_of(page).startswith("The job has not said how far it is · last sign of life")
    assert listed(home, "home_running")["rows"][0]["cells"][3:5] == [None, "–"]
    run.progress(0.25, eta_s=90.0)
    ingest(db, force=True)
    assert progress_of(page.run()).startswith("25% · 1 min 30 s left · last sign of life")
    assert listed(home.run(), "home_running")["rows"][0]["cells"][3:5] == [0.25, "1 min 30 s"]
