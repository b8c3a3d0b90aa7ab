"""What the page of a run can do with its job: start it again with other settings, stop it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from dashboard import queries
from dashboard.figures import words
from dashboard.parts import links, local_time
from dashboard.parts.runs import job_queue
from store.errors import StoreError


def buttons(run: Mapping[str, Any], *, key: str) -> None:
    """Buttons beside the name of a run."""
    run_id = str(run["run_id"])
    links.page_link("new_run", "Run again with …", icon=":material/replay:", again=run_id)
    if run["status"] == "running" and job_queue.allowed():
        stop(run_id, key=key)


def stop(run_id: str, *, key: str) -> None:
    """Ask the process of a run to save and end, or end it at once."""
    with st.popover("Stop", icon=":material/stop_circle:"):
        st.markdown(
            "**Stop** asks the job to save a checkpoint and end; `--resume` continues it. **Kill** ends it now."
        )
        with st.container(horizontal=True):
            for label, kill in (("Stop", False), ("Kill", True)):
                if st.button(label, key=f"{key}_{label.lower()}_{run_id}"):
                    stop_now(run_id, kill=kill)


def stop_now(run_id: str, *, kill: bool = False) -> None:
    """Tell the process of a run, and say so; a process that cannot be told for certain is a sentence."""
    try:
        queries.stop_run(run_id, kill=kill)
    except StoreError as error:
        st.toast(f"{error}.", icon=":material/error:")
    else:
        said = "The job is ended." if kill else "The job saves a checkpoint and ends."
        st.toast(said, icon=":material/stop_circle:")


def history(run_id: str) -> None:
    """What was done to the process of a run from a page."""
    for line in queries.run_history(run_id):
        moment = datetime.fromtimestamp(line["at"], UTC)
        st.caption(f":material/history: {line['act']} {words.moment(moment, local_time.now())}")
