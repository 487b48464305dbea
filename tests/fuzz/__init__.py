"""Fuzzing: every parser that a stranger can reach, in one table.

`make fuzz` runs each target for ten minutes with atheris; `make test` replays the corpus and runs each group briefly.
"""
