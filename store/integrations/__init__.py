"""Callbacks for the training libraries that people already use: each logs to the store."""
