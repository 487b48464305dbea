"""Read by Python at its start, when this folder is in PYTHONPATH: LACKS=win32 or LACKS=darwin takes away from
BurrowSpace what that system lacks. LOOP=selector: the other event loop of Windows."""

import os

if os.environ.get("LACKS"):
    import pretend

    pretend.begin(os.environ["LACKS"], os.environ.get("LOOP", "proactor"))
