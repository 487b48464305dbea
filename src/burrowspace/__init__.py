"""BurrowSpace: any two devices exchange files of any size, wherever they are."""

__version__ = "0.1.0"
