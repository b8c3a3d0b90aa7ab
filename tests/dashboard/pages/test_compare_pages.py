"""Compare, Examples and Explore: empty, filled, linked, with runs that are gone or cannot be compared."""

import json
import re
from datetime import datetime
from urllib.parse import parse_qsl

import polars as pl
import pytest

from dashboard.figures import compare as figures
from dashboard.reports import html_report, run_report
from store import queries, runs
from store.ingest import ingest
from tests.dashboard.conftest import fill_clue_run

PAGES = ("compare", "examples", "explore")


def clue_runs(db, **wanted):
    frame = queries.runs(experiment="clue", db=db).filter(status="finished", **wanted)
    return frame.sort("run_id")["run_id"].to_list()


def texts(app):
    return " ".join(str(element.value) for element in [*app.markdown, *app.info, *app.warning, *app.caption])


@pytest.mark.parametrize("page", PAGES)
def test_an_empty_store_is_answered_with_the_command_that_fills_it(page, empty_store, open_page):
    app = open_page(page, empty_store)
    assert any("python -m jobs.clue" in code.value for code in app.code)


@pytest.mark.parametrize("page", PAGES)
def test_without_a_choice_the_page_says_what_to_choose(page, filled_store, open_page):
    app = open_page(page, filled_store)
    assert app.title[0].value.lower() == page


def test_two_recipes_are_compared_in_one_sentence(filled_store, open_page):
    runs = clue_runs(filled_store, task="afqmc", data_source="files")
    app = open_page("compare", filled_store, runs=",".join(runs))
    said = texts(app)
    assert "accuracy" in said
    assert "on 80 examples" in said
    charts = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
    assert any("over the baseline" in json.dumps(chart) for chart in charts)
    assert any("| metric |" in code.value and "on 80 examples" in code.value for code in app.code)
    assert any("tabular" in code.value and "on 80 examples" in code.value for code in app.code)


def test_settings_that_answer_alike_have_no_slices_in_which_they_differ(tmp_path, open_page):
    db = tmp_path / "alike.duckdb"
    ids = [fill_clue_run(db, seed=1, recipe=recipe) for recipe in ("modern", "blog")]
    queries.refresh(db)
    said = texts(open_page("compare", db, runs=",".join(ids)))
    assert "get the same examples right." in said
    assert "No slice" not in said


def test_runs_of_different_tasks_are_not_compared_and_the_page_says_why(filled_store, open_page):
    runs = [clue_runs(filled_store, task="afqmc", data_source="files")[0], clue_runs(filled_store, task="tnews")[0]]
    app = open_page("compare", filled_store, runs=",".join(runs))
    assert "different tasks" in texts(app)


def test_a_link_to_a_run_that_is_gone_names_it(filled_store, open_page):
    known = clue_runs(filled_store, task="afqmc", data_source="files")[0]
    app = open_page("compare", filled_store, runs=f"{known},20200101-000000-0000")
    assert "20200101-000000-0000" in texts(app)
    assert "Choose two to twenty runs" in texts(app)


def test_examples_of_two_runs_count_the_flips(filled_store, open_page):
    runs = clue_runs(filled_store, task="afqmc", data_source="files")[:2]
    app = open_page("examples", filled_store, runs=",".join(runs), examples_show="gained")
    assert "B corrects" in texts(app)
    a, b = (queries.predictions(run, "dev", db=filled_store) for run in runs)
    joined = a.join(b, on=["example_id", "hash"], suffix="_b")
    gained = joined.filter(pl.col("label") != pl.col("prediction"), pl.col("label_b") == pl.col("prediction_b")).height
    assert f"{gained} of 80 examples" in texts(app)


def test_a_word_filters_the_examples(filled_store, open_page):
    run = clue_runs(filled_store, task="afqmc", data_source="files")[0]
    app = open_page("examples", filled_store, runs=run, examples_word="利息", examples_show="all")
    expected = queries.predictions(run, "dev", db=filled_store).filter(pl.col("text").str.contains("利息")).height
    assert 0 < expected < 80
    assert f"{expected} of 80 examples" in texts(app)


def test_an_example_is_marked_and_a_full_disk_says_so(own_store, open_page, full_disk):
    run = clue_runs(own_store, task="afqmc", data_source="files")[0]
    app = open_page("examples", own_store, runs=run, examples_show="all")
    place = app.expander[0].proto.id.partition("examples_open_")[2]
    save, note = f"examples_save_{place}", f"examples_note_{place}"
    app.session_state[f"examples_open_{place}"] = True
    app.run()
    with full_disk():
        app.text_input(key=note).set_value("看错了")
        app.button(key=save).click().run()
        assert ["No space left on device" in error.value for error in app.error] == [True]
    app.text_input(key=note).set_value("看错了")
    app.button(key=save).click().run()
    assert not app.error
    assert app.toast[0].value == "Marked."
    assert queries.marks(db=own_store)["note"].to_list() == ["看错了"]


def test_figures_of_one_run_show_calibration_and_classes(filled_store, open_page):
    run = clue_runs(filled_store, task="afqmc", data_source="files")[0]
    app = open_page("examples", filled_store, runs=run, examples_view="Figures")
    drawn = " ".join(chart.proto.spec for chart in app.get("plotly_chart"))
    assert "ECE" in drawn
    assert "precision" in drawn


def test_explore_draws_every_run_of_the_experiment(filled_store, open_page):
    app = open_page("explore", filled_store, explore_experiment="clue")
    height = queries.runs(experiment="clue", db=filled_store).height
    assert f"5 runs of {height}, those with both values. Click a point" in texts(app), "two ended without a score"


def test_explore_offers_what_varies_between_runs_with_a_score(tmp_path, open_page):
    db, parent = tmp_path / "x.duckdb", None
    for number, precision in enumerate(("auto", "bf16", "bf16")):
        config = {"precision": precision, "learning_rate": 1e-4 * max(number, 1)}
        kept = {"config": config, "command": "", "config_hash": str(number), "task": "tnews", "seed": number}
        with runs.start("clue", db=db, follow=False, parent_run_id=parent, **kept) as run:
            parent = parent or run.run_id
            if number:
                run.summary({"dev/accuracy": 0.5 + 0.1 * number})
    ingest(db, force=True)
    axes = open_page("explore", db).multiselect(key="explore_axes")
    assert "learning_rate" in axes.value
    assert "precision" not in axes.options, "only the parent, which has no score, has another one"


def test_seed_curves_show_the_mean_and_the_range():
    frame = pl.DataFrame(
        {
            "run_id": ["a", "a", "b", "b"],
            "name": ["dev/accuracy"] * 4,
            "x": [1.0, 2.0, 1.0, 2.0],
            "value": [0.5, 0.7, 0.7, 0.9],
        }
    )
    figure = figures.seed_curves(frame, {"a": "A", "b": "A"}, metric="accuracy")
    band, line = figure.data
    assert list(line.y) == pytest.approx([0.6, 0.8])
    assert list(band.y) == pytest.approx([0.7, 0.9, 0.7, 0.5])


def test_calibration_shows_the_gap_and_the_number_of_rows():
    confidence = pl.Series([0.95] * 1000)
    right = pl.Series([True] * 800 + [False] * 200)
    figure = figures.calibration([("A", confidence, right)])
    assert figure.data[1].name == "A<br>ECE 15.0%, 95 % 12.5% to 17.5%, n = 1,000"


def test_scores_that_were_logged_once_are_no_chart(tmp_path, open_page):
    db = tmp_path / "results.duckdb"
    for name, score in (("a", 0.4), ("b", 1.0)):
        with runs.start("own", config={"model": name}, command="x", config_hash=name, db=db, follow=False) as run:
            run.log({"dev/accuracy": score})
    queries.refresh(db)
    app = open_page("compare", db, runs=",".join(queries.runs(db=db)["run_id"]))
    assert any(item.value.startswith("No run logged accuracy more than once") for item in app.caption)
    assert not any("Highest accuracy" in item.value for item in app.markdown)


def test_a_report_is_one_file_without_links_to_the_network():
    figure = figures.calibration([("A", pl.Series([0.9, 0.8]), pl.Series([True, False]))])
    frame = pl.DataFrame({"metric": ["dev/accuracy"], "mean": [-0.7361], "text": ["<花呗>"], "dirty": [True]})
    text = html_report.html_report(
        "比较", [html_report.Section("Evidence", ["B is better: -0.1 points (95%).", frame, figure])], footer="now"
    )
    assert "&lt;花呗&gt;</td><td>yes" in text
    assert "<td>\N{MINUS SIGN}0.7361</td>" in text
    assert "B is better: \N{MINUS SIGN}0.1 points (95\N{NO-BREAK SPACE}%)." in text
    assert "Plotly.newPlot" in text
    head = text[: text.index("<script>")] + text[text.index("</script>") :]
    assert "src=" not in head
    assert "http://" not in head.replace("http://www.w3.org", "")


def test_a_report_of_a_run_tells_times_as_people_do():
    run = {"experiment": "clue", "started_at": datetime(2026, 11, 29, 14, 48, 28), "duration_s": 64.9, "seed": 1}
    told = dict(
        run_report.facts(dict.fromkeys(("task", "model", "recipe", "data_source", "status", "note")) | run).rows()
    )
    assert (told["Started"], told["Duration"], told["Seed"]) == ("2026-11-29 14:48 UTC", "1 min 05 s", "1")


def test_the_verdict_has_one_sign_and_its_caveats_come_first(filled_store, open_page):
    runs = clue_runs(filled_store, task="afqmc", data_source="files")
    app = open_page("compare", filled_store, runs=",".join(runs))
    said = [item.value for item in app.markdown if ":material/arrow_" in item.value or "drag_handle" in item.value]
    assert len(said) == 1
    opening = "One seed of one of the two, so this is about these trained models and not about training again: "
    verdict = said[0].partition(opening)[2]
    assert ("is better than" in verdict) != ("no difference is shown" in verdict)


def test_compare_links_to_exactly_the_examples_that_it_counts(filled_store, open_page):
    runs = clue_runs(filled_store, task="afqmc", data_source="files")
    app = open_page("compare", filled_store, runs=",".join(runs))
    link = next(item.proto for item in app.get("page_link") if "examples that differ" in item.proto.label)
    query = dict(parse_qsl(link.query_string))
    assert query["examples_show"] == "flips"
    shown = open_page("examples", filled_store, **query)
    count = re.search(r"([\d,]+) examples that differ", link.label).group(1)
    assert f"{count} of 80 examples" in texts(shown)
    assert "An answer is what most seeds say" in texts(shown)
