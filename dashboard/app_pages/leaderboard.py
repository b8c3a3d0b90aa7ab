"""Tasks by models: what was measured here beside what papers and posts report, dev and test apart."""

from typing import Any

import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures import leaderboard as figures
from dashboard.figures import leaderboard_table, style, tables, words
from dashboard.frames.comparison import few_shot, reproductions, unseen_scores
from dashboard.parts import downloads, headings, links, plots, task_facts
from dashboard.parts.runs import run_list, run_tables
from engine.text.tasks import CLUE, FEWCLUE

BASELINES = ("majority", "chance")

COLORS = {
    leaderboard_table.MEASURED: style.MEASURED,
    leaderboard_table.PUBLISHED: style.PUBLISHED,
    leaderboard_table.BASELINE: style.NEUTRAL,
}

head = st.container()
toolbar = st.container(horizontal=True, vertical_alignment="center", gap="small", key="leaderboard_toolbar")
usual: dict[str, Any] = {"bind": "query-params", "label_visibility": "collapsed", "required": True}
with toolbar:
    view = st.segmented_control("View", ["Scores", "Tasks"], default="Scores", key="leaderboard_view", **usual)
if view == "Tasks":
    task_facts.show(head)
    st.stop()
with head:
    headings.title(
        "Leaderboard",
        "Which model leads on which task, here and in papers?",
        chinese="CLUE 中文语言理解测评基准",
        note="""Cells are the task's metric in percent. **Measured here** are means over seeds (± standard
deviation, number of seeds) of finished runs on whole data sets, of each model and recipe the
configuration that is best on this split; a seed that ran twice counts once. **Published** are
figures of papers and posts, nearly all single runs, each with its source. Rows whose averages the
examples cannot tell apart share a rank. FewCLUE's own tasks have a table of their own, whose scores
are means over its five training sets. Dev and test are never mixed, and runs on the generated
sample have a table of their own: their scores say nothing about the task.""",
        formula=r"\bar{x} \pm \sqrt{\tfrac{1}{n-1}\sum_i (x_i-\bar{x})^2}\quad(n\ \text{seeds})",
        source="view `leaderboard` (measured), table `published` (each row names its source)",
    )

SCORED_ON = {CLUE: "dev", FEWCLUE: "test"}
"""The split that papers report of a benchmark's tasks: FewCLUE's are scored on its public test files."""


def open_split() -> None:
    """Another benchmark opens on the split of its papers."""
    st.session_state["leaderboard_split"] = SCORED_ON[st.session_state["leaderboard_benchmark"]]


with toolbar:
    benchmark: str = st.segmented_control(
        "Benchmark", list(SCORED_ON), default=CLUE, key="leaderboard_benchmark", on_change=open_split, **usual
    )
few = benchmark == FEWCLUE
group, repeats = ("fewclue", "FewCLUE's training sets") if few else ("all", "seeds")
version = queries.store_version()
specs = {name: spec for name, spec in queries.task_specs(version).items() if (spec.benchmark == FEWCLUE) == few}
judged_by = {name: spec.metric for name, spec in specs.items()}
names_of_tasks = list(judged_by)
board = queries.leaderboard(version).filter(pl.col("task").is_in(names_of_tasks))
published = queries.published(version, "clue").with_columns(
    row=pl.col("model")
    + pl.when(pl.col("variant").fill_null("") != "").then(" · " + pl.col("variant")).otherwise(pl.lit(""))
)
if board.is_empty() and published.is_empty():
    headings.empty(f"python -m jobs.clue --task {group} --model ngram", "No score is stored yet.")
    st.stop()


def main_metric(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows that carry the metric by which their task is judged."""
    wanted = pl.DataFrame({"task": names_of_tasks, "metric": list(judged_by.values())})
    return frame.join(wanted, on=["task", "metric"], how="semi")


def measured_rows(split: str, *, sample: bool) -> pl.DataFrame:
    """Long form of what was measured: the best configuration of every model and task."""
    frame = main_metric(board).filter((pl.col("split") == split) & ((pl.col("data_source") == "sample") == sample))
    recipe = pl.when(pl.col("recipe") != pl.col("model")).then("recipe")
    name = pl.concat_str([pl.col("model"), recipe], separator=" · ", ignore_nulls=True)
    best = (
        frame.with_columns(row=name)
        .sort("mean", descending=True)
        .unique(["row", "task"], keep="first", maintain_order=True)
    )
    chosen = best.select(
        "row",
        "task",
        pl.col("mean").alias("value"),
        "sd",
        "n",
        "low",
        "high",
        "config_hash",
        "newest_run_id",
        "model",
        "recipe",
        "diverged",
    )
    if not few:
        return chosen
    cells = queries.measurements(version, "few_shot_scores", run_ids=tuple(chosen["newest_run_id"]))
    return few_shot.over_training_sets(chosen, cells, split=split)


def published_rows(split: str) -> pl.DataFrame:
    """Long form of what was published, with its source."""
    frame = main_metric(published).filter(pl.col("split") == split)
    return frame.select(
        *("row", "task", "value", "model", "variant", "source", "note"),
        sd=pl.lit(None, pl.Float64),
        n=pl.lit(1, pl.Int64),
    )


def baselines(split: str, *, sample: bool) -> dict[str, dict[str, float]]:
    """Majority class and chance as runs stored them."""
    frame = board.filter((pl.col("split") == split) & ((pl.col("data_source") == "sample") == sample))
    found = {name: dict(frame.filter(metric=name).select("task", "best").iter_rows()) for name in BASELINES}
    return {name: values for name, values in found.items() if values}


def reproduced_cells(measured: pl.DataFrame, papers: pl.DataFrame) -> set[tuple[str, str]]:
    """Measured cells that reproduce a published dev figure of the same model."""
    seeds = measured.filter(pl.col("n") >= leaderboard_table.LEAST_SEEDS)
    if sample or split != "dev" or seeds.is_empty():
        return set()
    return reproductions.reproduced_cells(seeds, *seeds_and_scores(seeds), papers, dev_sizes())


def seeds_and_scores(measured: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Finished runs of measured configurations, and the dev score of each by its task's metric."""
    runs = queries.all_runs(version).filter(pl.col("config_hash").is_in(measured["config_hash"]), status="finished")
    names_of = pl.DataFrame({"task": names_of_tasks, "name": [f"dev/{metric}" for metric in judged_by.values()]})
    scores = queries.summary(version, tuple(runs["run_id"])).join(runs.select("run_id", "task"), on="run_id")
    return runs, scores.join(names_of, on=["task", "name"], how="semi").select("run_id", "value")


def dev_sizes() -> dict[str, int]:
    """Examples of the official dev splits."""
    return {name: spec.sizes.get("dev", 0) for name, spec in specs.items()}


def show_table(measured: pl.DataFrame, papers: pl.DataFrame) -> tuple[str, str] | None:
    """A row a model, a column a task; returns (model, task) of the clicked cell."""
    guessed = [(name, task, value, None, 1) for name, values in levels.items() for task, value in values.items()]
    below = pl.DataFrame(guessed, schema=figures.LONG_SCHEMA, orient="row")
    by_size = papers.group_by(pl.col("variant").fill_null("")).agg(models=pl.col("model").n_unique())
    common = by_size.sort("models", "variant", descending=[True, False])
    marks = figures.marks(common["variant"].to_list())
    numbered = papers.with_columns(mark=pl.col("variant").fill_null("").replace_strict(marks, default=""))
    short = pl.concat_str("model", "mark", separator=" ").str.strip_chars()
    parts = {
        leaderboard_table.MEASURED: measured,
        leaderboard_table.BASELINE: below,
        leaderboard_table.PUBLISHED: numbered.with_columns(row=short),
    }
    table = leaderboard_table.one_table(
        {form: part for form, part in parts.items() if not part.is_empty()},
        names_of_tasks,
        examples={name: spec.sizes.get(split, 0) for name, spec in specs.items()},
        averaged=[name for name, spec in specs.items() if not spec.own],
        reference=reference,
        intervals=intervals,
        reproduced=reproduced_cells(measured, papers),
    )
    told = titles_of(parts)
    columns = [
        run_list.Column(
            "Average", "number", sort="average", help="over the row's tasks of the benchmark; in brackets how many"
        ),
        run_list.Column("Rank", "number", help="rows whose averages the examples cannot tell apart share one"),
        *(
            run_list.Column(name, "number", sort=name, help=f"{spec.title} {spec.chinese}: {spec.metric}")
            for name, spec in specs.items()
        ),
    ]
    rows = [
        run_list.Row(
            f"{row['form']} {row['row']}",
            row["row"],
            COLORS[row["form"]],
            (
                row["average"],
                row["rank"],
                *(cell_of(row, task, told.get((row["form"], row["row"], task), "")) for task in names_of_tasks),
            ),
            sign=row["form"],
        )
        for row in in_order(table).iter_rows(named=True)
    ]
    on: dict[str, Any] = {"cell": choose, "sort": sort_by}
    sort = (st.session_state["leaderboard_sort"], False) if "leaderboard_sort" in st.session_state else None
    run_list.show(
        rows, columns, key="leaderboard_measured", label=f"{split} scores, measured and published", heading="Model",
        plain=True, tall=True, sort=sort, on=on,
    )  # fmt: skip
    explain(measured)
    if not numbered.is_empty():
        show_sources(numbered, marks)
    show_unseen(measured)
    chosen = st.session_state.get("leaderboard_cell", "")
    name, _, task = chosen.rpartition("|")
    return (name, task) if name in measured["row"].to_list() else None


def explain(measured: pl.DataFrame) -> None:
    """What the table's signs and numbers mean, and which seeds are left out of them."""
    note = f"Points above or below {against}." if against else f"Percent: mean ± sd ({repeats})."
    if intervals and not against:
        note = (
            f"Percent with 95 % intervals: over {repeats} where there are three or more, else over examples (Wilson)."
        )
    st.caption(
        "● measured here · ◇ published, a number in brackets names its setting · – baseline · ≈ reproduces a published "
        f"figure of the same model within 0.5 points. {note} Point at a score for its interval and source; a click "
        "on a measured one lists its runs."
    )
    gone = measured.filter(pl.col("diverged") > 0).select("row", "task", "diverged", "n").iter_rows()
    said = [f"{words.plain(row)} on {task}: {words.diverged(some, n)}" for row, task, some, n in gone]
    if said:
        st.caption(f"Means and intervals are over the seeds with a finite score. {'; '.join(said)}.")


def cell_of(row: dict[str, str], task: str, title: str) -> run_list.Cell:
    """A score with its interval where it is pointed at; a measured one opens its runs."""
    text = row[task]
    opens = f"{row['row']}|{task}" if text and row["form"] == leaderboard_table.MEASURED else ""
    return run_list.Cell(text, title if text else "", opens, label=f"{row['row']} on {task}")


def titles_of(parts: dict[str, pl.DataFrame]) -> dict[tuple[str, str, str], str]:
    """(form, row, task) -> what a cell says when it is pointed at: its interval, and the source of a published one."""
    found = {}
    for form, part in parts.items():
        cells = part.to_dicts()
        sizes = [specs[cell["task"]].sizes.get(split, 0) for cell in cells]
        for cell, text in zip(cells, leaderboard_table.interval_texts(cells, sizes), strict=True):
            row, task = cell["row"], cell["task"]
            seeds = cell["n"] if form == leaderboard_table.MEASURED else 1
            over = repeats if (seeds or 1) >= leaderboard_table.LEAST_SEEDS else "examples"
            told = f"95 % interval over {over}: {text}" if "[" in text else text
            source = (cell["source"] or "") if form == leaderboard_table.PUBLISHED else ""
            found[form, row, task] = words.together((told, source), by="; ")
    return found


def in_order(table: pl.DataFrame) -> pl.DataFrame:
    """The rows as they come, or by the column that the reader clicked, best first."""
    column = st.session_state.get("leaderboard_sort")
    if column not in table.columns:
        return table
    number = pl.col(column).str.extract(r"^([+-]?[0-9.]+)").cast(pl.Float64)
    return table.sort(number, descending=True, nulls_last=True, maintain_order=True)


def sort_by(column: str) -> None:
    """A click on a head sorts by it, a second one gives the usual order back."""
    if st.session_state.get("leaderboard_sort") == column:
        del st.session_state["leaderboard_sort"]
    else:
        st.session_state["leaderboard_sort"] = column


def choose(cell: str) -> None:
    """A click on a measured score lists its runs."""
    st.session_state["leaderboard_cell"] = cell


def show_unseen(measured: pl.DataFrame) -> None:
    """The scores over the rows that do not stand in train, where runs stored them."""
    found = unseen_scores.of_measured(measured, main_metric(unseen_scores.unseen_means(board)), split=split)
    if found.is_empty():
        return
    st.caption(
        "Some dev rows stand in the training data. The score on the others is below; the best configuration, and the "
        "table above, are chosen by the score on all rows."
    )
    shown = unseen_scores.readable(found)
    st.dataframe(shown, key="leaderboard_unseen", hide_index=True, alt=f"{split} scores on rows not seen in training")


def show_reproductions(measured: pl.DataFrame, papers: pl.DataFrame) -> None:
    """Whether runs here come within half a point of the figures of the chosen published model."""
    figures_of = dict(papers.filter(row=against).select("task", "value").iter_rows())
    found = reproductions.reproductions(measured, *seeds_and_scores(measured), figures_of, dev_sizes())
    with st.expander(f"Are the figures of {against} reproduced here?", icon=":material/balance:"):
        st.dataframe(found, key="leaderboard_reproductions", hide_index=True, alt="Runs here against published figures")
        st.caption(
            "Two one-sided tests over seeds with a margin of 0.5 points; the published figure is taken as exact."
        )


def show_sources(numbered: pl.DataFrame, marks: dict[str, str]) -> None:
    """Which setting and source a number in brackets stands for."""
    with st.expander("Sources", icon=":material/menu_book:"):
        listed = (
            numbered.group_by("mark", "variant", "source")
            .agg(pl.col("model").n_unique().alias("Models"), pl.col("task").n_unique().alias("Tasks"))
            .sort(pl.col("mark").replace_strict({mark: n for n, mark in enumerate(marks.values())}, default=-1))
        )
        st.dataframe(
            listed.rename({"mark": "Mark", "variant": "Setting", "source": "Source"}),
            key="leaderboard_sources",
            hide_index=True,
            alt="Sources of the published figures",
        )


def show_runs(cell: tuple[str, str], long: pl.DataFrame, split: str) -> None:
    """The runs behind a cell."""
    name, task = cell
    found = long.filter((pl.col("row") == name) & (pl.col("task") == task))
    if found.is_empty():
        st.caption(f"{name} has no run on {task}.")
        return
    chosen = found.row(0, named=True)
    runs = tables.headline(queries.run_table(version), split, judged_by=judged_by)
    same = runs.filter((pl.col("task") == task) & (pl.col("model") == chosen["model"]) & ~pl.col("archived"))
    st.subheader(f"{name} on {task}: {words.count(same.height, 'run')}", anchor=False)
    shown = same.sort(pl.col("config_hash") != chosen["config_hash"], "started_at", descending=[False, True])
    columns = ("status", "score", "seed", "recipe", "started_at", "duration_s")
    run_tables.runs_table(version, shown, columns, key="leaderboard_runs", label=f"Runs of {name} on {task}")
    ids = ",".join(same.filter(config_hash=chosen["config_hash"])["run_id"].head(20))
    if "," in ids:
        links.page_link("compare", "Compare its seeds", icon=":material/compare_arrows:", runs=ids)


with toolbar:
    split = st.segmented_control(
        "Split", ["dev", "test"], default=SCORED_ON[benchmark], key="leaderboard_split", **usual
    )
    data = st.segmented_control(
        "Measured on", ["real data", "sample data"], default="real data", key="leaderboard_data", **usual
    )
    papers = published_rows(split)
    names = papers["row"].unique(maintain_order=True).to_list()
    against = st.selectbox(
        "Gap to", names, index=None, key="leaderboard_against", bind="query-params", width=260,
        label_visibility="collapsed", placeholder="gap to a published row …",
    )  # fmt: skip
    intervals = st.toggle("95 % intervals", key="leaderboard_intervals", bind="query-params")
sample = data == "sample data"
measured = measured_rows(split, sample=sample)
reference = figures.mean_of(papers, against) if against else None
if sample:
    st.warning(
        "Generated sample data: these scores say that the code works, and nothing about the task.",
        icon=":material/science:",
    )

if measured.is_empty():
    where = "" if sample else " The data come from the hub, or from your files with `--data-dir FOLDER`."
    parts = "runs with `--limit` or on one training set, `--split 0`," if few else "runs with `--limit`"
    headings.empty(
        f"python -m jobs.clue --task {group} --model ngram",
        f"No finished run on {data} has a {split} score yet ({parts} are left out).{where}",
    )
levels = baselines(split, sample=sample)
shown = papers if not sample else papers.clear()
cell = None if measured.is_empty() and shown.is_empty() else show_table(measured, shown)
if cell:
    show_runs(cell, measured, split)
if against and split == "dev" and not measured.is_empty() and not sample:
    show_reproductions(measured, papers)

if published.is_empty():
    headings.empty("python -m store published", "No published figure is loaded.")
elif shown.is_empty() and not sample:
    st.caption(f"No paper or post that is listed here reports {split} figures of these tasks.")
if not (measured.is_empty() and shown.is_empty()):
    plots.show(
        figures.scores(measured, shown, names_of_tasks, baselines=levels),
        key="leaderboard_scores",
        title="Scores on generated sample data" if sample else figures.distance_said(measured, shown),
        alt=f"{split} scores of every task, measured and published",
    )
listed = pl.concat([frame.select("row", "task", "value", "sd", "n") for frame in (measured, papers)])
if not listed.is_empty():
    downloads.download(listed, "leaderboard", label="Scores as CSV")
