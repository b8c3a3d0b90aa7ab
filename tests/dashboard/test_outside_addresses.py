"""Nothing that a user wrote makes a viewer's browser ask another address: images of Markdown and HTML stay text."""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
import pytest
from google.protobuf.json_format import MessageToDict
from streamlit.runtime.scriptrunner_utils.script_run_context import ScriptRunContext
from streamlit.testing.v1 import AppTest

from dashboard.parts import inside
from store import runs
from store.editing import rename_run
from store.ingest import ingest
from tests.dashboard.conftest import HOME, fill_clue_run
from tests.dashboard.test_every_page import LABS, begin, places

OUTSIDE = "https://outside.example/"
SHOWN_AS_TEXT = {"code", "arrow_data_frame", "dataframe", "plotly_chart", "text", "json", "bidi_component", "table"}
PLAIN = {
    "default",
    "value",
    "values",
    "rawValues",
    "placeholder",
    "queryString",
    "id",
    "alt",
    "url",
    "formId",
    "language",
}
PICKED = {"selectbox", "multiselect"}
IMAGE = re.compile(r"(?<!\\)!\[[^\]]*\]\(https?://")
HTML = re.compile(r"<(img|iframe|link|script|object|embed|video|audio|source|svg|style|form|base)\b", re.IGNORECASE)
TABS = ("Curves", "Predictions", "Measurements", "Configuration", "Files", "Console", "Environment", "Related runs")


def hostile(place: str) -> str:
    """A text for some place that is an image in Markdown and in HTML."""
    return f'![{place}]({OUTSIDE}{place}.png)<img src="{OUTSIDE}{place}.png">'


def fill(db) -> list[str]:
    """Runs whose every text is hostile: ended, failed and running ones, paired, with examples, tables and marks."""
    ids = []
    for seed, model in ((1, hostile("model")), (2, hostile("model")), (1, "tiny"), (2, "tiny")):
        more = {"note": hostile("note"), "tags": [hostile("tag")], "name": hostile(f"name{seed}")}
        ids.append(fill_clue_run(db, seed=seed, model=model, recipe=hostile("recipe"), **more))
        rename_run(ids[-1], hostile(f"renamed{seed}"), db)
    fields = {
        name: hostile(name) for name in ("task", "model", "recipe", "dataset", "data_source", "device", "git_commit")
    }
    config, labels = {hostile("param"): hostile("setting"), "task": hostile("task")}, [hostile("yes"), hostile("no")]
    rows = {"example_id": ["1", "2"], "hash": ["a", "b"], "label": labels, "prediction": labels[::-1]}
    frame = pl.DataFrame({**rows, "confidence": [0.9, 0.6]})
    text = pl.DataFrame(
        {**rows, "text": [f'{{"{hostile("field").replace(chr(34), "")}": "{OUTSIDE}"}}', '"![x](https://o.o/x)"']}
    )
    for experiment in ("clue", "clue", hostile("experiment"), *LABS):
        run = begin(
            db,
            experiment,
            config=config,
            note=hostile("note"),
            tags=[hostile("tag")],
            name=hostile("name"),
            versions={hostile("package"): hostile("version")},
            **fields,
        )
        for step in range(3):
            run.log({f"dev/{hostile('metric')}": 0.5, "dev/accuracy": 0.5, hostile("plain"): 1.0}, step=step)
        run.summary({f"dev/{hostile('summary')}": 0.5, "dev/accuracy": 0.5})
        run.measure("own_table", {hostile("axis"): hostile("cell")}, **{hostile("measured"): 0.5})
        run.examples(fields["dataset"], "dev", text)
        run.predictions("dev", frame, probabilities=np.array([[0.9, 0.1], [0.4, 0.6]]), labels=labels)
        path = run.folder / "f.txt"
        path.write_text("x")
        run.artifact(hostile("artifact").replace("/", "_"), hostile("kind"), path)
        ids.append(run.run_id)
        if experiment == "clue" and len(ids) % 2:
            run.finish("failed", error=hostile("error"))
        elif experiment != "can":
            run.finish()
    runs.edit(db, "mark", hash="a", run_id=ids[4], mark=hostile("mark"), note=hostile("marked"))
    ingest(db, force=True)
    return ids


def strings(message: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Field and text of everything in a message."""
    if isinstance(message, dict):
        for name, item in message.items():
            if name not in PLAIN:
                yield from strings(item, name)
    elif isinstance(message, list):
        for item in message:
            yield from strings(item, path)
    elif isinstance(message, str):
        yield path, message


def asking(node: Any) -> Iterator[str]:
    """Texts below a node of the page that would make a browser ask."""
    if getattr(node, "proto", None) is not None and node.type not in SHOWN_AS_TEXT:
        html = node.type == "html" or getattr(node.proto, "allow_html", False)
        for path, text in strings(MessageToDict(node.proto)):
            if node.type in PICKED and path in ("options", "rawValue"):  # a list to choose from shows them as they are
                continue
            if (node.type != "html" and IMAGE.search(text)) or (html and HTML.search(text) and OUTSIDE in text):
                yield f"{node.type}.{path}: {text[:200]}"
    for child in getattr(node, "children", {}).values():
        yield from asking(child)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A database full of hostile texts, and its runs."""
    db = tmp_path_factory.mktemp("hostile") / "results.duckdb"
    return db, fill(db)


def views(ids: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Script and query of every page, of each part of a run's page, and of comparisons."""
    yield from ((script, query) for script, query in places() if not query or script == "labs/can")
    for run_id in (ids[0], ids[4]):
        for tab in TABS:
            yield "run", {"run": run_id, "run_tab": tab}
    for script in ("compare", "examples", "runs"):
        for chosen in ((ids[0], ids[2]), (ids[4], ids[5])):
            yield script, {"runs": ",".join(chosen)}


def test_no_page_asks_another_address_for_what_a_user_wrote(store, monkeypatch):
    db, ids = store
    monkeypatch.setenv("CLUEBOARD_DB", str(db))
    monkeypatch.setenv("CLUEBOARD_DEBUG", "1")
    app = AppTest.from_file(str(HOME), default_timeout=120).run()
    found = {}
    for script, query in views(ids):
        for name in list(app.query_params):
            del app.query_params[name]
        for name, value in query.items():
            app.query_params[name] = value
        app.switch_page(f"app_pages/{script}.py").run()
        for item in app.exception:
            found.setdefault(f"{item.message} {item.stack_trace[-2:]}", f"{script} {query}")
        for said in asking(app._tree):
            found.setdefault(said, f"{script} {query}")
    assert not found, "\n".join(f"{where}\n    {said}" for said, where in found.items())


@pytest.mark.parametrize("text", ["![x](https://o.o/x.png)", "a ![x](https://o.o/x.png) b", "![](http://o.o)"])
def test_the_search_finds_an_image(text, monkeypatch):
    sent = ScriptRunContext.enqueue
    monkeypatch.setattr(ScriptRunContext, "enqueue", getattr(sent, "__wrapped__", sent))

    def page(text):
        import streamlit

        streamlit.expander(text).caption("x", help=text)

    app = AppTest.from_function(page, args=(text,)).run()
    assert len(set(asking(app._tree))) == 2
    inside.stay_inside()
    assert list(asking(app.run()._tree)) == []
