"""Measures what was promised in numbers: what a check costs beside nginx answering a constant, and how small all is."""
