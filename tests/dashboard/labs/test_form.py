"""Every chapter of the six labs has every part of the form, in data and on its page."""

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import rooms
from dashboard.parts.labs import form
from tests.dashboard.conftest import HOME

CHAPTERS = [(lab, chapter) for lab in rooms.LABS for chapter in lab.all_chapters]
STORED = frozenset(
    (
        *("can/correct", "can/sweep", "whitening/scores", "whitening/vectors", "whitening/sentences"),
        *("whitening/layers", "initialization/training", "smoothing/training", "dimension/attention"),
        "dimension/skipgram",
    )
)
"""Chapters that show nothing without a stored run; the tests of their labs open them on one."""
POSTS = re.compile(r"\[\[(\d{4})\]\]\(https://kexue\.fm/archives/\1\)")
MOST_LINES = 60
MOST_LEAD = 140
BLANK = re.compile(r"\b(?:DIR|FILE|FOLDER|RUN|PATH|TASK|MODEL|NAME)\b|…|\.\.\.")
"""A word that the reader would have to replace."""


def module_of(lab, chapter):
    return importlib.import_module(f"dashboard.chapters.{lab.key}.{chapter.key}")


@pytest.mark.parametrize("lab", rooms.LABS, ids=lambda lab: lab.key)
def test_a_lab_is_four_to_six_chapters_in_reading_order(lab):
    assert 4 <= len(lab.chapters) <= 6
    assert len({chapter.key for chapter in lab.all_chapters}) == len(lab.all_chapters)


@pytest.mark.parametrize(("lab", "chapter"), CHAPTERS, ids=[f"{lab.key}-{chapter.key}" for lab, chapter in CHAPTERS])
def test_a_chapter_fills_in_every_part(lab, chapter):
    said = module_of(lab, chapter).CHAPTER
    assert isinstance(said, form.Chapter)
    assert said.question.endswith("?")
    assert len(re.findall(r"[.?](?:\s|$)", said.lead)) <= 2
    assert len(said.lead) <= MOST_LEAD, "the sentence takes a second line of a window of 1280"
    assert any("\u4e00" <= letter <= "\u9fff" for letter in said.chinese)
    assert said.guess.right in said.guess.answers
    assert len(said.guess.answers) >= 2
    assert said.guess.question.endswith("?")
    assert len(said.guess.because) > 20
    assert len(said.good_for) > 20
    assert said.formula
    assert POSTS.search(said.reference), said.reference
    assert all(callable(part) for part in said.more.values())


@pytest.mark.parametrize(("lab", "chapter"), CHAPTERS, ids=[f"{lab.key}-{chapter.key}" for lab, chapter in CHAPTERS])
def test_the_code_to_take_along_is_short_and_parses(lab, chapter):
    code = module_of(lab, chapter).CHAPTER.code.strip()
    assert ast.parse(code)
    statements = [line for line in code.splitlines() if line.strip() and not line.startswith(("import", "from"))]
    assert 2 <= len(statements) <= 8


@pytest.mark.parametrize(("lab", "chapter"), CHAPTERS, ids=[f"{lab.key}-{chapter.key}" for lab, chapter in CHAPTERS])
def test_no_function_of_a_chapter_is_long(lab, chapter):
    module = module_of(lab, chapter)
    own = [item for item in vars(module).values() if inspect.isfunction(item) and item.__module__ == module.__name__]
    lengths = {item.__name__: len(inspect.getsource(item).splitlines()) for item in own}
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}


def said_on(app):
    """Complaints about what a chapter's page says: one sees, theory, measured, where they part, good for."""
    texts = "\n\n".join(item.value for item in app.markdown).replace("\N{NO-BREAK SPACE}", " ")
    seen = "**You see.**" in texts or any("You see" in item.proto.json for item in app.get("bidi_component"))
    missing = [part for part in ("Theory", "Measured", "Where they part", "Good for") if f"**{part}.** " not in texts]
    found = re.search(r"\*\*Measured\.\*\* (.*?)(?:\n\n|$)", texts, re.S)
    measured = found.group(1) if found else ""
    return [
        *missing,
        *([] if seen else ["You see"]),
        *([] if re.search(r"\d", measured) else ["a number measured"]),
        *([] if "95 %" in measured or "interval" in measured else ["an interval, or that there is none"]),
        *([] if app.get("plotly_chart") else ["a picture"]),
        *(error.value for error in app.error),
        *(error.message for error in app.exception),
    ]


@pytest.mark.parametrize("lab", rooms.LABS, ids=lambda lab: lab.key)
def test_a_page_says_what_one_sees_what_holds_what_was_measured_and_where_they_part(lab, empty_store, monkeypatch):
    monkeypatch.setenv("CLUEBOARD_DB", str(empty_store))
    app = AppTest.from_file(str(HOME), default_timeout=120).run()
    wrong = {}
    for chapter in lab.all_chapters:
        if f"{lab.key}/{chapter.key}" not in STORED:
            app.query_params["chapter"] = chapter.key
            app.switch_page(f"app_pages/{lab.script}.py").run()
            wrong[chapter.key] = said_on(app)
    assert {key: missing for key, missing in wrong.items() if missing} == {}


@pytest.mark.slow
@pytest.mark.parametrize(("lab", "chapter"), CHAPTERS, ids=[f"{lab.key}-{chapter.key}" for lab, chapter in CHAPTERS])
def test_every_control_takes_both_of_its_ends(lab, chapter, empty_store, monkeypatch):
    monkeypatch.setenv("CLUEBOARD_DB", str(empty_store))
    monkeypatch.setenv("CLUEBOARD_DEBUG", "1")
    app = AppTest.from_file(str(HOME), default_timeout=120).run()
    app.query_params["chapter"] = chapter.key
    app.switch_page(f"app_pages/{lab.script}.py").run()
    for end in ("min", "max"):
        for key in [control.key for kind in ("slider", "number_input") for control in app.get(kind)]:
            control = next(found for found in (*app.slider, *app.number_input) if found.key == key)
            if getattr(control, end) is not None:
                control.set_value(getattr(control, end))
                app.run()
            assert not app.exception, f"{key} at its {end}: {app.exception[0].value}"
            said = " ".join(item.value for item in app.markdown)
            assert not re.search(r"\b(nan|inf|None)\b", said), f"{key} at its {end}: {said}"


@pytest.mark.parametrize(("lab", "chapter"), CHAPTERS, ids=[f"{lab.key}-{chapter.key}" for lab, chapter in CHAPTERS])
def test_links_to_widgets_inside_a_part_name_a_part_and_a_widget(lab, chapter):
    module = module_of(lab, chapter)
    source = inspect.getsource(module)
    for start, name in module.CHAPTER.inside.items():
        assert name in module.CHAPTER.more
        assert f'"{start}' in source.split("CHAPTER = ")[0]


@pytest.mark.parametrize(("lab", "chapter"), CHAPTERS, ids=[f"{lab.key}-{chapter.key}" for lab, chapter in CHAPTERS])
def test_a_measured_answer_says_when_and_quotes_the_results(lab, chapter):
    guess = module_of(lab, chapter).CHAPTER.guess
    measured = re.search(
        r"\b(?:in|under) our\b|\bIn our\b|\bsolved\b|\bkept share\b|\bwent from\b|0\.\d+ against", guess.because
    )
    assert bool(guess.measured) == bool(measured), guess.because
    if guess.measured:
        results = (Path(__file__).parents[3] / "docs" / "RESULTS.md").read_text(encoding="utf-8")
        quoted = re.findall(r"\d+\.\d+|\d+ %", guess.because)
        computed = {"57.5"}  # 8.33 ln N
        assert [number for number in quoted if number not in results and number not in computed] == []
        assert guess.measured.removeprefix("on ").rsplit(" and ", 1)[-1] in results


@pytest.mark.parametrize("lab", [lab for lab in rooms.LABS if any(name.startswith(lab.key) for name in STORED)])
def test_the_command_of_a_chapter_without_a_run_leaves_nothing_to_fill_in(lab, empty_store, monkeypatch):
    monkeypatch.setenv("CLUEBOARD_DB", str(empty_store))
    app = AppTest.from_file(str(HOME), default_timeout=120).run()
    for chapter in [chapter.key for chapter in lab.all_chapters if f"{lab.key}/{chapter.key}" in STORED]:
        app.query_params["chapter"] = chapter
        app.switch_page(f"app_pages/{lab.script}.py").run()
        shown = [code.value for code in app.code if code.language == "bash"]
        assert shown, chapter
        for command in "\n".join(shown).splitlines():
            assert f"={empty_store} python -m jobs." in command
            assert not BLANK.search(command), command


def test_a_link_that_names_a_choice_without_a_value_opens_the_chapter_on_its_first_choice(empty_store, monkeypatch):
    monkeypatch.setenv("CLUEBOARD_DB", str(empty_store))
    monkeypatch.setenv("CLUEBOARD_DEBUG", "1")
    app = AppTest.from_file(str(HOME), default_timeout=120).run()
    for name, value in {"chapter": "law", "dimension_form": "", "dimension_words": ""}.items():
        app.query_params[name] = value
    app.switch_page("app_pages/labs/dimension.py").run()
    assert not app.exception
    assert said_on(app) == []
    assert app.session_state["dimension_form"] == "pairs"
