"""Looks at a server from here, at this machine and at the network between: what `burrow doctor` says, and a page later.

`examine.py` says what is looked at in which order; each other file holds a few checks, which give findings
(core/findings.py) and raise nothing. What each line means: docs/guide/doctor.md.
"""
