"""Whole chains against each other: what is measured, on whom, and what is made of it."""
