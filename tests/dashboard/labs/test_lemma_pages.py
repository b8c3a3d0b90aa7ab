"""The Johnson-Lindenstrauss and dimension pages on an empty and a filled store, and their figures."""

import json

import numpy as np
import polars as pl
import pytest

from dashboard.chapters.dimension import attention as attention_chapter
from dashboard.chapters.dimension import skipgram as skipgram_chapter
from dashboard.figures import marks
from dashboard.figures.labs import dimension as dimension_figures
from dashboard.figures.labs import johnson_lindenstrauss as lemma_figures
from dashboard.figures.labs import johnson_lindenstrauss_measured as measured_figures
from dashboard.figures.labs import projected as projected_figures
from jobs import tracking
from jobs.dimension import attention, entropy, skipgram
from jobs.dimension import config as dims
from jobs.johnson_lindenstrauss import bounds, distortion, lsh, svd
from jobs.johnson_lindenstrauss import config as lemma
from store import queries, runs
from tests.dashboard.conftest import spoken

PAGES = [
    "johnson_lindenstrauss",
    "johnson_lindenstrauss_distances",
    "johnson_lindenstrauss_angles",
    "johnson_lindenstrauss_hashing",
    "johnson_lindenstrauss_svd",
    "johnson_lindenstrauss_proof",
    "dimension",
    "dimension_attention",
    "dimension_skipgram",
]


@pytest.fixture(scope="module")
def lemma_store(tmp_path_factory):
    """A store with one small run of every job."""
    folder = tmp_path_factory.mktemp("lemma")
    db = folder / "results.duckdb"
    texts = folder / "data" / "tnews"
    texts.mkdir(parents=True)
    for name in ("train", "dev"):
        rows = [
            {"label": "100", "label_desc": "news_story", "sentence": f"一二三红黄蓝{n}一三", "keywords": "", "id": n}
            for n in range(8)
        ]
        (texts / f"{name}.json").write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    with pytest.MonkeyPatch.context() as patch:
        start = runs.start
        patch.setattr(tracking.runs, "start", lambda *a, **k: start(*a, **{**k, "follow": False}))
        bounds.bounds(lemma.Bounds(db=db, samples=(30,), eps=(0.5,), trials=3))
        cloud = {"data": ("gaussian",), "n_samples": 40, "n_features": 32, "repeats": 2}
        distortion.distortion(lemma.Distortion(db=db, kinds=("gaussian", "haar"), dims=(4, 8), **cloud))
        distortion.pca(lemma.Pca(db=db, dims=(4, 8), **cloud))
        lsh.lsh(lemma.Lsh(db=db, cosines=(0.0, 0.5), bits=(256,), rows=(8,), bands=(16,), pairs=60, n_samples=60))
        svd.svd(lemma.Svd(db=db, data=("power",), shape=(30, 24), ranks=(3, 5), oversampling=(4,), repeats=2))
        entropy.entropy(dims.Entropy(db=db, vocabularies=(32,), dims=(4, 16), repeats=2))
        attention.attention(dims.Attention(db=db, lengths=(8, 16), head_sizes=(2, 4, 7), steps=60, repeats=2))
        words = {"vocabularies": (6,), "dims": (1, 3), "steps": 20, "repeats": 2}
        skipgram.skipgram(dims.Skipgram(db=db, data_dir=folder / "data", **words))
    queries.refresh(db)
    return db


@pytest.mark.parametrize("page", PAGES)
def test_pages_open_on_an_empty_store(page, open_page, empty_store):
    app = open_page(page, empty_store, more=True)
    assert app.title
    stored_only = page in ("dimension_attention", "dimension_skipgram")
    assert bool(app.get("plotly_chart")) != stored_only
    if page not in ("johnson_lindenstrauss_angles", "johnson_lindenstrauss_proof"):
        assert "python -m jobs." in " ".join(code.value for code in app.code)


@pytest.mark.parametrize("page", PAGES)
def test_pages_show_what_is_stored(page, open_page, lemma_store):
    app = open_page(page, lemma_store)
    assert len(app.get("plotly_chart")) >= 1
    assert not [info.value for info in app.info if "Nothing is stored" in info.value]


def test_two_draws_are_drawn_and_said_without_an_interval(open_page, lemma_store):
    app = open_page("dimension_skipgram", lemma_store)
    assert "a mean over 2 splits, without an interval" in spoken(app)
    traces = [trace for chart in app.get("plotly_chart") for trace in json.loads(chart.proto.spec)["data"]]
    assert {trace["name"] for trace in traces} == {"measured"}
    assert "too few for intervals" in spoken(open_page("dimension_attention", lemma_store))


def test_the_calculator_answers(open_page, lemma_store):
    app = open_page("johnson_lindenstrauss", lemma_store)
    app.number_input(key="jl_samples").set_value(30).run()
    app.slider(key="jl_eps").set_value(0.5).run()
    assert not app.exception
    text = spoken(app)
    assert "For 30 points, ε = 0.5" in text
    assert "without an interval: here " in text
    chart = json.loads(app.get("plotly_chart")[0].proto.spec)
    assert "measured minimum" in {trace.get("name") for trace in chart["data"]}


def test_live_distances_change_with_the_projection(open_page, empty_store):
    app = open_page("johnson_lindenstrauss_distances", empty_store)
    before = app.metric[0].value
    app.selectbox(key="jl_distances_kind").set_value("haar").run()
    app.selectbox(key="jl_distances_data").set_value("one_hot").run()
    assert not app.exception
    assert app.metric[0].value != before


def test_the_proof_unfolds_step_by_step(open_page, empty_store):
    app = open_page("johnson_lindenstrauss_proof", empty_store)
    seen = []
    for _ in range(6):
        assert len(app.get("plotly_chart")) == 1
        seen.append(" ".join(item.value for item in app.markdown))
        if not app.button(key="jl_proof_step_next").disabled:
            app.button(key="jl_proof_step_next").click().run()
        assert not app.exception
    assert len(set(seen)) == 6
    assert "(N − 2)/N = **0.998**" in seen[-1]
    app = open_page("johnson_lindenstrauss_proof", empty_store, jl_proof_step="5 All pairs", jl_proof_eps="0.5")
    assert any("**664** dimensions" in item.value and "**364**" in item.value for item in app.markdown)


def test_the_dimension_calculator_follows_the_norm(open_page, empty_store):
    app = open_page("dimension", empty_store, more=True)
    assert app.metric[0].value == "95.39"
    app.select_slider(key="dimension_rho").set_value(0.5).run()
    assert float(app.metric[0].value) > 200


def test_ladder_shades_the_useless_region_only_where_it_shows():
    x, dims = [10.0, 100.0], {"exact_union": np.array([50, 900])}
    shaded = lemma_figures.ladder(x, dims, axis="N", n_features=500, measured=[(10.0, 40.0)])
    assert any(shape.type == "rect" for shape in shaded.layout.shapes)
    assert shaded.data[-1].y == (40.0,)
    assert not lemma_figures.ladder(x, dims, axis="N", n_features=5000).layout.shapes


def test_marks_on_logarithmic_axes_put_the_name_at_the_logarithm():
    figure = marks.vertical(lemma_figures.lines([1, 2], {"a": np.ones(2)}, x_title="x", y_title="y"), 100.0, "here")
    assert figure.layout.annotations[-1].x == pytest.approx(2.0)
    assert figure.layout.shapes[-1].x0 == 100.0


def test_svd_figure_names_the_recipe_and_its_repair():
    ranks = np.array([2, 4])
    curves = {name: np.array([1.0, 0.5]) for name in measured_figures.SVD_NAMES}
    figure = measured_figures.svd_errors(ranks, curves, bound=np.array([2.0, 1.0]))
    names = [trace.name for trace in figure.data]
    assert any("as printed" in name for name in names)
    assert any("repaired" in name for name in names)
    assert figure.layout.yaxis.type == "log"


def test_attention_figure_floors_kl_for_its_logarithmic_axis():
    frame = pl.DataFrame(
        {
            "head_size": [2, 4],
            "pattern": ["dense", "dense"],
            "metric": ["kl", "kl"],
            "value": [0.1, 0.0],
            "low": [0.05, -0.01],
            "high": [0.2, 0.01],
        }
    )
    figure = dimension_figures.attention(frame, metric="kl", length=64)
    line = next(trace for trace in figure.data if trace.mode == "lines+markers")
    assert min(line.y) > 0
    assert [note.text for note in figure.layout.annotations] == ["8.33 ln L", "4.16 ln L", "1.61 ln L"]


def test_the_stored_sweep_shows_points_with_intervals_beside_theory_and_bounds():
    rows = [
        ("optimum", 10, 0, 5, "exact", 0.2, None, None, None),
        ("range_finder", 10, 0, 5, "bound", 0.7, None, None, None),
        ("range_finder", 10, 0, 5, "measured", 0.4, 0.35, 0.5, 20),
        ("range_finder", 10, 2, 5, "measured", 0.25, 0.2, 0.3, 20),
        ("post_raw", 0, 0, 5, "exact", 7.0, None, None, None),
        ("post_raw", 0, 0, 5, "measured", 7.1, 7.0, 7.3, 20),
    ]
    names = ("method", "oversampling", "power_iterations", "rank", "source", "value", "low", "high", "n")
    figure = measured_figures.svd_sweep(pl.DataFrame(rows, schema=names, orient="row"), norm="frobenius")
    traces = {trace.name: trace for trace in figure.data}
    assert "optimum of rank k + p" in traces
    points = traces["range finder, q = 0"]
    assert list(points.error_y.array) == pytest.approx([0.1])
    assert list(points.error_y.arrayminus) == pytest.approx([0.05])
    assert list(points.customdata) == [20]
    assert traces["bound of the range finder's mean, q = 0"].line.dash == "dashdot"
    assert traces["as printed, Gaussian Q, theory"].line.dash == "dot"
    assert figure.layout.yaxis.type == "log"


@pytest.mark.parametrize(
    ("page", "query"),
    [
        ("johnson_lindenstrauss_proof", {"jl_proof_n": 256, "jl_proof_eps": 0.4, "jl_proof_samples": 100}),
        ("johnson_lindenstrauss_svd", {"jl_svd_oversampling": 16, "jl_svd_power": 2}),
        ("johnson_lindenstrauss_hashing", {"jl_hash_samples": 500, "jl_hash_eps": 0.05}),
        ("dimension", {"dimension_form": "rows", "dimension_words": 64}),
    ],
)
def test_a_link_restores_the_controls(page, query, empty_store, open_page):
    app = open_page(page, empty_store, **{name: str(value) for name, value in query.items()})
    assert {name: app.session_state[name] for name in query} == query


def test_where_the_constant_comes_from_is_told_step_by_step(open_page, empty_store):
    app = open_page("dimension/laplace", empty_store, dimension_laplace_n="96")
    assert "H = **-0.147**" in " ".join(item.value for item in app.markdown)
    for _ in range(4):
        app.button(key="dimension_laplace_step_next").click().run()
        assert not app.exception
    assert "**95.39**" in " ".join(item.value for item in app.markdown)


def test_scaled_attention_has_no_threshold_and_the_unscaled_one_has(open_page, empty_store):
    from dashboard.chapters.dimension.scaled import drawn
    from engine.dimension import entropy

    open_page("dimension/scaled", empty_store, dimension_scaled_length="64")
    divided, plain = drawn(64, True), drawn(64, False)
    theory = entropy.scaled_attention_entropy([row[0] for row in divided], 64)
    assert [row[1] for row in divided] == pytest.approx(theory.tolist(), abs=0.05)
    assert plain[-1][1] < 0.5 < plain[0][1]


def test_points_are_projected_before_the_eye(open_page, empty_store):
    app = open_page("johnson_lindenstrauss/projected", empty_store, jl_projected_samples="4")
    spec = json.loads(app.get("plotly_chart")[0].proto.spec)
    assert len(spec["frames"]) == 18
    assert "(N − 2)/N = **0.5**" in " ".join(item.value for item in app.markdown)


def test_spiky_data_cost_a_sparse_projection_its_accuracy(open_page, empty_store):
    from dashboard.chapters.johnson_lindenstrauss.cost import table

    app = open_page("johnson_lindenstrauss/cost", empty_store)
    app.selectbox(key="jl_cost_data").set_value("one-hot difference").run()
    assert not app.exception
    frame = table("spiky", 32, 0.5, "sd")
    errors = dict(zip(frame["name"], frame["value"], strict=True))
    assert errors["very sparse, 1/√m 极稀疏"] > 1.5 * errors["Gaussian 高斯"]


@pytest.mark.parametrize("n", [1, 2, 7, 300])
def test_the_laws_of_a_pair_are_those_of_scipy(n):
    from scipy import stats

    from dashboard.chapters.johnson_lindenstrauss.distances import law_of

    grid = np.linspace(0.01, 3, 50)
    assert law_of("gaussian", n, 0.1, grid)[0] == pytest.approx(n * stats.chi2.pdf(n * grid, n), rel=1e-9, abs=1e-12)
    assert law_of("sparse", n, 0.1, grid)[0] == pytest.approx(stats.norm.pdf(grid, 1, 0.1), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(("largest", "said"), [(32, "end at 32, before the rule"), (128, "no corner stands out")])
def test_skip_gram_says_nothing_about_a_rule_that_its_dimensions_do_not_reach(largest, said):
    rows = [(n, metric, n / 200, None, None, 2) for n in (2, 8, largest) for metric in ("held_out", "share")]
    part = pl.DataFrame(rows, schema=["n_components", "metric", "value", "low", "high", "n"], orient="row")
    reading = skipgram_chapter.reading(part, {"8.33 ln N": 44.1})
    assert said in reading.apart


def test_two_projections_of_one_cost_stand_beside_each_other():
    rows = [("dense", 8192.0, 0.2, 0.2, 0.1, 0.3), ("signs", 8192.0, 0.2, 0.2, 0.1, 0.3)]
    frame = pl.DataFrame(rows, schema=["name", "cost", "exact", "value", "low", "high"], orient="row")
    dense, exact, signs, _ = projected_figures.error_and_cost(frame, y="error").data
    assert list(dense.x) == list(exact.x) == [8192]
    assert signs.x[0] == pytest.approx(8192, rel=0.1)
    assert signs.x[0] > 8192


def test_a_pattern_reached_at_one_length_only_is_told_with_its_size():
    frame = {"pattern": ["sparse", "sparse", "dense"], "length": [32, 64, 32], "value": [5.0, 6.0, 12.3]}
    told = [attention_chapter.growth(pl.DataFrame(frame), name) for name in ("sparse", "dense", "banded")]
    assert told == [
        "sparse: 5.0 at L = 32, 6.0 at L = 64 (× 1.2)",
        "dense: 12.3 at L = 32, at no other length",
        "banded: not reached",
    ]


def test_stored_numbers_are_told_in_words_and_not_in_columns_of_the_store(lemma_store, open_page):
    pages = {
        "johnson_lindenstrauss/bounds": ["points N", "ε", "smallest n of half of the draws", "draws"],
        "johnson_lindenstrauss/distances": ["projection", "n", "place", "row", "and row", "ratio"],
        "dimension/skipgram": ["dimensions n", "measured", "mean", "95 % from", "to", "splits"],
    }
    for page, columns in pages.items():
        tables = open_page(page, lemma_store, more=True).dataframe
        assert columns in [list(table.value.columns) for table in tables], page
