"""`burrow devices`."""


def devices() -> None:
    """devices"""
