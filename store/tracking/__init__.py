"""Runs of scripts of one's own: what `store.init`, `store.log` and `store.finish` are made of."""
