"""Naive twins: the same answers by the slowest and most obvious arithmetic, to judge the kernels by."""
