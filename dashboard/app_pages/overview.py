"""What runs now, what ran last, and the best result of every task."""

import streamlit as st

from dashboard import pieces

pieces.title("Overview")
