"""The families of encoders that the packed encoder computes: how each writes its config and names its weights."""
