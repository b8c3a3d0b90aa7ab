"""The real server: every page answers, and it listens on this machine only."""

import json
import re
import socket
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest

HOME = Path(__file__).parents[2] / "dashboard" / "Home.py"
PAGES = re.findall(r'"app_pages/(\w+)\.py"', HOME.read_text(encoding="utf-8"))


def ask(base, **request):
    body = json.dumps(request).encode()
    call = urllib.request.Request(f"{base}/_stcore/agent/interact", body, {"content-type": "application/json"})
    with urllib.request.urlopen(call, timeout=60) as reply:
        return json.load(reply)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_answers_ready_and_shows_no_exception(page, served):
    answer = ask(served, page="" if page == "overview" else page)
    assert answer["status"] == "ready"
    assert '"type": "exception"' not in json.dumps(answer["tree"])


def test_a_link_to_one_run_is_understood(served):
    answer = ask(served, page="run", query_params={"run": ["no-such-run"]})
    assert "no-such-run" in json.dumps(answer["tree"])


def test_other_machines_cannot_connect(served):
    port = urlsplit(served).port
    own = socket.gethostbyname(socket.gethostname())
    if own.startswith("127."):
        pytest.skip("this machine has no other address")
    with pytest.raises(OSError, match=r"refused|unreachable|timed out"):
        socket.create_connection((own, port), timeout=2)
