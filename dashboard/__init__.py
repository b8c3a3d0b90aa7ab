"""The multipage dashboard: reads the store through polars, computes small things live, draws with plotly."""
