"""Analytic problems with a known front; one problem a file, no torch.

SPACE = {...}                               its variables, plain literals
def evaluate(point) -> dict[str, float]     {"x1": ..., ...} -> objectives f1, f2, ..., and constraints
                                            c1, ..., which hold where they are at most 0
def front(n) -> (n, m) array                n points of the true front
"""
