"""What the page of a run can do with its job: start it again with other settings, stop it."""

from collections.abc import Mapping
from typing import Any

from dashboard.parts import links


def buttons(run: Mapping[str, Any], *, key: str) -> None:
    """Buttons beside the name of a run."""
    links.page_link("new_run", "Run again with …", icon=":material/replay:", again=str(run["run_id"]))
