"""Nets that are published as weights without a library that loads them, written again after their papers and the names in their files.

Only `load()` of an adapter imports these, since they need torch.
"""
