"""`python -m burrowspace` is `burrow`."""

from burrowspace.cli.main import main

if __name__ == "__main__":
    main()
