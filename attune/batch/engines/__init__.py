"""Engines: where the work is done. Adding one is adding a file.

    TITLE                                             what it is, in a line
    start(*, workers, limits, address, gpus, together)          a context manager that gives a function which opens a lane (`mapping.Lane`)
"""
