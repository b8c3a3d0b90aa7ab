"""Start a job of the project: a form of its settings, its command as it changes, and the queue of what was started."""

from typing import Any

import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures import words
from dashboard.frames.runs import job_form
from dashboard.parts import commands, guard, headings, links
from dashboard.parts.runs import job_queue

KEY = "new_run"
COLUMNS = 4
LISTED = 20
SIGNS = {
    "waiting": ":gray-badge[:material/schedule: waiting]",
    "running": ":blue-badge[:material/play_circle: running]",
    "finished": ":green-badge[:material/check_circle: finished]",
    "failed": ":red-badge[:material/error: failed]",
    "stopped": ":orange-badge[:material/pause_circle: stopped]",
    "taken out": ":gray-badge[:material/block: taken out]",
}

headings.title(
    "New run",
    "Choose a job and its settings: copy its command, or start it here.",
    note="""Fields that are left empty take the job's own default. Several values (`1e-4 3e-4`) or a range
(`1e-5..1e-3:log`) in a field of one number make a sweep over them. A started job is a process of its own: it goes on
when this page or the dashboard is closed. *Stop* asks it to save a checkpoint and end.""",
)
JOBS = job_queue.catalogue()
version = queries.store_version()


def fill_in() -> None:
    """Fields from the run that the link names, once."""
    again = st.query_params.get("again", "")
    if not again or st.session_state.get(f"{KEY}_again") == again:
        return
    st.session_state[f"{KEY}_again"] = again
    run = queries.find_run(version, again)
    if run is None:
        st.warning(f"The link names run {again!r}, which is not in this store.", icon=":material/link_off:")
        return
    found = job_form.filled(JOBS, run["command"])
    if found is None:
        st.info("The form starts the jobs of this project; this run was none of them.", icon=":material/terminal:")
        commands.show(run)
        return
    number, fields = found
    st.session_state[f"{KEY}_job"] = number
    for flag in JOBS[number]["flags"]:
        value: str | bool | list[str] | None = fields.get(flag["name"])
        if flag["name"] == "task":
            value = (value or "").split() if isinstance(value, str) else list(flag["default"] or [])
        elif flag["kind"] == "choice" and value not in flag["choices"]:
            value = flag["default"]
        elif flag["kind"] != "switch":
            value = value or ""
        st.session_state[key_of(number, flag)] = value


def key_of(number: int, flag: job_form.Flag) -> str:
    """Of a field's widget."""
    return f"{KEY}_{job_form.title(JOBS[number]).replace(' ', '_')}_{flag['name']}"


def field(number: int, flag: job_form.Flag) -> str | bool:
    """The widget of a flag; returns what stands in it as text, or whether a switch is on."""
    key, label = key_of(number, flag), words.heading(flag["name"])
    more: dict[str, Any] = {"key": key, "help": flag["about"]}
    if key not in st.session_state and flag["kind"] == "switch":
        st.session_state[key] = bool(flag["default"])
    if flag["kind"] == "switch":
        return st.toggle(label, **more)
    if flag["kind"] == "choice" and not flag["several"]:
        if key not in st.session_state:
            st.session_state[key] = flag["default"]
        return str(st.selectbox(label, flag["choices"], **more) or "")
    if flag["name"] == "task" and flag["several"]:
        if key not in st.session_state:
            st.session_state[key] = list(flag["default"] or [])
        names = [*queries.task_specs(version), "all"]
        return " ".join(
            st.multiselect(label, names, accept_new_options=True, placeholder="all tasks of a list", **more)
        )
    default = flag["default"]
    usual = " ".join(map(str, default)) if isinstance(default, list) else default
    shown = str(usual) if usual not in (None, "") else "default"
    return st.text_input(label, key=key, help=flag["about"], placeholder=shown)


def form(number: int) -> dict[str, str | bool]:
    """The fields of a job, what is seldom changed folded."""
    first, others = job_form.ordered(JOBS[number]["flags"])
    values: dict[str, str | bool] = {}
    for flags, place in ((first, st.container()), (others, st.expander("More settings", icon=":material/tune:"))):
        with place:
            for start in range(0, len(flags), COLUMNS):
                for column, flag in zip(st.columns(COLUMNS), flags[start : start + COLUMNS], strict=False):
                    with column:
                        values[flag["name"]] = field(number, flag)
    return values


def show_command(found: job_form.Command, *, estimates: bool) -> None:
    """The command to copy, what is wrong with it, and the buttons where jobs may be started."""
    st.code(commands.of_this_store(found.line), language="bash", wrap_lines=True)
    for problem in found.problems:
        st.error(problem, icon=":material/error:")
    if found.sweep:
        st.caption("Several values or a range: a sweep over them.")
    if not job_queue.allowed():
        show_how_to_turn_on()
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        wrong = bool(found.problems)
        start = st.button("Start", type="primary", icon=":material/play_arrow:", key=f"{KEY}_start", disabled=wrong)
        ask = estimates and st.button("Estimate", icon=":material/timer:", key=f"{KEY}_estimate", disabled=wrong)
        at_once = st.number_input(
            "Jobs at once", 1, 64, 1, key=f"{KEY}_at_once", width=150, label_visibility="collapsed", help="jobs at once"
        )
        st.caption("at once", width="content")
    if start:
        job_queue.add(found.words, at_once=int(at_once))
        st.toast("The job is in the queue.", icon=":material/check:")
    if ask:
        with st.spinner("Asking the job …"):
            st.code(job_queue.estimate(found.words), language=None, wrap_lines=True)


def show_how_to_turn_on() -> None:
    """What is needed to start jobs from this page."""
    with st.expander("Start jobs from this page", icon=":material/power_settings_new:"):
        st.markdown(
            "This server was not started for it. Jobs run as you, on this machine, so the page starts them only where "
            "it is asked to, and only while the dashboard listens on this machine alone:"
        )
        st.code(commands.of_this_store(f"{job_queue.SWITCH}=1 streamlit run dashboard/Home.py"), language="bash")


def show_queue() -> None:
    """What was started here: status, runs, log, stop."""
    found = job_queue.entries()[:LISTED]
    if not found:
        return
    st.subheader("Started here", anchor=False)
    runs = queries.all_runs(queries.store_version())
    for entry in found:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(SIGNS[entry.status], width="content")
            for run_id in runs_of(entry, runs):
                links.run_link(run_id)
            if entry.status in ("waiting", "running") and job_queue.allowed():
                for label, kill in (("Stop", False), ("Kill", True)):
                    if st.button(label, key=f"{KEY}_{label.lower()}_{entry.id}", type="tertiary"):
                        job_queue.end(entry, kill=kill)
        with st.expander(" ".join(entry.words[2:]), key=f"{KEY}_log_{entry.id}", on_change="rerun") as opened:
            if opened.open:
                st.code(job_queue.log(entry) or "Nothing is printed yet.", language=None, wrap_lines=True, height=320)


def runs_of(entry: job_queue.Entry, runs: pl.DataFrame) -> list[str]:
    """Runs that the process of a job wrote, the newest first."""
    if "pid" not in entry.state:
        return []
    began = pl.from_epoch(pl.lit(int(entry.state["started_at"]) - 1))
    ended = pl.from_epoch(pl.lit(int(entry.state.get("ended_at", 4e9)) + 1))
    return runs.filter(pid=entry.state["pid"]).filter(pl.col("started_at").is_between(began, ended))["run_id"].to_list()


fill_in()
number = st.selectbox(
    "Job",
    range(len(JOBS)),
    format_func=lambda n: f"{job_form.title(JOBS[n])}: {JOBS[n]['about']}",
    key=f"{KEY}_job",
    label_visibility="collapsed",
)
top, queue = st.container(), st.container()
values = form(number)
with top:
    show_command(job_form.command(JOBS[number], values), estimates=JOBS[number]["estimates"])
with queue:
    active = any(entry.status in ("waiting", "running") for entry in job_queue.entries()[:LISTED])
    guard.fragment(run_every=1.5 if active else None)(show_queue)()
