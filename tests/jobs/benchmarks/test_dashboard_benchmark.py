"""The benchmark of the dashboard: the store that it fills, the pages that it asks for, the slider that it moves."""

from streamlit.proto.Slider_pb2 import Slider

from dashboard import rooms
from jobs.benchmarks import dashboard, large_store, session
from store import queries


def test_the_large_store_holds_what_the_cases_ask_for(tmp_path):
    db = tmp_path / "large.duckdb"
    large_store.fill(db, n_runs=30, steps=2, predicted=15, rows=20)
    assert queries.sql("SELECT count(*) AS n FROM metrics", db=db)["n"].to_list() == [
        30 * large_store.LONG * len(large_store.METRICS)  # the newest runs have curves of that length
    ]
    cases = dashboard.cases(db)
    places = {
        f"{case.page}?chapter={case.query['chapter']}" if "chapter" in case.query else case.page for case in cases
    }
    assert places <= set(rooms.addresses())
    two = next(case for case in cases if case.name.startswith("compare, 2 runs")).query["runs"].split(",")
    assert len(two) == 2
    assert all(queries.predictions(run_id, db=db).height == 20 for run_id in two)


def test_a_slider_with_one_handle_is_moved_by_a_step():
    assert session.stepped(Slider(default=[4], step=2, max=10)) == 6
    assert session.stepped(Slider(default=[1.0], step=0.1, max=1.0, data_type=Slider.FLOAT)) == 0.9
    assert session.stepped(Slider(default=[0, 1], step=1, max=5)) is None  # a range
    assert session.stepped(Slider(default=[0], step=1, max=5, options=["a", "b"])) is None
    assert session.stepped(Slider(default=[0], step=1, max=5, data_type=Slider.DATE)) is None
