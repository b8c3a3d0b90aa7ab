"""A table of stored measurements shows what the reader asked for under names that he knows."""

from streamlit.testing.v1 import AppTest


def page():
    import polars as pl

    from dashboard.parts.labs import stored_table

    frame = pl.DataFrame({"run_id": ["a", "a"], "eps": [0.1, 0.2], "low": [None, None], "n": [9, None]})
    stored_table.show(frame, {"eps": "ε", "low": "95 % from", "n": "draws"}, key="table", alt="Measurements")


def test_columns_have_their_titles_and_empty_ones_are_left_out():
    app = AppTest.from_function(page).run()
    assert not app.exception
    table = app.dataframe[0].value
    assert list(table.columns) == ["ε", "draws"]
    assert table["ε"].to_list() == [0.1, 0.2]
