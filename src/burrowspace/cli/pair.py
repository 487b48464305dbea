"""`burrow pair`."""


def pair() -> None:
    """pair"""
