"""A fitted transformer as a few NumPy operations, the same ones in the same order, so bit-equal to it.

At packaging `assemble` makes a plan, `proof` proves it and `file` writes it; in serving `file` reads
it and `run` computes with it, `scalar` for few rows, without scikit-learn.
"""
