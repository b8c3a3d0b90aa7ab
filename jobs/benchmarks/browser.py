"""What a browser sees of a page: the time to its first paint, the time until it is ready, and the bytes it received."""

from __future__ import annotations

import shutil
import urllib.parse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

PAYLOAD_KB, MANY_CURVES_KB = 500, 1500
READY = """() => {
    const app = document.querySelector('[data-testid="stApp"]');
    const main = document.querySelector('[data-testid="stMainBlockContainer"]');
    const state = app && app.getAttribute('data-test-script-state');
    const busy = document.querySelector('[data-testid="stSkeleton"], [data-testid="stSpinner"], [data-stale="true"]');
    return !!main && main.innerText.trim().length > 20 && (!state || state === 'notRunning') && !busy;
}"""
PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime / 1000"


class Page(Protocol):
    """What a page needs to be opened."""

    name: str
    page: str
    query: dict[str, str]


def paint(base: str, cases: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """First paint, time until ready and payload of pages in headless Chromium; nothing without playwright or Chromium.

    Args:
        base: address of the server.
        cases: pages with `name`, `page` and `query`.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return
    with sync_playwright() as driver:
        own = driver.chromium.executable_path
        path = shutil.which("chromium") or shutil.which("google-chrome") or (own if Path(own).exists() else None)
        if path is None:
            return
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        window = browser.new_context().new_page()
        window.goto(base)  # the scripts of the dashboard come from the browser's cache from here on
        window.wait_for_function(READY, timeout=60_000)
        for case in cases:
            yield from _open(window, base, case)
        browser.close()


def _open(window: Any, base: str, case: Page) -> Iterator[dict[str, Any]]:
    received = [0]

    def listen(socket: Any) -> None:
        socket.on("framereceived", lambda payload: received.__setitem__(0, received[0] + len(payload)))

    window.on("websocket", listen)
    window.goto(f"{base}/{case.page}?{urllib.parse.urlencode(case.query)}")
    window.wait_for_function(READY, timeout=60_000)
    ready = window.evaluate("() => performance.now() / 1000")
    painted = window.evaluate(PAINT)
    window.wait_for_timeout(300)
    window.remove_listener("websocket", listen)
    cost = f"ready after {ready:.2f} s"
    row = {"peer": cost, "ratio": None}
    yield {"name": f"{case.name}: first paint", "value": painted, "unit": "s", "bar": "< 1", **row}
    limit = MANY_CURVES_KB if case.name.startswith("100 curves") else PAYLOAD_KB
    size: dict[str, Any] = {
        "name": f"{case.name}: received", "value": received[0] / 1000, "unit": "kB", "peer": ""
    }  # fmt: skip
    judged = "curve" in case.name or "compare" in case.name
    yield size | ({"bar": f"< {limit}", "holds": size["value"] < limit} if judged else {})
