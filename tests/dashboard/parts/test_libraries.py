"""Libraries loaded behind the server's first answer."""

import sys
import threading

from dashboard import rooms
from dashboard.parts import libraries


def test_libraries_are_loaded_in_a_thread_and_one_that_fails_stops_none(tmp_path, monkeypatch):
    (tmp_path / "clueboard_broken.py").write_text("raise RuntimeError('of another version')\n")
    (tmp_path / "clueboard_slow.py").write_text("import threading\nTHREAD = threading.current_thread().name\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(libraries, "SLOW", ("clueboard_broken", "clueboard_slow"))
    monkeypatch.setattr(libraries, "OWN", ("figures", "chapters"))
    libraries.load_ahead.clear()
    libraries.load_ahead()
    for thread in threading.enumerate():
        if thread.name.startswith("libraries"):
            thread.join(30)
    chapters = {f"dashboard.chapters.{lab.key}.{chapter.key}" for lab in rooms.LABS for chapter in lab.all_chapters}
    assert chapters <= sys.modules.keys()
    loaded = sys.modules.pop("clueboard_slow")
    assert loaded.THREAD.startswith("libraries")
    assert "clueboard_broken" not in sys.modules
