"""The Runs page: search, order, columns, groups, charts, and what is done with chosen runs."""

import json

import polars as pl
import pytest

from dashboard.parts.runs import run_actions
from store import queries, runs
from store.editing import delete_run
from store.ingest import ingest


def runs_of(db, **equal):
    frame = queries.runs(archived=True, with_summary="dev/accuracy", db=db)
    for column, value in equal.items():
        frame = frame.filter(**{column: value})
    return frame


def titles(data):
    return [column["title"] for column in data["columns"]]


def column(data, title):
    return [row["cells"][titles(data).index(title)] for row in data["rows"]]


def names(data):
    return [row["name"] for row in data["rows"]]


def test_a_search_of_words_and_conditions_finds_runs(filled_store, open_page, listed):
    app = open_page("runs", filled_store)
    app.text_input(key="runs_text").set_value("TNEWS ngram").run()
    assert names(listed(app, "runs_list")) == ["tnews · ngram · s1"]
    app.text_input(key="runs_text").set_value("lr=1e-3 accuracy>0.5 task:afqmc seed>1").run()
    assert sorted(names(listed(app, "runs_list"))) == ["afqmc · tiny · blog · s3", "afqmc · tiny · s2"]
    app.text_input(key="runs_text").set_value("lrr=1").run()
    assert "Did you mean `lr=1`?" in app.warning[0].value
    app.text_input(key="runs_text").set_value("no-such-word").run()
    assert app.info[0].value == "None of the 8 runs matches this search. `no-such-word` finds none."


def test_scores_of_ones_own_scripts_count_without_a_split(tmp_path, open_page, listed):
    db, kept = tmp_path / "x.duckdb", {"config": {}, "command": "python mine.py", "follow": False}
    for number, summary in enumerate(
        ({"accuracy": 0.5, "lr": 1e-4, "train/loss": 0.3}, {"dev/accuracy": 0.6, "accuracy": 0.9}, {"accuracy": 0.7})
    ):
        with runs.start("mine", db=db, config_hash=str(number), name=f"run {number}", **kept) as run:
            run.summary(summary)
    ingest(db, force=True)
    shown = listed(open_page("runs", db), "runs_list")
    assert column(shown, "Score") == ["70.00 %", "60.00 %", "50.00 %"]
    found = listed(open_page("runs", db, runs_text="accuracy>0.55"), "runs_list")
    assert names(found) == ["run 2", "run 1"]
    none = open_page("runs", db, runs_text="accuracy>0.8")
    assert none.info[0].value.startswith("None of the 3 runs"), "where there is a dev/accuracy, that is meant"
    sorted_by = listed(open_page("runs", db, runs_columns="accuracy", runs_sort="accuracy"), "runs_list")
    assert column(sorted_by, "Accuracy") == ["90.00 %", "70.00 %", "50.00 %"]
    groups = listed(open_page("runs", db, runs_group="config", runs_view="Table"), "runs_groups")
    assert {"Dev accuracy", "Accuracy"} <= set(titles(groups))
    page = open_page("run", db, run=queries.runs(db=db)["run_id"][-1])
    assert any("**accuracy 50.00 %** · train loss 0.3 · started" in text.value for text in page.markdown)
    assert "accuracy" in open_page("explore", db).selectbox(key="explore_y").options


def test_filters_of_earlier_links_become_conditions(filled_store, open_page, listed):
    app = open_page("runs", filled_store, runs_text="ngram", runs_task="tnews", runs_status="finished")
    assert app.text_input(key="runs_text").value == "ngram task=tnews status=finished"
    assert names(listed(app, "runs_list")) == ["tnews · ngram · s1"]


def test_a_suggested_condition_is_added(filled_store, open_page, listed):
    app = open_page("runs", filled_store, runs_text="tiny")
    app.session_state["runs_text_suggestions"] = True  # the menu is opened
    app.run().button(key="runs_text_status:failed").click().run()
    assert app.text_input(key="runs_text").value == "tiny status:failed"
    assert len(listed(app, "runs_list")["rows"]) == 1


def test_the_table_sorts_and_shows_chosen_columns_and_parameters(filled_store, open_page, listed):
    app = open_page("runs", filled_store, runs_view="Table", runs_sort="dev accuracy")
    app.multiselect(key="runs_columns").set_value(["task", "dev/accuracy", "learning_rate"]).run()
    data = listed(app, "runs_list")
    assert titles(data) == ["Task", "Dev accuracy", "Learning rate"]
    shown = [text for text in column(data, "Dev accuracy") if text != "–"]
    assert shown == sorted(shown, reverse=True)
    assert len(shown) < len(data["rows"])  # runs without the metric come last, they are not lost
    assert set(column(data, "Learning rate")) == {"0.001", "–"}


def test_a_list_opens_on_what_differs(filled_store, open_page, listed):
    data = listed(open_page("runs", filled_store, runs_view="Table"), "runs_list")
    assert titles(data)[:2] == ["Status", "Score"]
    assert "Tags" in titles(data)
    untagged = listed(open_page("runs", filled_store, runs_view="Table", runs_text="-tag:baseline"), "runs_list")
    assert untagged["rows"]
    assert "Tags" not in titles(untagged)
    assert {"finished", "failed", "interrupted"} <= set(column(data, "Status"))
    colors = {row["name"]: row["color"] for row in data["rows"]}
    assert colors["afqmc · tiny · s2"] == colors["afqmc · tiny · s1 · " + data["rows"][-1]["id"][-4:]]  # seeds


def test_groups_have_a_mean_and_an_interval(filled_store, open_page, listed):
    data = listed(open_page("runs", filled_store, runs_view="Table", runs_group="config"), "runs_groups")
    row = next(row for row in data["rows"] if row["name"].endswith("seeds 1 2"))
    runs, accuracy = row["cells"][:2]
    values = runs_of(filled_store, task="afqmc", recipe="modern").filter(data_source="files")["dev/accuracy"]
    assert runs == "2"
    assert accuracy == f"{100 * values.mean():.2f} %"  # two seeds say nothing of the spread
    by_tag = listed(open_page("runs", filled_store, runs_view="Table", runs_group="tag"), "runs_groups")
    assert "baseline" in names(by_tag)


def test_charts_show_every_metric_with_seeds_as_bands(filled_store, open_page):
    app = open_page("runs", filled_store, runs_text="task:afqmc recipe:modern -data:sample")
    specs = {spec["layout"]["title"]["text"]: spec for spec in
             (json.loads(chart.proto.spec) for chart in app.get("plotly_chart"))}  # fmt: skip
    assert {"dev accuracy", "dev loss", "train loss"} <= set(specs)
    band, line = specs["train loss"]["data"]
    assert band["fill"] == "toself"
    assert line["name"] == "afqmc · tiny · seeds 1 2"
    assert specs["train loss"]["layout"]["xaxis"]["title"]["text"] == "optimizer step"


def test_hidden_runs_are_listed_and_not_drawn(filled_store, open_page, listed):
    run_id = runs_of(filled_store, model="ngram")["run_id"][0]
    app = open_page("runs", filled_store, runs_text="tnews ngram", hidden=run_id)
    assert listed(app, "runs_list")["rows"][0]["hidden"]
    assert "hidden from the charts" in app.info[0].value
    pinned = listed(open_page("runs", filled_store, pinned=run_id), "runs_list")["rows"][0]
    assert (pinned["id"], pinned["pinned"]) == (run_id, True)


def test_chosen_runs_are_tagged_annotated_and_archived(own_store, open_page, listed):
    chosen = runs_of(own_store, status="finished", task="afqmc")["run_id"].to_list()[:2]
    app = open_page("runs", own_store, selected=",".join(chosen))
    assert any("2 selected" in text.value for text in app.markdown)
    app.selectbox(key="runs_new_tag").set_value("baseline").run()
    app.button(key="runs_add_tag").click().run()
    app.text_area(key="runs_new_note").set_value("再看一次").run()
    app.button(key="runs_save_note").click().run()
    app.button(key="runs_archive").click().run()
    assert not app.exception
    edited = runs_of(own_store).filter(pl.col("run_id").is_in(chosen))
    assert all("baseline" in tags for tags in edited["tags"])
    assert set(edited["note"]) == {"再看一次"}
    assert edited["archived"].all()
    assert not set(chosen) & {row["id"] for row in listed(app, "runs_list")["rows"]}
    app.text_input(key="runs_text").set_value("再看一次").run()
    assert app.info[0].value == "Only archived runs match: 2 runs. `is:archived` in the search shows them."


def test_a_run_is_renamed_deleted_and_brought_back(own_store, open_page, listed):
    run_id = runs_of(own_store, model="ngram")["run_id"][0]
    app = open_page("runs", own_store, selected=run_id)
    app.text_input(key=f"runs_name_{run_id}").set_value("我的基线").run()
    app.button(key="runs_rename").click().run()
    assert "我的基线" in names(listed(app, "runs_list"))
    app.button(key="runs_delete").click().run()
    assert "我的基线" not in names(listed(app, "runs_list"))
    app.button(key="runs_undo").click().run()
    assert not app.exception
    assert "我的基线" in names(listed(app, "runs_list"))


def test_a_store_that_cannot_be_written_says_so_and_nothing_is_called_done(own_store, open_page, listed, full_disk):
    run_id = runs_of(own_store, model="ngram")["run_id"][0]
    app = open_page("runs", own_store, selected=run_id)
    with full_disk():
        app.button(key="runs_delete").click().run()
        assert ["No space left on device" in error.value for error in app.error] == [True]
        assert not app.exception
    app.run()
    assert run_id in {row["id"] for row in listed(app, "runs_list")["rows"]}
    assert "runs_undo" not in {button.key for button in app.button}
    app.button(key="runs_delete").click().run()
    with full_disk():
        app.button(key="runs_undo").click().run()
        assert len(app.error) == 1
    app.button(key="runs_undo").click().run()
    assert run_id in {row["id"] for row in listed(app, "runs_list")["rows"]}


def test_what_another_window_deleted_leaves_the_list_and_the_choice(own_store, open_page, listed):
    kept, gone = runs_of(own_store, status="finished")["run_id"][:2]
    app = open_page("runs", own_store, selected=f"{kept},{gone}")
    delete_run(gone, own_store)
    ingest(own_store, force=True)
    app.button(key="runs_archive").click().run()
    assert not app.exception
    assert not app.error
    assert {kept, gone}.isdisjoint(row["id"] for row in listed(app, "runs_list")["rows"])
    delete_run(kept, own_store)
    ingest(own_store, force=True)
    app.button(key="runs_archive").click().run()
    assert not app.exception
    assert "runs_archive" not in {button.key for button in app.button}


def test_runs_are_deleted_only_where_the_server_listens_on_this_machine(own_store, open_page, monkeypatch):
    for address, allowed in (("localhost", True), ("127.0.0.1", True), ("0.0.0.0", False), (None, False)):
        monkeypatch.setattr("streamlit.get_option", lambda name, address=address: address)
        assert run_actions.may_delete() is allowed
    app = open_page("runs", own_store, selected=runs_of(own_store)["run_id"][0])
    assert "runs_archive" in {button.key for button in app.button}
    assert "runs_delete" not in {button.key for button in app.button}


def test_a_view_is_saved_by_name(own_store, open_page):
    app = open_page("runs", own_store, runs_text="task:tnews")
    app.text_input(key="runs_view_name").set_value("only tnews").run()
    app.button(key="runs_view_save").click().run()
    assert not app.exception
    assert app.selectbox(key="runs_view_forget").options == ["only tnews"]


@pytest.mark.parametrize("group", ["learning rate", "Seed"])
def test_any_parameter_makes_groups(group, filled_store, open_page, listed):
    data = listed(open_page("runs", filled_store, runs_group=group, runs_view="Table"), "runs_groups")
    assert {"0.001" if group == "learning rate" else "1", "–"} <= set(names(data))
