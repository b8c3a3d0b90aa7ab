"""How to start jobs, from a terminal or from this page."""

import streamlit as st

from dashboard.parts import headings

headings.title("New run", "Start a job from a terminal; the dashboard shows it within seconds.")
st.markdown("**In a terminal.** A small model on one task, about a minute:")
st.code("python -m jobs.clue --task afqmc", language="bash")
st.markdown("Every job lists its settings with `--help`; every run's page shows the command that repeats it.")
st.code("python -m jobs.clue --help", language="bash")
st.markdown(
    "**On this page.** Jobs can be started here only where the server was started for it, and only on this machine:"
)
st.code("CLUEBOARD_JOBS=1 streamlit run dashboard/Home.py", language="bash")
