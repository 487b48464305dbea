"""This machine: the program, its addresses, its disk."""

import os
import platform
import shutil
from collections.abc import Mapping
from pathlib import Path

from burrowspace import __version__
from burrowspace.client.links.addresses import own_addresses
from burrowspace.client.links.link_webrtc import library
from burrowspace.client.state.root import state_folder
from burrowspace.core.findings import Finding, Verdict, bad, doubtful, good, of_space
from burrowspace.core.sizes import size_shown


def program() -> Finding:
    found = library()
    said = f"BurrowSpace {__version__} on Python {platform.python_version()}, {platform.system()}"
    facts = {"version": __version__, "python": platform.python_version(), "webrtc": found}
    if found is None:
        todo = "Run pip install '.[webrtc]' in a checkout to add it: then more networks let transfers go direct."
        return doubtful("program", f"{said}, without WebRTC.", todo, **facts)
    return good("program", f"{said}, WebRTC by {found}.", **facts)


def addresses() -> Finding:
    """Those that another device of this network would connect to."""
    own = own_addresses()
    if not own:
        todo = "Connect this machine to a network; what runs on it itself works meanwhile."
        return doubtful("addresses", "This machine has no address but its own loopback.", todo)
    return good("addresses", f"This machine is {', '.join(own[:6])}.", addresses=", ".join(own))


def disk(folder: Path, environment: Mapping[str, str]) -> Finding:
    """Room where files would be received, and where the program keeps what it must know after a crash."""
    state = state_folder(environment)
    places = {str(folder): folder, str(state): next((each for each in (state, *state.parents) if each.exists()), state)}
    free = {name: shutil.disk_usage(place).free for name, place in places.items() if place.exists()}
    name, least = min(free.items(), key=lambda each: each[1])
    unwritable = [name for name, place in places.items() if not os.access(place, os.W_OK)]
    if unwritable:
        return bad("disk", f"{unwritable[0]} may not be written to.", "Correct its permissions, or choose another.")
    said = f"{size_shown(least)} free in {name}"
    verdict = of_space(least)
    todo = "" if verdict == Verdict.GOOD else "Free some space; what is received needs room for all of it."
    return Finding("disk", verdict, f"{said}.", todo, {"free": least})
