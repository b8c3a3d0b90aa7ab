"""The comparison of configurations: pairing, evidence, config difference, and the tables made of it."""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy import stats

from dashboard.figures import words
from dashboard.frames import example_html
from dashboard.frames.comparison import configurations, paired_predictions
from dashboard.reports import paper_tables
from engine.evidence.paired import mcnemar_p
from engine.text.tasks import TASKS

CLASSES = ("entailment", "neutral", "contradiction")


def predictions(accuracy, seed, n=2000, first=0):
    rng = np.random.default_rng(seed)
    labels = np.random.default_rng(99).integers(0, 3, n)
    preds = np.where(rng.random(n) < accuracy, labels, (labels + rng.integers(1, 3, n)) % 3)
    return pl.DataFrame(
        {
            "example_id": [str(first + i) for i in range(n)],
            "hash": [f"{first + i:016x}" for i in range(n)],
            "label": [CLASSES[i] for i in labels],
            "prediction": [CLASSES[i] for i in preds],
            "confidence": rng.random(n),
            "text": ["{}"] * n,
        }
    )


def config(name, n):
    return configurations.Configuration(name, tuple(f"{name}{i}" for i in range(n)), tuple(range(n)))


def test_one_seed_each_is_mcnemars_test_and_a_winner_is_named():
    pairing = paired_predictions.pair([predictions(0.6, 1)], [predictions(0.7, 2)])
    found = paired_predictions.compare_accuracy(config("A", 1), config("B", 1), pairing)
    right = {side: pairing.rights(side)[:, 0].astype(bool) for side in "ab"}
    only_a, only_b = (right["a"] & ~right["b"]).sum(), (right["b"] & ~right["a"]).sum()
    assert found.p_value == pytest.approx(mcnemar_p(int(only_a), int(only_b)))
    assert found.difference.value == pytest.approx(right["b"].mean() - right["a"].mean())
    assert found.sentence.startswith(
        "One seed each, so this is about these trained models and not about training again: B is better"
    )
    assert "examples" in found.needed


def test_several_seeds_are_compared_with_the_paired_t_test_over_seeds():
    seeds_a = [predictions(0.6, seed) for seed in (1, 2, 3)]
    seeds_b = [predictions(0.62, seed) for seed in (4, 5, 6)]
    pairing = paired_predictions.pair(seeds_a, seeds_b)
    found = paired_predictions.compare_accuracy(config("A", 3), config("B", 3), pairing)
    by_seed = [[(f["label"] == f["prediction"]).mean() for f in side] for side in (seeds_a, seeds_b)]
    assert found.over_seeds.p_value == pytest.approx(stats.ttest_rel(by_seed[1], by_seed[0]).pvalue)
    assert found.difference.value == pytest.approx(np.mean(by_seed[1]) - np.mean(by_seed[0]))
    assert "trained again and on other examples (3 seeds each" in found.sentence


def test_equal_predictions_show_no_difference():
    same = predictions(0.6, 1)
    pairing = paired_predictions.pair([same], [same])
    found = paired_predictions.compare_accuracy(config("A", 1), config("B", 1), pairing)
    assert found.p_value == 1.0
    assert "score the same" in found.sentence


def test_macro_f1_is_that_of_scikit_learn():
    from sklearn.metrics import f1_score

    a, b = predictions(0.5, 1), predictions(0.8, 2)
    found = paired_predictions.compare_macro_f1(config("A", 1), config("B", 1), paired_predictions.pair([a], [b]))
    expected = [f1_score(f["label"], f["prediction"], average="macro") for f in (a, b)]
    assert found.difference.value == pytest.approx(expected[1] - expected[0])
    assert found.p_value < 0.05


def test_configurations_of_one_model_are_named_by_what_sets_them_apart():
    runs = pl.DataFrame(
        {
            "run_id": ["a1", "a2", "b1", "c1"],
            "config_hash": ["a", "a", "b", "c"],
            "seed": [1, 2, 1, 1],
            "task": ["tnews"] * 4,
            "model": ["tiny"] * 4,
            "recipe": ["modern"] * 4,
        }
    )
    values = {"a1": ("0.0", "32"), "a2": ("0.0", "32"), "b1": ("4.0", "null"), "c1": ("0.0", "null")}
    rows = [
        (run, name, value)
        for run, pair in values.items()
        for name, value in zip(("rdrop", "batch_size"), pair, strict=True)
    ]
    params = pl.DataFrame(rows, schema=["run_id", "name", "value"], orient="row")
    names = [config.name for config in configurations.configurations(runs, params)]
    assert names == ["A: tiny modern · batch size 32", "B: tiny modern · rdrop 4.0", "C: tiny modern"]


def test_macro_f1_of_several_seeds_is_compared_over_them_too():
    from sklearn.metrics import f1_score

    sides = [[predictions(0.5, seed) for seed in (1, 2, 3)], [predictions(0.6, seed) for seed in (4, 5, 6)]]
    found = paired_predictions.compare_macro_f1(config("A", 3), config("B", 3), paired_predictions.pair(*sides))
    f1 = [[f1_score(frame["label"], frame["prediction"], average="macro") for frame in side] for side in sides]
    assert found.over_seeds.p_value == pytest.approx(stats.ttest_rel(f1[1], f1[0]).pvalue)
    assert "trained again and on other examples (3 seeds each" in found.sentence


def test_three_equal_seeds_against_one_of_them_differ_by_nothing():
    same = predictions(0.5, 1)
    found = paired_predictions.compare_macro_f1(
        config("A", 3), config("B", 1), paired_predictions.pair([same] * 3, [same])
    )
    assert (found.difference.value, found.p_value) == (0.0, 1.0)


def test_entities_are_counted_by_type_and_place():
    gold = json.dumps({"name": {"王小明": [[0, 2]]}}, ensure_ascii=False)
    frame = predictions(0.5, 1, n=40).with_columns(label=pl.lit(gold), prediction=pl.lit(gold))
    wrong = frame.with_columns(prediction=pl.lit(json.dumps({"book": {"王小明": [[0, 2]]}})))
    found = paired_predictions.compare_entity_f1(
        config("A", 1), config("B", 1), paired_predictions.pair([wrong], [frame])
    )
    assert found.difference.value == pytest.approx(1.0)


def test_rows_without_partner_are_counted_and_too_little_overlap_is_refused():
    pairing = paired_predictions.pair([predictions(0.6, 1)], [predictions(0.6, 1).head(1990)])
    assert (pairing.n, pairing.only_a, pairing.only_b) == (1990, 10, 0)
    with pytest.raises(paired_predictions.NotComparable, match="needs 95%"):
        paired_predictions.pair([predictions(0.6, 1)], [predictions(0.6, 1, first=1000)])
    with pytest.raises(paired_predictions.NotComparable, match="stored no labelled predictions"):
        paired_predictions.pair([predictions(0.6, 1)], [predictions(0.6, 1).head(0)])


def test_the_second_side_is_not_read_where_the_first_has_no_predictions():
    def unread():
        raise AssertionError("read")
        yield

    none = predictions(0.6, 1).clear()
    with pytest.raises(paired_predictions.NotComparable, match="A stored no labelled predictions"):
        paired_predictions.pair([none], unread())


def test_holm_corrects_and_the_sentence_uses_it():
    pairing = paired_predictions.pair([predictions(0.6, 1)], [predictions(0.63, 2)])
    one = paired_predictions.compare_accuracy(config("A", 1), config("B", 1), pairing)
    one = replace(one, joint=replace(one.joint, weights_p=0.04))
    other = replace(one, joint=replace(one.joint, weights_p=0.5))
    corrected = paired_predictions.with_holm([one, other])
    assert corrected[0].p_adjusted == pytest.approx(0.08)
    assert "no difference is shown" in corrected[0].sentence


def test_config_difference_keeps_only_what_differs():
    params = pl.DataFrame(
        {
            "run_id": ["A0", "A0", "A0", "B0", "B0"],
            "name": ["learning_rate", "epochs", "unset", "learning_rate", "epochs"],
            "value": ["0.001", "3", "null", "0.0005", "3"],
        }
    )
    table = configurations.config_difference(params, [config("A", 1), config("B", 1)])
    assert table.to_dicts() == [{"parameter": "learning_rate", "A": "0.001", "B": "0.0005"}]
    typed = configurations.parameter_values(params)
    assert typed["learning_rate"].to_list() == [0.001, 0.0005]


def metric_frame():
    summary = pl.DataFrame(
        {
            "run_id": ["A0", "A1", "B0", "B1", "B1"],
            "name": ["dev/accuracy"] * 4 + ["dev/loss"],
            "value": [0.70, 0.72, 0.80, 0.82, float("nan")],
        }
    )
    return configurations.metric_table(summary, [config("A", 2), config("B", 2)])


def test_metric_table_means_over_seeds_and_leaves_nan_out():
    table = metric_frame()
    assert table["metric"].unique().to_list() == ["dev/accuracy"]
    assert table["mean"].to_list() == pytest.approx([0.71, 0.81])
    assert table["n"].to_list() == [2, 2]


@pytest.mark.parametrize(
    ("metric", "values", "shown"),
    [
        ("dev/accuracy", (0.70, 0.72, 0.74), True),
        ("dev/accuracy", (0.70, 0.72), False),  # two seeds: t is 12.7
        ("dev/auc", (0.9, 0.99, 0.7), False),  # beyond 1
        ("dev/loss", (0.1, 2.0, 0.5), False),  # below 0
        ("dev/spearman", (0.05, -0.02, 0.04), True),
        ("dev/margin", (-1.0, 0.0, 1.0), True),
    ],
)
def test_intervals_beyond_what_a_metric_can_be_become_points(metric, values, shown):
    runs = [f"A{i}" for i in range(len(values))]
    summary = pl.DataFrame({"run_id": runs, "name": metric, "value": values})
    row = configurations.metric_table(summary, [config("A", len(values))]).row(0, named=True)
    assert row["mean"] == pytest.approx(np.mean(values))
    assert (row["low"] is not None, row["high"] is not None) == (shown, shown)


def test_a_span_whose_ends_are_written_alike_is_one_number():
    assert words.span(0.401, 0.404, ".0%") == "40 %"
    assert words.span(0.40, 0.60, ".0%") == "40 % to 60 %"
    assert words.between("dev/accuracy", 0.71, 0.71) == "71.00"


def test_a_mean_over_two_draws_has_no_interval():
    assert words.means(20, "draw") == "Means over 20 draws with 95 % intervals"
    assert words.means(2, "draw") == "Means over 2 draws, too few for intervals"
    assert words.interval(0.1, 0.2) == " (95 % 0.1 to 0.2)"
    assert words.interval(None, None) == ""


def test_tables_set_the_best_in_bold_and_mark_significance():
    text = paper_tables.markdown(metric_frame(), significant={("dev/accuracy", "B")})
    assert "| dev accuracy | 71.00 ± 1.41 | **81.00 ± 1.41*** |" in text
    assert r"\textbf{81.00 $\pm$ 1.41}" in paper_tables.latex(metric_frame())
    signs = r"\textbackslash{}\textasciitilde{}\textasciicircum{}\%\&$<$$-$1 $\pm$ 2"
    assert signs in paper_tables.latex(metric_frame(), sentences=["\\~^%&<\N{MINUS SIGN}1 ± 2"])
    assert "$-$0.1 points (95~\\%)" in paper_tables.latex(metric_frame(), sentences=["-0.1 points (95%)"])
    assert "**" not in paper_tables.markdown(metric_frame().with_columns(metric=pl.lit("dev/threshold")))
    below = metric_frame().with_columns(metric=pl.lit("dev/spearman"), mean=-pl.col("mean"))
    assert " $-$81.00" in paper_tables.latex(below).replace("{", " ")
    assert "\N{MINUS SIGN}81.00" in paper_tables.markdown(below)
    assert r"own\_model" in paper_tables.latex(metric_frame().with_columns(configuration=pl.lit("own_model")))


@pytest.mark.parametrize("spec", [None, *TASKS.values()], ids=lambda spec: spec.name if spec else "unknown")
def test_every_metric_of_a_task_has_its_comparison(spec):
    found = paired_predictions.metrics_of(spec)
    assert next(iter(found.values())).name == (spec.metric if spec else "accuracy")
    assert all(callable(paired_predictions.comparison(metric)) for metric in found.values())


@pytest.mark.parametrize(
    ("task", "fields", "label", "expected"),
    [
        ("afqmc", {"sentence1": "花呗怎么还款", "sentence2": "借呗怎么还款"}, "0", ">花</mark>"),
        ("cmrc2018", {"context": "他在北京工作", "question": "在哪？"}, "北京", ">北京</mark>"),
        ("cluener", {"text": "王小明来了"}, json.dumps({"name": {"王小明": [[0, 2]]}}), 'title="name"'),
        ("c3", {"passage": ["甲：好"], "question": "谁？", "choice": ["甲", "乙"]}, "0", "✓ "),
        (
            "chid",
            {"content": "他#idiom000001#。", "blank": "#idiom000001#", "candidates": ["一心一意"]},
            "0",
            ">一心一意</mark>",
        ),
        ("tnews", {"sentence": "<b>恶意</b>"}, "1", "&lt;b&gt;恶意"),
        ("tnews", {"sentence": "{不是一个对象}"}, "1", "{不是一个对象}"),
        ("csl", {"keyword": ["成像"], "abst": "水下成像。"}, "1", ">成像</mark>。"),
        ("unknown", {"sentence1": "一", "sentence2": "二"}, "0", "一 二"),
    ],
)
def test_an_example_is_drawn_as_its_task_says(task, fields, label, expected):
    text = json.dumps(fields, ensure_ascii=False)
    drawn = example_html.render(text, TASKS.get(task), label=label, predictions=[label])
    assert expected in drawn
