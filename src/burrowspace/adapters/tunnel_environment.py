"""The environment of a program that carries a tunnel: what it needs to run, and nothing else of ours.

The server's environment may hold secrets (TURN, tokens, keys of other services on the same machine). A foreign program
that reaches the internet gets none of them. What it needs beyond the list below, its kind names.
"""

from collections.abc import Mapping

_NEEDED = {
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TZ",
    "LANG", "LANGUAGE",
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
    "SSL_CERT_FILE", "SSL_CERT_DIR",
    "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR",
    "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
}  # fmt: skip


def small_environment(ours: Mapping[str, str], *named: str) -> dict[str, str]:
    """What a tunnel's program inherits of our environment; `named`: what its kind needs as well.

    >>> ours = {"PATH": "/bin", "LC_ALL": "C", "https_proxy": "p", "BURROW_TURN_SECRET": "x", "BORE_SECRET": "y"}
    >>> small_environment(ours), small_environment(ours, "BORE_SECRET")["BORE_SECRET"]
    ({'PATH': '/bin', 'LC_ALL': 'C', 'https_proxy': 'p'}, 'y')
    """
    return {
        name: value
        for name, value in ours.items()
        if name in named or name.upper() in _NEEDED or name.startswith("LC_")
    }
