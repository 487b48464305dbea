"""`burrow resume`."""


def resume() -> None:
    """resume"""
