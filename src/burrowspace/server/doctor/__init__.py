"""Looks at the machine that serves: what `burrow doctor --host` says. The server need not run."""
