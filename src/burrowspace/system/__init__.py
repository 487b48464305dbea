"""What differs between Linux, macOS and Windows, each thing behind one call that works on all three.

Nothing above imports `fcntl`, `resource`, `msvcrt` or `ctypes`, or calls what only some systems have
(tests/systems/test_one_place.py). `tests/systems/profile/lacks.py` lists what macOS and Windows lack, with the sources.
"""
