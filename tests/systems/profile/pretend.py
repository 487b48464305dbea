"""Takes away from the modules of BurrowSpace what another system lacks, and gives what Windows has instead.

Only they see it: `import os` in a module of ours gives an `os` without `splice`, with its own `name`. The standard
library and the libraries of others go on as on Linux; that those run on macOS and Windows is for their makers to show.
What Windows does otherwise (open files that cannot be removed, text unless O_BINARY, folders that cannot be opened) is
done by the functions themselves, for everybody.
"""

import asyncio
import builtins
import errno
import io
import os
import pathlib
import signal
import socket
import stat
import struct
import sys
import types

import lacks

_REAL_IMPORT = builtins.__import__
_REAL = {name: getattr(os, name) for name in ("open", "read", "write", "close", "fsync", "replace", "rename", "unlink",
         "mkdir", "symlink", "lseek", "utime", "dup", "fdopen", "stat", "lstat", "access", "chmod", "scandir",
         "listdir", "rmdir")}  # fmt: skip
_IO_OPEN = io.open


class Lacking(types.ModuleType):
    """A module as another system has it."""

    def __init__(self, real, missing, given):
        super().__init__(real.__name__)
        self.__dict__.update(_real=real, _missing=frozenset(missing), **given)

    def __getattr__(self, name):
        if name in self._missing:
            raise AttributeError(f"module {self._real.__name__!r} has no attribute {name!r}")
        return getattr(self._real, name)

    def __setattr__(self, name, value):
        setattr(self._real, name, value)

    def __dir__(self):
        return [name for name in dir(self._real) if name not in self._missing]


def begin(system, loop):
    windows = system == "win32"
    given = {"sys": {"platform": system}, "os": {"name": "nt"} if windows else {}}
    if windows:
        given["os"] |= _files_of_windows()
        given["asyncio"] = _loops_of_windows(loop)
        # Its own number means nothing to Linux, where SO_REUSEADDR says the same: one listener, and it may come back.
        given["socket"] = {"SO_EXCLUSIVEADDRUSE": socket.SO_REUSEADDR}
        given["signal"] = {"SIGBREAK": signal.SIGUSR2, "CTRL_C_EVENT": 0, "CTRL_BREAK_EVENT": 1, "signal": _signal}
    proxies = {}
    for name in ("sys", "ctypes", *lacks.ATTRIBUTES[system]):
        missing = lacks.ATTRIBUTES[system].get(name, "").split()
        proxies[name] = Lacking(_REAL_IMPORT(name), missing, given.get(name, {}))
    proxies["ctypes"].__dict__["CDLL"] = _no_library if windows else _library_of_macos
    if windows:
        proxies["msvcrt"] = _msvcrt()
    blocked = lacks.MODULES[system]

    def imports(name, globals=None, locals=None, fromlist=(), level=0):
        if level == 0 and str((globals or {}).get("__name__", "")).partition(".")[0] == "burrowspace":
            top = name.partition(".")[0]
            if name == "platformdirs.windows":  # asks Windows itself; here what it asks last, the environment
                folders = _REAL_IMPORT(name, fromlist=["Windows"])
                folders._RESOLVE_WIN_FOLDER = folders.get_win_folder_from_env_vars
                return folders
            if top in blocked:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
            if top in proxies:
                if "." in name:
                    found = _REAL_IMPORT(name, globals, locals, fromlist, level)
                    return found if fromlist else proxies[top]
                return proxies[top]
        return _REAL_IMPORT(name, globals, locals, fromlist, level)

    builtins.__import__ = imports
    _hide_the_kernel()


def _hide_the_kernel():
    """Nothing of ours reads what only Linux has; what others read stays."""

    def opens(file, *args, **more):
        if isinstance(file, str | os.PathLike) and os.fspath(file).startswith(lacks.KERNEL) and _by_us():
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", os.fspath(file))
        return _IO_OPEN(file, *args, **more)

    io.open = opens  # pathlib's
    builtins.open = opens


def _by_us():
    frame = sys._getframe(2)
    while frame is not None and frame.f_globals.get("__name__") in ("pathlib", "pathlib._local", "tempfile", "io"):
        frame = frame.f_back
    return frame is not None and str(frame.f_globals.get("__name__", "")).startswith("burrowspace")


# ctypes


class _no_library:
    def __init__(self, name, *args, **more):
        raise TypeError("LoadLibrary() argument 1 must be str, not None" if name is None else f"no library {name}")


class _library_of_macos:
    def __init__(self, name, *args, **more):
        import ctypes

        self._real = ctypes.CDLL(name, *args, **more)

    def __getattr__(self, name):
        if name in lacks.LIBC:
            raise AttributeError(f"dlsym(RTLD_DEFAULT, {name}): symbol not found")
        return getattr(self._real, name)


# Windows: files

_O_BINARY, _O_NOINHERIT = 1 << 30, 1 << 29
_texts = set()  # descriptors that were opened without O_BINARY


def _checked(path):
    """Refuses a name that Windows does not take, or would change."""
    last = os.path.basename(os.fsdecode(path).rstrip("/"))
    bare = last.split(".")[0].strip().lower()
    if bare in lacks.RESERVED or set(last) & set(lacks.FORBIDDEN) or (last not in (".", "..") and last[-1:] in ". "):
        raise OSError(errno.EINVAL, "Invalid argument", os.fsdecode(path))
    return path


_PREFIX = "\\\\?\\"
_LONGEST = 260  # characters of a path, and the zero behind it


def _reached(path):
    """The path here. One that is too long is there only with the prefix for long ones, behind which nothing is
    changed."""
    if not isinstance(path, str | bytes | os.PathLike):
        return path
    text = os.fsdecode(path)
    if text.startswith(_PREFIX):
        return text.removeprefix(_PREFIX).replace("\\", "/")
    if len(os.path.abspath(text)) >= _LONGEST:
        raise FileNotFoundError(errno.ENOENT, "The system cannot find the path specified", text)
    return path


def _reaching(name):
    real = _REAL[name]

    def call(path=".", *args, **more):
        return real(_reached(path), *args, **more)

    return call


def _is_open(path):
    """Whether this process holds the file open."""
    whole = os.path.realpath(os.fsdecode(path))
    for each in os.listdir("/proc/self/fd"):
        try:
            if os.readlink(f"/proc/self/fd/{each}") == whole:
                return True
        except OSError:
            continue
    return False


def _in_use(path):
    return PermissionError(errno.EACCES, "The process cannot access the file: it is used by another process", path)


def _files_of_windows():
    def opens(path, flags, mode=0o777, *, dir_fd=None):
        if dir_fd is not None:
            raise NotImplementedError("dir_fd unavailable on this platform")
        path = _checked(_reached(path))
        if os.path.isdir(path):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        file = _REAL["open"](path, flags & ~(_O_BINARY | _O_NOINHERIT) | os.O_CLOEXEC, mode | 0o444)
        (_texts.discard if flags & _O_BINARY else _texts.add)(file)
        return file

    def closes(file):
        _texts.discard(file)
        _REAL["close"](file)

    def writes(file, data):
        if file in _texts and b"\n" in bytes(data):
            _REAL["write"](file, bytes(data).replace(b"\n", b"\r\n"))
            return len(data)
        return _REAL["write"](file, data)

    def syncs(file):
        if _flags(file) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, "Bad file descriptor")
        _REAL["fsync"](file)

    def times(path, *args, **more):
        if isinstance(path, int):
            raise TypeError("utime: path should be string, bytes or os.PathLike, not int")
        _REAL["utime"](_reached(path), *args, **more)

    def replaces(source, target, **more):
        source, target = _reached(source), _checked(_reached(target))
        for each in (source, target):
            if os.path.isfile(each) and _is_open(each):
                raise _in_use(each)
        if os.path.isdir(target) or (os.path.isfile(target) and not os.stat(target).st_mode & stat.S_IWUSR):
            raise PermissionError(errno.EACCES, "Access is denied", os.fspath(target))
        _REAL["replace"](source, target)

    def renames(source, target, **more):
        source, target = _reached(source), _reached(target)
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, "Cannot create a file when that file already exists", os.fspath(target))
        replaces(source, target)

    def removes(path, *, dir_fd=None):
        if dir_fd is None:
            path = _reached(path)
            if _is_open(path):
                raise _in_use(path)
            if os.path.isfile(path) and not os.path.islink(path) and not os.stat(path).st_mode & stat.S_IWUSR:
                raise PermissionError(errno.EACCES, "Access is denied", os.fspath(path))
        _REAL["unlink"](path, dir_fd=dir_fd)

    def makes(path, *args, **more):
        _REAL["mkdir"](_checked(_reached(path)), *args, **more)

    def links(*args, **more):
        raise OSError(errno.EPERM, "A required privilege is not held by the client")

    os.replace, os.rename, os.unlink, os.remove = replaces, renames, removes, removes
    os.mkdir, os.symlink = makes, links
    looks = {name: _reaching(name) for name in ("stat", "lstat", "access", "chmod", "scandir", "listdir", "rmdir")}
    for name, look in looks.items():
        setattr(os, name, look)  # pathlib's and shutil's, too
    return {
        **looks,
        "open": opens,
        "close": closes,
        "write": writes,
        "fsync": syncs,
        "utime": times,
        "replace": replaces,
        "rename": renames,
        "unlink": removes,
        "remove": removes,
        "mkdir": makes,
        "symlink": links,
        "O_BINARY": _O_BINARY,
        "O_NOINHERIT": _O_NOINHERIT,
        "O_TEXT": 1 << 28,
        "supports_fd": {os.stat, os.truncate},
        "supports_dir_fd": set(),
        "supports_follow_symlinks": {os.stat},
        "cpu_count": os.cpu_count,
    }


def _flags(file):
    import fcntl

    return fcntl.fcntl(file, fcntl.F_GETFL)


def _msvcrt():
    """Its locks: of a range of bytes, and of an open file, not of a process."""
    import fcntl

    def locking(file, mode, count):
        kind = fcntl.F_UNLCK if mode == 0 else fcntl.F_WRLCK
        asked = struct.pack("hhqqi4x", kind, os.SEEK_SET, os.lseek(file, 0, os.SEEK_CUR), count, 0)
        try:
            fcntl.fcntl(file, fcntl.F_OFD_SETLK, asked)
        except OSError:
            raise PermissionError(errno.EACCES, "Permission denied") from None

    module = types.ModuleType("msvcrt")
    module.__dict__.update(locking=locking, LK_UNLCK=0, LK_LOCK=1, LK_NBLCK=2, LK_RLCK=3, LK_NBRLCK=4)
    return module


# Windows: signals and loops


def _signal(number, handler):
    if number not in (signal.SIGABRT, signal.SIGFPE, signal.SIGILL, signal.SIGINT, signal.SIGSEGV, signal.SIGTERM,
                      signal.SIGUSR2):  # fmt: skip
        raise ValueError("invalid signal value")
    return signal.signal(number, handler)


def _loops_of_windows(wanted):
    from iocp import ProactorEventLoop

    def refuses(self, *args, **more):
        raise NotImplementedError

    class SelectorEventLoop(asyncio.SelectorEventLoop):
        add_signal_handler = remove_signal_handler = refuses
        create_unix_server = create_unix_connection = refuses
        subprocess_exec = subprocess_shell = refuses
        connect_read_pipe = connect_write_pipe = refuses

        def add_reader(self, fd, callback, *args):
            number = fd if isinstance(fd, int) else fd.fileno()
            if not stat.S_ISSOCK(os.fstat(number).st_mode):
                raise OSError(10038, "An operation was attempted on something that is not a socket")
            return super().add_reader(fd, callback, *args)

    chosen = SelectorEventLoop if wanted == "selector" else ProactorEventLoop

    class Policy(asyncio.DefaultEventLoopPolicy):
        _loop_factory = chosen

    asyncio.set_event_loop_policy(Policy())
    return {
        "ProactorEventLoop": chosen,  # our code asks for this one; LOOP=selector gives it the other
        "SelectorEventLoop": SelectorEventLoop,
        "new_event_loop": chosen,
    }


assert pathlib  # imported before `io.open` is changed, so that its own name for it is found
