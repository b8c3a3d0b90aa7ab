"""The real server: every page answers, and it listens on this machine only."""

import json
import socket
import urllib.request
from urllib.parse import parse_qs, urlsplit

import pytest

from dashboard import rooms


def ask(base, **request):
    body = json.dumps(request).encode()
    call = urllib.request.Request(f"{base}/_stcore/agent/interact", body, {"content-type": "application/json"})
    with urllib.request.urlopen(call, timeout=60) as reply:
        return json.load(reply)


# every fourth in the default run: `test_every_page.py` and the tests of the labs open the others without a server
@pytest.mark.parametrize(
    "address",
    [
        address if number % 4 == 0 else pytest.param(address, marks=pytest.mark.slow)
        for number, address in enumerate(rooms.addresses())
    ],
)
def test_every_page_answers_ready_and_shows_no_exception(address, served):
    parts = urlsplit(address)
    answer = ask(served, page=parts.path, query_params=parse_qs(parts.query))
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
