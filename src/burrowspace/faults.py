"""What the system refused, in words: one table from errno, name service and TLS to a clause and a cure.

The only place where an OSError becomes text for a person. Nothing else prints `strerror` or `str(error)`: those say
"[Errno 2]", "Connect call failed" and "(_ssl.c:1006)". No I/O, and no import of ssl or socket: their errors are known
by their fields, so a start does not wait for them. Proven by tests/core/test_faults.py.
"""

import errno
import os
import re
from collections.abc import Iterator
from typing import NamedTuple

from burrowspace.core.errors import BurrowError

_NUMBER = re.compile(r"\[Errno (-?\d+)\]")
_MACHINE = re.compile(r"\[Errno|\[SSL|_ssl\.c|Connect call failed|Errno \d|Multiple exceptions|object at 0x")


class CannotStart(BurrowError):
    """Nothing began, and the same start would fail again: exit code 2. The sentence says why and what to do."""

    code, status = "cannot-start", 503


class Fault(NamedTuple):
    """Two clauses: what is wrong, and what to do about it (may be empty)."""

    words: str
    cure: str


_ROOM = "free some space, or choose a folder on another disk"
_RIGHTS = "check the permissions"
_ADDRESS = "check the address, and that the server runs"
_NETWORK = "check this machine's network connection"

_SYSTEM: dict[str, Fault] = {  # by name: not every system has every one, and the numbers differ
    "ENOENT": Fault("there is no such file or folder", "check the name"),
    "EACCES": Fault("this user has no permission", _RIGHTS),
    "EPERM": Fault("this user has no permission", _RIGHTS),
    "ENOTDIR": Fault("a part of the path is a file, not a folder", "check the path"),
    "EISDIR": Fault("it is a folder, not a file", "check the name"),
    "EEXIST": Fault("something of that name is already there", "choose another name"),
    "ENOTEMPTY": Fault("the folder is not empty", "choose another name"),
    "ENAMETOOLONG": Fault("the name is too long for this disk", "choose a shorter name"),
    "ELOOP": Fault("its symbolic links lead in a circle", "check the path"),
    "ENOSPC": Fault("the disk is full", _ROOM),
    "EDQUOT": Fault("this user's share of the disk is full", _ROOM),
    "EFBIG": Fault("the file is too large for this disk", "choose a folder on another disk"),
    "EROFS": Fault("the disk is read-only", "make it writable, or choose a folder on another disk"),
    "EIO": Fault("the disk or the device fails", "check it, or choose a folder on another disk"),
    "ENODEV": Fault("the device is gone", "connect it again"),
    "ENXIO": Fault("the device is gone", "connect it again"),
    "ESTALE": Fault("the network folder is gone", "mount it again"),
    "EBUSY": Fault("another program uses it", "end that program"),
    "ETXTBSY": Fault("another program uses it", "end that program"),
    "EAGAIN": Fault("another program holds it", "end that program, or try again"),
    "ENOLCK": Fault("this disk cannot lock files", "choose a folder on a local disk"),
    "EOPNOTSUPP": Fault("this disk or network does not support that", "choose another"),
    "EMFILE": Fault("this program may not open more files", "raise the limit, for example with `ulimit -n 4096`"),
    "ENFILE": Fault("this machine has too many files open", "end other programs, or raise fs.file-max"),
    "ENOMEM": Fault("there is not enough memory", "end other programs, or raise the limit (`ulimit -v unlimited`)"),
    "ECONNREFUSED": Fault("nobody listens there: the connection is refused", _ADDRESS),
    "ECONNRESET": Fault("the other side broke the connection off", "try again"),
    "ECONNABORTED": Fault("the connection broke off", "try again"),
    "EPIPE": Fault("the other side closed the connection", "try again"),
    "ENOTCONN": Fault("the connection is gone", "try again"),
    "ETIMEDOUT": Fault("no answer in time", _ADDRESS),
    "EHOSTUNREACH": Fault("there is no way to that machine", _ADDRESS),
    "EHOSTDOWN": Fault("that machine is off", _ADDRESS),
    "ENETUNREACH": Fault("this machine has no way to that network", _NETWORK),
    "ENETDOWN": Fault("this machine's network is down", _NETWORK),
    "EADDRINUSE": Fault("another program uses that port", "stop it, or choose another port"),
    "EADDRNOTAVAIL": Fault("that is no address of this machine", "choose another address"),
    "EAFNOSUPPORT": Fault("this machine does not support that kind of address", "use another address"),
    "EINVAL": Fault("the system does not accept that", "check what was given"),
}
_ERRNO: dict[int, Fault] = {
    number: found
    for name, found in _SYSTEM.items()
    for prefix in ("", "WSA")  # sockets of Windows have numbers of their own
    if (number := getattr(errno, prefix + name, None)) is not None
}

_UNKNOWN_NAME = Fault("no machine of that name is known here", "check how it is written, and your network")
_LOOKUP: dict[str, Fault] = {  # by the system's word for it, for the numbers differ between systems
    "EAI_AGAIN": Fault("the name could not be looked up: the name service (DNS) does not answer", _NETWORK),
    "EAI_FAIL": Fault("the name could not be looked up: the name service (DNS) fails", _NETWORK),
}
_LOOKUP_NUMBERS = {-3: "EAI_AGAIN", 2: "EAI_AGAIN", 11002: "EAI_AGAIN", -4: "EAI_FAIL", 4: "EAI_FAIL"}

_NO_TLS = Fault("it does not speak TLS there", "use http:// in place of https://, or check the port")
_NO_COMMON = Fault("the two sides have no version of TLS in common", "update the older side")
_TLS: dict[str, Fault] = {  # by OpenSSL's reason
    "WRONG_VERSION_NUMBER": _NO_TLS,
    "RECORD_LAYER_FAILURE": _NO_TLS,
    "PACKET_LENGTH_TOO_LONG": _NO_TLS,
    "UNKNOWN_PROTOCOL": _NO_TLS,
    "HTTP_REQUEST": Fault("it was asked without TLS", "use https:// in place of http://"),
    "UNEXPECTED_EOF_WHILE_READING": Fault("the connection was closed during the TLS handshake", "check the port"),
    "UNSUPPORTED_PROTOCOL": _NO_COMMON,
    "NO_SHARED_CIPHER": _NO_COMMON,
    "TLSV1_ALERT_PROTOCOL_VERSION": _NO_COMMON,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": _NO_COMMON,
    "TLSV1_UNRECOGNIZED_NAME": Fault("the server has no certificate for that name", "check the address"),
    "TLSV1_ALERT_UNKNOWN_CA": Fault("the other side does not trust the certificate", "check the certificate"),
    "KEY_VALUES_MISMATCH": Fault("the key does not belong to the certificate", "give the key that it was made with"),
    "EE_KEY_TOO_SMALL": Fault("the key is too short to be safe", "make a new one"),
    "CA_KEY_TOO_SMALL": Fault("the authority's key is too short to be safe", "make a new certificate"),
    "CA_MD_TOO_WEAK": Fault("the signature of the certificate is too weak", "make a new certificate"),
    "BAD_DECRYPT": Fault("the key has a password", "store it without one"),
    "NO_START_LINE": Fault("it is not in PEM form", "convert it to PEM"),
    "PEM_LIB": Fault("it is damaged or not in PEM form", "get it again"),
    "BAD_BASE64_DECODE": Fault("it is damaged", "get it again"),
    "BAD_END_LINE": Fault("it is damaged", "get it again"),
    "NOT_ENOUGH_DATA": Fault("it is damaged", "get it again"),
}
_CLOCK = "renew it on the server; if that date is still to come, set this machine's clock right"
_STRANGER = Fault("nobody that this machine trusts vouches for its certificate", "trust its authority with --ca FILE")
_ELSE = "call it by a name that is in the certificate"
_CERTIFICATE: dict[int, Fault] = {  # by X509_V_ERR_…
    9: Fault("its certificate is not valid yet", "set this machine's clock right"),
    10: Fault("its certificate has expired", _CLOCK),
    18: Fault("its certificate is self-signed, so nobody vouches for it", "trust it with --ca FILE"),
    19: _STRANGER,
    20: _STRANGER,
    21: _STRANGER,
    23: Fault("its certificate was revoked", "get the server a new one"),
    62: Fault("its certificate is for another name", _ELSE),
    64: Fault("its certificate is not for that address", _ELSE),
}
_BAD_CERTIFICATE = Fault("its certificate cannot be trusted", "get the server a new one")

_BY_CLASS: tuple[tuple[type[BaseException], str], ...] = (  # Python raises these without a number, too
    (ConnectionRefusedError, "ECONNREFUSED"),
    (ConnectionResetError, "ECONNRESET"),
    (ConnectionAbortedError, "ECONNABORTED"),
    (BrokenPipeError, "EPIPE"),
    (TimeoutError, "ETIMEDOUT"),
    (BlockingIOError, "EAGAIN"),
)
_OF_OTHERS: dict[str, Fault] = {  # of libraries, whose errors say little more than their names
    "ConnectTimeout": _SYSTEM["ETIMEDOUT"],
    "ReadTimeout": _SYSTEM["ETIMEDOUT"],
    "WriteTimeout": _SYSTEM["ETIMEDOUT"],
    "PoolTimeout": _SYSTEM["ETIMEDOUT"],
    "ConnectError": Fault("no connection could be made", _ADDRESS),
    "ProxyError": Fault("the proxy refuses the connection", "check HTTP_PROXY and HTTPS_PROXY"),
    "RemoteProtocolError": Fault("the connection ended in the middle of an answer", "try again"),
    "ReadError": _SYSTEM["ECONNRESET"],
    "WriteError": _SYSTEM["ECONNRESET"],
    "CloseError": _SYSTEM["ECONNRESET"],
    "IncompleteReadError": Fault("the connection ended in the middle of an answer", "try again"),
    "EOFError": Fault("the connection ended in the middle of an answer", "try again"),
    "UnicodeError": Fault("that is no name of a machine", "check how it is written"),
}


def fault(error: BaseException) -> Fault:
    """What an error of the system or the network says, in words.

    >>> fault(FileNotFoundError(2, "No such file or directory", "x"))
    Fault(words='there is no such file or folder', cure='check the name')
    >>> fault(OSError("Multiple exceptions: [Errno 111] Connect call failed ('::1', 9), [Errno 113] No route")).words
    'nobody listens there: the connection is refused'
    """
    for each in _chain(error):
        found = _known(each)
        if found is not None:
            return found
    return Fault(_own_words(error), "")


def why(error: BaseException) -> str:
    """The first of the two clauses.

    >>> why(PermissionError(13, "Permission denied"))
    'this user has no permission'
    """
    return fault(error).words


def why_and_cure(error: BaseException) -> str:
    """Both.

    >>> why_and_cure(OSError(28, "No space left on device"))
    'the disk is full; free some space, or choose a folder on another disk'
    """
    return "; ".join(filter(None, fault(error)))


def told(error: BaseException) -> str:
    """The sentence of an error of ours; of any other, the first of the two clauses.

    >>> told(CannotStart("the folder is a file")), told(OSError(113, "No route to host"))
    ('the folder is a file', 'there is no way to that machine')
    """
    return error.sentence if isinstance(error, BurrowError) else why(error)


def named(error: BaseException) -> str:
    """Both, with the file that the error names in front.

    >>> named(FileNotFoundError(2, "No such file or directory", "x/y"))
    'x/y: there is no such file or folder; check the name'
    """
    name = getattr(error, "filename", None)
    return f"{os.fsdecode(name)}: {why_and_cure(error)}" if isinstance(name, str | bytes) else why_and_cure(error)


def is_full(error: BaseException) -> bool:
    """Whether a disk, or a user's share of it, is full."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def is_machines(error: BaseException) -> bool:
    """Whether this machine gives too little for any program to run: memory, threads, open files.

    >>> is_machines(MemoryError()), is_machines(RuntimeError("can't start new thread")), is_machines(KeyError("x"))
    (True, True, False)
    >>> is_machines(SystemError("error return without exception set")), is_machines(RuntimeError("can't allocate lock"))
    (True, True)
    """
    return _starved(error) is not None


def _starved(error: BaseException) -> Fault | None:
    text = str(error)
    # C code that had no memory left to say so: "error return without exception set"
    memory = isinstance(error, MemoryError) or (isinstance(error, SystemError) and "without exception set" in text)
    if isinstance(error, ImportError):  # of a shared object that does not fit into what is left
        memory = "failed to map" in text or "cannot allocate memory" in text.lower()
        if "Too many open files" in text:
            return _SYSTEM["EMFILE"]
    if isinstance(error, RuntimeError) and text.startswith("can't allocate"):  # a lock, for instance
        memory = True
    if isinstance(error, RuntimeError) and "start new thread" in text:
        cure = "raise the limits of this user (`ulimit -v` and `ulimit -u`)"
        return Fault("there is not enough memory for another thread", cure)
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
        return _ERRNO[error.errno]
    return _SYSTEM["ENOMEM"] if memory else None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came of, the nearest first."""
    seen: set[int] = set()
    wait: list[BaseException] = [error]
    while wait:
        each = wait.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        if isinstance(each, BaseExceptionGroup):
            wait += each.exceptions
        wait += [cause for cause in (each.__cause__, None if each.__cause__ else each.__context__) if cause is not None]


def _known(error: BaseException) -> Fault | None:
    if (starved := _starved(error)) is not None:
        return starved
    name = type(error).__name__
    if name == "SSLCertVerificationError":
        return _CERTIFICATE.get(getattr(error, "verify_code", 0), _BAD_CERTIFICATE)
    if name.startswith("SSL") and isinstance(error, OSError):
        return _of_tls(error)
    if name in ("gaierror", "herror") and isinstance(error, OSError):
        return _LOOKUP.get(_LOOKUP_NUMBERS.get(error.errno or 0, ""), _UNKNOWN_NAME)
    if isinstance(error, OSError):
        return _of_system(error)
    if isinstance(error, UnicodeError):
        return _OF_OTHERS["UnicodeError"]
    return None if error.__cause__ or error.__context__ else _OF_OTHERS.get(name)


def _of_tls(error: OSError) -> Fault:
    reason = str(getattr(error, "reason", None) or "")
    said = f"{reason} {error}".upper().replace(" ", "_")
    for known, found in _TLS.items():
        if known in said:
            return found
    words = reason.replace("_", " ").lower() or "the other side ended it"
    return Fault(f"the TLS handshake failed ({words})", "look at what ends TLS there")


def _of_system(error: OSError) -> Fault | None:
    if error.errno in _ERRNO:
        return _ERRNO[error.errno]
    text = str(error)
    if error.errno is None and (inside := _NUMBER.search(text)):  # asyncio joins several into one text
        return _of_number(int(inside[1]))
    if error.errno is None and text and not _MACHINE.search(text):
        deeper = type(error) is OSError and error.__cause__ is not None  # a library's "all attempts failed"
        return None if deeper else Fault(text, "")  # a sentence of ours
    name = next((name for kind, name in _BY_CLASS if isinstance(error, kind)), None)
    if name is not None:
        return _SYSTEM[name]
    return _of_number(error.errno) if error.errno else None


def _of_number(number: int) -> Fault:
    if number in _ERRNO:
        return _ERRNO[number]
    return Fault(f"the system says: {os.strerror(number).lower()}", "") if number > 0 else _UNKNOWN_NAME


def _own_words(error: BaseException) -> str:
    text = str(error)
    if text and not _MACHINE.search(text):
        return text[:300]
    return _OF_OTHERS.get(type(error).__name__, Fault("it failed for a reason that is not known here", "")).words
