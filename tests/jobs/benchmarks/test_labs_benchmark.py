"""The benchmark of the labs opens a chapter and moves its controls, each to a value that it can take."""

import threading

from streamlit.testing.v1 import AppTest

from jobs.benchmarks import labs


def test_a_chapter_is_opened_and_its_controls_are_moved(tmp_path, monkeypatch):
    monkeypatch.setenv("CLUEBOARD_DB", str(tmp_path / "empty.duckdb"))
    app = AppTest.from_file(str(labs.HOME), default_timeout=120).run()
    first, answers = labs.measure(app, "labs/smoothing", "fits", controls=2)
    assert not app.error
    assert first > 0
    assert set(answers) == {"smoothing_fits_constant", "smoothing_fits_case"}
    assert app.slider(key="smoothing_fits_constant").value != 1.7
    assert not app.exception


def test_libraries_that_are_still_loading_are_waited_for():
    loaded = threading.Event()
    threading.Thread(target=lambda: loaded.wait(0.3) or loaded.set(), name="libraries_0").start()
    labs._await_libraries()
    assert loaded.is_set()
