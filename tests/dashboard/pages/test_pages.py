"""The pages for runs, leaderboard, tasks and SQL: empty store, filled store, and what a person does with them."""

import json

import polars as pl
import pytest

from dashboard import rooms
from store import queries, runs

PAGES = {
    "home": "python -m jobs.clue --task afqmc",
    "runs": "python -m jobs.clue --task afqmc",
    "run": "python -m jobs.clue --task afqmc",
    "leaderboard": "python -m jobs.clue --task all --model ngram",
    "tasks": "python -m jobs.clue --task afqmc --model ngram",
    "sql": "python -m jobs.clue --task afqmc",
}


def runs_of(db, **equal):
    frame = queries.runs(archived=True, with_summary="dev/accuracy", db=db)
    for column, value in equal.items():
        frame = frame.filter(**{column: value})
    return frame


def specs(app):
    return [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]


@pytest.mark.parametrize("page", PAGES)
def test_an_empty_store_names_the_command_that_fills_it(page, empty_store, open_page):
    app = open_page(page, empty_store)
    assert any(PAGES[page] in code.value for code in app.code)
    assert app.title


@pytest.mark.parametrize("page", PAGES)
def test_a_filled_store_shows_content(page, filled_store, open_page):
    app = open_page(page, filled_store)
    assert not app.error or page == "run"  # the newest run may be the failed one
    assert app.title[0].value.lower() == ("clueboard" if page == "home" else page)
    assert len(app.markdown[0].value) > 20  # the sentence that says what the page answers


@pytest.mark.parametrize("page", PAGES)
def test_a_database_of_another_kind_is_one_sentence(page, tmp_path, open_page):
    foreign = tmp_path / "notes.duckdb"
    foreign.write_text("not a database at all")
    app = open_page(page, foreign)
    assert "cannot be read" in app.error[0].value
    assert "not a DuckDB database" in app.error[0].value


def test_home_lists_the_newest_by_name_and_the_best_with_its_seeds(filled_store, open_page, listed):
    app = open_page("home", filled_store)
    newest = listed(app, "home_newest")
    assert len(newest["rows"]) == runs_of(filled_store).height
    assert "tnews · ngram · s1" in [row["name"] for row in newest["rows"]]
    assert "afqmc · tiny · s1 (sample data)" in [
        row["name"].replace(f" · {row['id'][-4:]}", "") for row in newest["rows"]
    ]
    best = listed(app, "home_best")["rows"]
    assert [row["name"].partition(" ")[0] for row in best] == ["tnews", "afqmc", "afqmc"]
    assert best[-1]["name"].endswith("(sample data)")
    assert [row["cells"][2] for row in best] == ["1", "1", "1"]


def test_home_shows_the_labs_and_three_steps_on_an_empty_store(empty_store, open_page):
    app = open_page("home", empty_store)
    assert len(app.code) == 3
    assert len(app.get("page_link")) == len(rooms.LABS)


def test_run_page_resolves_a_part_of_an_id(filled_store, open_page):
    run_id = runs_of(filled_store, model="ngram")["run_id"][0]
    app = open_page("run", filled_store, run=run_id[-8:])
    assert run_id in app.selectbox(key="run_pick").value


def test_run_page_warns_about_a_link_to_a_run_that_is_gone(filled_store, open_page):
    app = open_page("run", filled_store, run="nowhere")
    assert "nowhere" in app.warning[0].value


def test_run_page_draws_train_and_dev_together(filled_store, open_page):
    run_id = runs_of(filled_store, model="ngram")["run_id"][0]
    app = open_page("run", filled_store, run=run_id)
    loss = next(spec for spec in specs(app) if spec["layout"]["yaxis"]["title"]["text"] == "loss")
    names = {trace["name"] for trace in loss["data"]}
    assert {"train loss", "dev loss"} <= names
    assert loss["layout"]["xaxis"]["title"]["text"] == "optimizer step"
    app.toggle(key="run_log_y").set_value(True).run()
    assert any(spec["layout"]["yaxis"].get("type") == "log" for spec in specs(app))
    app.slider(key="run_smoothing").set_value(0.9).run()
    assert not app.exception


def test_run_page_shows_confusion_wrong_examples_and_shared_rows(filled_store, open_page):
    run_id = runs_of(filled_store, model="ngram")["run_id"][0]
    app = open_page("run", filled_store, run=run_id, run_tab="Predictions")
    assert any("5 of 80 dev rows" in item.value for item in app.markdown)
    heatmap = next(trace for spec in specs(app) for trace in spec["data"] if trace["type"] == "heatmap")
    assert sum(sum(row) for row in heatmap["text"]) == 80
    wrong = app.dataframe[0].value
    assert (wrong["label"] != wrong["prediction"]).all()
    assert wrong["confidence"].is_monotonic_decreasing
    assert "花呗" in "".join(wrong["text"])


def test_run_page_shows_the_command_and_the_parameters(filled_store, open_page):
    run = runs_of(filled_store, model="ngram").row(0, named=True)
    app = open_page("run", filled_store, run=run["run_id"], run_tab="Configuration")
    assert app.code[0].value == run["command"]
    shown = dict(app.dataframe[0].value[["Parameter", "Value"]].itertuples(index=False))
    assert shown["learning_rate"] == "0.001"
    assert shown["model"] == "ngram"  # without the quotes of the stored JSON


def test_a_run_page_says_its_scores_and_keeps_its_command_at_hand(filled_store, open_page):
    run = runs_of(filled_store, model="ngram").row(0, named=True)
    app = open_page("run", filled_store, run=run["run_id"])
    told = next(item.value for item in app.markdown if "dev accuracy" in item.value)
    assert "finished" in told
    assert "seed 1" in told
    assert any(code.value == run["command"] for code in app.code)
    assert [item.value for item in app.markdown if item.value.startswith("**dev loss")] == [
        "**dev loss: lowest 0.6 at step 60**"
    ]


def test_a_curve_of_one_point_is_a_number_and_infinities_are_said(tmp_path, open_page):
    db = tmp_path / "results.duckdb"
    with runs.start("clue", config={}, command="python -m x", config_hash="one", db=db, follow=False) as run:
        run.log({"dev/accuracy": 0.25, "train/loss": 2.0}, step=1)
        run.log({"train/loss": float("inf")}, step=2)
        run.log({"train/loss": 1.0}, step=3)
        run.summary({"dev/loss": float("inf")})
    queries.refresh(db)
    app = open_page("run", db)
    assert {metric.label: metric.value for metric in app.metric} == {"dev accuracy": "25.00 %"}
    assert any("1 value not finite" in item.value for item in app.markdown)
    assert any("dev loss infinite" in item.value for item in app.markdown)


@pytest.mark.parametrize(("stored", "told_as"), [("dev/accuracy", "dev accuracy"), ("accuracy", "accuracy")])
def test_the_heading_of_a_parent_says_the_mean_of_its_seeds(tmp_path, open_page, stored, told_as):
    db = tmp_path / "x.duckdb"
    known = {"config": {}, "command": "x", "db": db, "follow": False}
    with runs.start("own", config_hash="parent", **known) as parent:
        pass
    for score in (0.5, 0.75):
        with runs.start("own", config_hash="one", parent_run_id=parent.run_id, **known) as child:
            child.summary({stored: score})
    queries.refresh(db)
    for run, said in ((parent, True), (child, False)):
        told = [item.value for item in open_page("run", db, run=run.run_id).markdown]
        assert any(f"**mean {told_as} 62.50 %** of 2 runs" in text for text in told) == said


def test_a_run_with_many_metrics_says_how_many_are_drawn_and_draws_all(tmp_path, open_page):
    db = tmp_path / "x.duckdb"
    with runs.start("own", config={}, command="x", config_hash="one", db=db, follow=False) as run:
        for step in (1, 2):
            run.log({f"own/metric_{number}": step / 10 for number in range(8)}, step=step)
    queries.refresh(db)
    app = open_page("run", db)
    assert len(app.get("plotly_chart")) == 6
    button = app.button(key="run_all")
    assert button.label == "6 of 8 metrics: show all"
    app = button.click().run()
    assert len(app.get("plotly_chart")) == 8
    assert not [button for button in app.button if button.key == "run_all"]


def test_a_curve_without_a_finite_value_is_a_sentence_and_no_empty_chart(tmp_path, open_page):
    db = tmp_path / "results.duckdb"
    with runs.start("own", config={}, command="x", config_hash="one", db=db, follow=False) as run:
        for step in range(3):
            run.log({"loss": float("nan"), "grad": 1.0}, step=step)
    queries.refresh(db)
    app = open_page("run", db)
    assert any(item.value == "loss: none of its 3 values is finite." for item in app.caption)
    assert not app.metric
    assert [item.value for item in app.markdown if " at the end" in item.value or " throughout" in item.value] == [
        "**grad: 1 throughout**"
    ]


def test_a_run_that_erred_nowhere_opens_on_its_predictions_and_says_so_without_an_empty_table(tmp_path, open_page):
    db = tmp_path / "results.duckdb"
    ids = [str(n) for n in range(3)]
    with runs.start("own", config={}, command="x", config_hash="s", db=db, dataset="own", follow=False) as run:
        run.examples("own", "dev", pl.DataFrame({"example_id": ids, "hash": ids, "text": ["甲", "乙", "丙"]}))
        answers = {
            "example_id": ids,
            "hash": ids,
            "label": ["a", "b", "a"],
            "prediction": ["a", "b", "a"],
            "confidence": [0.9, 0.8, 0.7],
        }
        run.predictions("dev", pl.DataFrame(answers))
        run.log({"dev/accuracy": 1.0})
    queries.refresh(db)
    app = open_page("run", db)
    assert any(item.value == "None of the 3 predictions is wrong." for item in app.caption)
    assert not app.dataframe
    assert not [box.label for box in app.text_input if box.label == "Text contains"]


def test_a_wrong_list_of_entities_is_told_from_the_others_by_its_text(tmp_path, open_page):
    db = tmp_path / "results.duckdb"
    text = json.dumps({"text": "浙商银行的叶老桂"}, ensure_ascii=False)
    known = {"task": "cluener", "dataset": "cluener", "command": "x", "config_hash": "e", "follow": False}
    rows = {"example_id": ["0", "1"], "hash": ["h", "i"]}
    with runs.start("clue", config={}, db=db, **known) as run:
        run.examples("cluener", "dev", pl.DataFrame({**rows, "text": [text] * 2}))
        answer = {
            "label": ['{"company": {"浙商银行": [[0, 3]]}}'] * 2,
            "prediction": ["{}"] * 2,
            "confidence": [0.5] * 2,
        }
        run.predictions("dev", pl.DataFrame({**rows, **answer}))
    queries.refresh(db)
    lines = [box.label for box in open_page("run", db, run_tab="Predictions").expander]
    assert lines == ["0 entities instead of 1 entity · 浙商银行的叶老桂"] * 2  # the same confidence of all says nothing
    examples = open_page("examples", db, runs=run.run_id)
    assert not [box for box in examples.expander if "50 %" in box.label]
    assert not [box for box in examples.slider if box.label == "Confidence"]
    assert not [order for order in examples.selectbox(key="examples_order").options if "confident" in order]
    figures = open_page("examples", db, runs=run.run_id, examples_view="Figures")
    assert any("no calibration to draw" in item.value for item in figures.caption)


def test_the_answer_to_a_choice_is_told_by_its_option(tmp_path, open_page):
    db = tmp_path / "results.duckdb"
    text = json.dumps({"passage": ["男：走吧。"], "question": "谁？", "choice": ["男的", "女的"]}, ensure_ascii=False)
    known = {"task": "c3", "dataset": "c3", "command": "x", "config_hash": "e", "follow": False}
    rows = {"example_id": ["0", "1"], "hash": ["h", "i"]}
    with runs.start("clue", config={}, db=db, **known) as run:
        run.examples("c3", "dev", pl.DataFrame({**rows, "text": [text] * 2}))
        answer = {"label": ["0", "1"], "prediction": ["1", "1"], "confidence": [0.5, 0.0001]}
        run.predictions("dev", pl.DataFrame({**rows, **answer}))
    queries.refresh(db)
    app = open_page("run", db, run_tab="Predictions")
    assert [box.label for box in app.expander] == ["女的 (50 %) instead of 男的 · 男：走吧。 ｜ 谁？ ｜ 男的 / 女的"]
    assert any("Option 0 is taken for Option 1 most often: 1 row" in item.value for item in app.markdown)
    app = open_page("examples", db, runs=run.run_id, examples_show="all")
    assert all(
        sign in app.expander[1].label for sign in ("`女的` 0.01 %", "label `女的`", "男：走吧。 ｜ 谁？ ｜ 男的 / 女的")
    )


def test_answers_that_are_spans_are_shown_in_their_passage(tmp_path, open_page):
    db = tmp_path / "results.duckdb"
    texts = [{"context": "北京是中国的首都。上海是城市。", "question": f"第{n}个问题？"} for n in range(4)]
    hashes = [runs.example_hash(text) for text in texts]
    ids = [str(n) for n in range(4)]
    with runs.start(
        "clue", config={}, command="x", config_hash="s", db=db, task="cmrc2018", dataset="cmrc2018", follow=False
    ) as run:
        run.examples("cmrc2018", "dev", pl.DataFrame(
            {"example_id": ids, "hash": hashes, "text": [json.dumps(text, ensure_ascii=False) for text in texts]}
        ))  # fmt: skip
        run.predictions("dev", pl.DataFrame(
            {"example_id": ids, "hash": hashes, "label": ["北京"] * 4, "prediction": ["北京", "北", "上海", ""],
             "confidence": [0.9, 0.8, 0.7, 0.6]}
        ))  # fmt: skip
        run.summary({"dev/em": 0.25, "dev/chance": 0.0})
    queries.refresh(db)
    app = open_page("run", db, run_tab="Predictions")
    assert any("1 of 4 answers are the accepted one, 2 share no character" in item.value for item in app.markdown)
    assert [item.label for item in app.expander] == [
        "北 (80 %) instead of 北京", "上海 (70 %) instead of 北京", "nothing (60 %) instead of 北京"
    ]  # fmt: skip
    assert not any("confusions" in item.value or "chance" in item.value for item in app.markdown)


def test_run_page_names_the_error_of_a_failed_run(filled_store, open_page):
    run_id = runs_of(filled_store, status="failed")["run_id"][0]
    app = open_page("run", filled_store, run=run_id)
    assert "loss is not finite at step 17" in app.error[0].value


@pytest.mark.parametrize(("tab", "text"), [("Files", "afqmc_predict.json"), ("Related runs", "Children")])
def test_run_page_has_files_and_kin(tab, text, filled_store, open_page):
    run_id = runs_of(filled_store, note="the first one")["run_id"][0]
    app = open_page("run", filled_store, run=run_id, run_tab=tab)
    assert any(text in item.value for item in app.markdown)


def scores_of(table):
    """(form, model) -> column -> text, of the leaderboard."""
    heads = [column["title"] for column in table["columns"]]
    texts = [[cell["text"] if isinstance(cell, dict) else cell for cell in row["cells"]] for row in table["rows"]]
    return {(row["sign"], row["name"]): dict(zip(heads, cells, strict=True)) for row, cells in
            zip(table["rows"], texts, strict=True)}  # fmt: skip


def test_leaderboard_keeps_sample_runs_and_splits_apart(filled_store, open_page, listed):
    scores = scores_of(listed(open_page("leaderboard", filled_store), "leaderboard_measured"))
    assert "(2)" in scores["●", "tiny · modern"]["afqmc"]  # two seeds; the run on the sample is not among them
    assert scores["–", "majority"]["afqmc"] == "55.00"
    assert sum(form == "◇" for form, _ in scores) > 10
    app = open_page("leaderboard", filled_store, leaderboard_data="sample data")
    assert "nothing about the task" in app.warning[0].value
    sample = scores_of(listed(app, "leaderboard_measured"))
    assert "(2)" not in sample["●", "tiny · modern"]["afqmc"]
    assert "◇" not in {form for form, _ in sample}
    test = open_page("leaderboard", filled_store, leaderboard_split="test")
    assert any("has a test score yet" in info.value for info in test.info)


def test_a_score_says_its_interval_and_source_when_it_is_pointed_at(filled_store, open_page, listed):
    table = listed(open_page("leaderboard", filled_store), "leaderboard_measured")
    column = [head["title"] for head in table["columns"]].index("afqmc")
    told = {(row["sign"], row["name"]): row["cells"][column] for row in table["rows"]}
    assert told["●", "tiny · modern"]["title"].startswith("95 % interval over examples: ")
    papers = [cell["title"] for (form, _), cell in told.items() if form == "◇" and cell["text"]]
    assert papers
    assert all("95 % interval over examples" in title and ";" in title for title in papers)


def test_a_click_on_a_cell_of_the_leaderboard_lists_its_runs(filled_store, open_page, listed):
    app = open_page("leaderboard", filled_store)
    table = listed(app, "leaderboard_measured")
    row = next(row for row in table["rows"] if row["name"] == "tiny · modern")
    app.session_state["leaderboard_cell"] = next(cell["open"] for cell in row["cells"][2:] if cell["open"])
    app.run()
    assert not app.exception
    found = listed(app, "leaderboard_runs")
    column = [head["title"] for head in found["columns"]].index("Seed")
    assert {"1", "2"} <= {row["cells"][column] for row in found["rows"]}
    assert all(row["name"].startswith("afqmc · tiny") and row["color"] for row in found["rows"])
    assert any("tiny · modern on afqmc" in heading.value for heading in app.subheader)


def test_the_leaderboard_sorts_by_a_task(filled_store, open_page, listed):
    app = open_page("leaderboard", filled_store)
    app.session_state["leaderboard_sort"] = "tnews"
    app.run()
    values = [row["tnews"] for row in scores_of(listed(app, "leaderboard_measured")).values()]
    known = [float(text.split()[0]) for text in values if text]
    assert known == sorted(known, reverse=True)
    assert not any(values[len(known) :])  # rows without a score come last


def test_leaderboard_shows_the_gap_to_a_published_row(filled_store, open_page, listed):
    app = open_page("leaderboard", filled_store)
    name = app.selectbox(key="leaderboard_against").options[0]
    app.selectbox(key="leaderboard_against").set_value(name).run()
    assert not app.exception
    model = name.partition(" · ")[0]
    scores = scores_of(listed(app, "leaderboard_measured"))
    own = [row for (_, row_name), row in scores.items() if row_name.startswith(f"{model} [")]
    gaps = [{text for head, text in row.items() if text and head not in ("Average", "Rank")} for row in own]
    assert {"+0.00"} in gaps


def test_tasks_page_shows_tokens_with_special_ones_marked(filled_store, open_page):
    app = open_page("tasks", filled_store, tasks_task="afqmc")
    rows = [item.value for item in app.markdown if "CLS" in item.value]
    assert len(rows) == 10
    assert all(row.count("SEP") == 2 for row in rows)


def test_tasks_page_without_runs_still_states_the_facts(empty_store, open_page):
    app = open_page("tasks", empty_store, tasks_task="cmrc2018")
    assert {"train": "10,142", "dev": "3,219"}.items() <= {metric.label: metric.value for metric in app.metric}.items()


def test_sql_runs_a_statement_and_keeps_it(own_store, open_page):
    app = open_page("sql", own_store)
    app.text_area(key="sql").set_value("SELECT task, count(*) AS n FROM runs GROUP BY task ORDER BY task").run()
    assert not app.exception
    result = app.dataframe[0].value
    assert result["task"].to_list() == ["afqmc", "tnews"]
    app.text_input(key="sql_name").set_value("runs per task").run()
    app.button(key="sql_save").click().run()
    app.run()
    assert any(button.label == "runs per task" for button in app.button)


def test_sql_tells_a_mistake_in_one_sentence(filled_store, open_page):
    app = open_page("sql", filled_store, sql="SELECT nonsense FROM nowhere")
    assert "nowhere" in app.error[0].value


def test_sql_plots_the_result(filled_store, open_page):
    statement = "SELECT step, value FROM metrics WHERE name = 'train/loss' ORDER BY step"
    app = open_page("sql", filled_store, sql=statement, sql_tab="Plot", sql_kind="line")
    (spec,) = specs(app)
    assert spec["layout"]["xaxis"]["title"]["text"] == "step"
    assert spec["layout"]["yaxis"]["title"]["text"] == "value"


def test_a_leaderboard_without_own_scores_says_which_runs_it_leaves_out(filled_store, open_page):
    said = open_page("leaderboard", filled_store, leaderboard_split="test").info[0].value
    assert "has a test score yet (runs with `--limit` are left out)" in said
    said = open_page("leaderboard", filled_store, leaderboard_benchmark="FewCLUE").info[0].value
    assert "has a test score yet (runs with `--limit` or on one training set, `--split 0`, are left out)" in said
