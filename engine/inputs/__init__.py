"""How the examples of each task become rows of token ids, and how outputs become answers again."""
