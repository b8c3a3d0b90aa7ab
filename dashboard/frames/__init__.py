"""From frames of the store to frames of a page: pure, without streamlit."""
