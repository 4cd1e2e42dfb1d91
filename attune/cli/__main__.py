"""`python -m attune.cli` is `attune`."""

from attune.cli import main

main()
