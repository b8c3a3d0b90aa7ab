"""The dashboard's entry: `streamlit run dashboard/Home.py`. Only the navigation; every page is a file of its own."""

from pathlib import Path

import streamlit as st

from dashboard import queries
from store.errors import StoreError

ICON = str(Path(__file__).with_name("icon.svg"))
st.set_page_config(page_title="clueboard", page_icon=ICON, layout="wide", initial_sidebar_state=220)

PAGES = {
    "Results": [
        st.Page("app_pages/overview.py", title="Overview", icon=":material/dashboard:", default=True),
        st.Page("app_pages/runs.py", title="Runs", icon=":material/list:"),
        st.Page("app_pages/run.py", title="Run", icon=":material/monitoring:"),
        st.Page("app_pages/leaderboard.py", title="Leaderboard", icon=":material/leaderboard:"),
        st.Page("app_pages/tasks.py", title="Tasks", icon=":material/category:"),
        st.Page("app_pages/compare.py", title="Compare", icon=":material/compare_arrows:"),
        st.Page("app_pages/examples.py", title="Examples", icon=":material/lists:"),
        st.Page("app_pages/explore.py", title="Explore", icon=":material/scatter_plot:"),
        st.Page("app_pages/sql.py", title="SQL", icon=":material/database:"),
    ],
    "CAN": [
        st.Page("app_pages/can.py", title="Correct a run", icon=":material/balance:"),
        st.Page("app_pages/can_sweep.py", title="Sweep", icon=":material/grid_on:"),
        st.Page("app_pages/can_steps.py", title="Step by step", icon=":material/school:"),
        st.Page("app_pages/can_simulation.py", title="When CAN helps", icon=":material/query_stats:"),
    ],
    "BERT-whitening": [
        st.Page("app_pages/whitening.py", title="Scores", icon=":material/blur_on:"),
        st.Page("app_pages/whitening_vectors.py", title="Live vectors", icon=":material/tune:"),
        st.Page("app_pages/whitening_sentences.py", title="Two sentences", icon=":material/short_text:"),
        st.Page("app_pages/whitening_layers.py", title="Layers and search", icon=":material/layers:"),
    ],
    "Initialization": [
        st.Page("app_pages/initialization.py", title="Layer by layer", icon=":material/casino:"),
        st.Page("app_pages/initialization_shapes.py", title="Shapes and spectra", icon=":material/aspect_ratio:"),
        st.Page("app_pages/initialization_depth.py", title="Depth", icon=":material/layers:"),
        st.Page("app_pages/initialization_training.py", title="Training by rule", icon=":material/trending_down:"),
    ],
    "Smoothing": [
        st.Page("app_pages/smoothing.py", title="Kernels", icon=":material/airwave:"),
        st.Page("app_pages/smoothing_errors.py", title="Errors and gates", icon=":material/show_chart:"),
        st.Page("app_pages/smoothing_floor.py", title="Floor", icon=":material/stairs:"),
        st.Page("app_pages/smoothing_staircase.py", title="Staircase descent", icon=":material/south_east:"),
        st.Page("app_pages/smoothing_training.py", title="Smooth activations", icon=":material/model_training:"),
    ],
    "JL lemma": [
        st.Page("app_pages/johnson_lindenstrauss.py", title="Bounds", icon=":material/straighten:"),
        st.Page("app_pages/johnson_lindenstrauss_distances.py", title="Distances", icon=":material/social_distance:"),
        st.Page("app_pages/johnson_lindenstrauss_angles.py", title="Random angles", icon=":material/square_foot:"),
        st.Page("app_pages/johnson_lindenstrauss_hashing.py", title="Sign hashes", icon=":material/tag:"),
        st.Page("app_pages/johnson_lindenstrauss_svd.py", title="Randomized SVD", icon=":material/grid_4x4:"),
        st.Page("app_pages/johnson_lindenstrauss_proof.py", title="The proof", icon=":material/function:"),
    ],
    "Dimension": [
        st.Page("app_pages/dimension.py", title="n > 8.33 log N", icon=":material/expand:"),
        st.Page("app_pages/dimension_attention.py", title="Attention heads", icon=":material/hub:"),
        st.Page("app_pages/dimension_skipgram.py", title="Skip-gram", icon=":material/text_fields:"),
    ],
}

page = st.navigation({heading: pages for heading, pages in PAGES.items() if pages}, expanded=True)
try:
    queries.all_runs(queries.store_version())
    page.run()
except StoreError as error:
    st.error(f"The store cannot be read: {error}", icon=":material/database_off:")
