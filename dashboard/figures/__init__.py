"""Pure figures: a frame in, a plotly figure out."""
