"""A fitted transformer as a few NumPy operations, the same ones in the same order, so bit-equal to it.

`compiled` makes a plan at packaging and proves it; `file` reads it; `run` computes with it. Only
the first of them needs scikit-learn.
"""
