"""What Linux has and macOS or Windows lack, and where that is written. Names of modules and of their attributes.

The source of each row is a page of CPython's documentation, https://docs.python.org/3.13/library/, named in the comment
("Availability: Unix" there means not on Windows), and typeshed: `mypy --platform` finds each of these names missing on
that system. It does not for a few that are taken away all the same. Only newer versions have os.fchmod, os.get_blocking
and os.set_blocking on Windows, os.preadv, os.pwritev and socket.MSG_NOSIGNAL on macOS; nothing here needs os.EX_OK and
MSG_ERRQUEUE on Windows, SO_BINDTODEVICE, time.clock_settime and three of fcntl on macOS.
"""

# Modules. Windows: fcntl.html, grp.html, pwd.html, resource.html, termios.html, tty.html, pty.html, syslog.html,
# posix.html, readline.html, curses.html: "Availability: Unix". uvloop: pypi.org/project/uvloop, no wheels for Windows.
MODULES = {
    "win32": {
        "fcntl", "grp", "pwd", "resource", "termios", "tty", "pty", "syslog", "posix", "readline", "curses", "uvloop",
    },
    "darwin": {"spwd", "ossaudiodev"},
}  # fmt: skip

# Attributes.
ATTRIBUTES = {
    "win32": {
        # os.html: "Availability: Unix", or a list of systems without Windows
        "os": """
            chown chroot confstr copy_file_range ctermid eventfd eventfd_read eventfd_write EFD_CLOEXEC EFD_NONBLOCK
            EFD_SEMAPHORE fchdir fchown fdatasync fork forkpty fpathconf fstatvfs getegid geteuid getgid getgrouplist
            getgroups getloadavg getpgid getpgrp getpriority getresgid getresuid getsid getuid getxattr initgroups
            killpg lchown listxattr lockf F_LOCK F_TLOCK F_ULOCK F_TEST major makedev memfd_create minor mkfifo mknod
            nice openpty pathconf pidfd_open pipe2 posix_fadvise posix_fallocate posix_openpt posix_spawn posix_spawnp
            pread preadv pwrite pwritev readv writev register_at_fork removexattr sched_getaffinity sched_getparam
            sched_getscheduler sched_setaffinity sched_yield sendfile setegid seteuid setgid setgroups setns setpgid
            setpriority setregid setresgid setresuid setreuid setsid setuid setxattr splice SPLICE_F_MOVE
            SPLICE_F_NONBLOCK SPLICE_F_MORE statvfs sync sysconf sysconf_names tcgetpgrp tcsetpgrp ttyname uname unshare
            wait wait3 wait4 waitid WCONTINUED WEXITED WNOHANG WNOWAIT WSTOPPED WUNTRACED WIFEXITED WIFSIGNALED
            WEXITSTATUS WTERMSIG fchmod get_blocking set_blocking SEEK_DATA SEEK_HOLE
            O_ASYNC O_CLOEXEC O_DIRECT O_DIRECTORY O_DSYNC O_LARGEFILE O_NDELAY O_NOATIME O_NOCTTY O_NOFOLLOW O_NONBLOCK
            O_PATH O_RSYNC O_SYNC O_TMPFILE O_ACCMODE RTLD_NOW RTLD_LAZY RTLD_GLOBAL EX_OK EX_USAGE ST_RDONLY
        """,
        # signal.html: "On Windows, signal() can only be called with SIGABRT, SIGFPE, SIGILL, SIGINT, SIGSEGV, SIGTERM,
        # or SIGBREAK"; all others "Availability: Unix"
        "signal": """
            SIGALRM SIGBUS SIGCHLD SIGCLD SIGCONT SIGHUP SIGIO SIGKILL SIGPIPE SIGPOLL SIGPROF SIGPWR SIGQUIT SIGRTMAX
            SIGRTMIN SIGSTKFLT SIGSTOP SIGSYS SIGTRAP SIGTSTP SIGTTIN SIGTTOU SIGURG SIGUSR1 SIGUSR2 SIGVTALRM SIGWINCH
            SIGXCPU SIGXFSZ SIG_BLOCK SIG_SETMASK SIG_UNBLOCK alarm getitimer pause pidfd_send_signal pthread_kill
            pthread_sigmask setitimer siginterrupt sigpending sigtimedwait sigwait sigwaitinfo
        """,
        # socket.html: AF_UNIX, SCM_RIGHTS, sendmsg and its kin, SO_REUSEPORT, Linux's own families and options
        "socket": """
            AF_UNIX AF_NETLINK AF_PACKET AF_VSOCK AF_ALG AF_CAN AF_TIPC SCM_RIGHTS SCM_CREDENTIALS SO_REUSEPORT
            SO_PEERCRED SO_BINDTODEVICE SO_MARK SO_PRIORITY SO_DOMAIN SO_PROTOCOL SO_PASSCRED TCP_INFO TCP_CORK
            TCP_CONGESTION TCP_USER_TIMEOUT TCP_QUICKACK TCP_DEFER_ACCEPT TCP_LINGER2 TCP_SYNCNT TCP_WINDOW_CLAMP
            MSG_DONTWAIT MSG_NOSIGNAL MSG_MORE MSG_CMSG_CLOEXEC MSG_CONFIRM MSG_ERRQUEUE MSG_EOR MSG_FASTOPEN
            SOCK_CLOEXEC SOCK_NONBLOCK CMSG_LEN CMSG_SPACE recv_fds send_fds sethostname
        """,
        # select.html: poll "not supported on all operating systems" (Windows), epoll "Linux 2.5.44 and newer"
        "select": """
            poll epoll POLLIN POLLOUT EPOLLIN EPOLLOUT EPOLLET EPOLLHUP EPOLLERR EPOLLRDHUP EPOLL_CLOEXEC PIPE_BUF
        """,
        # time.html: "Availability: Unix"
        "time": "tzset clock_getres clock_gettime clock_gettime_ns clock_settime pthread_getcpuclockid CLOCK_BOOTTIME "
        "CLOCK_MONOTONIC CLOCK_REALTIME",
        # asyncio-platforms.html: "create_unix_connection() and create_unix_server() are not supported", signal handlers
        "asyncio": "open_unix_connection start_unix_server ThreadedChildWatcher PidfdChildWatcher",
    },
    "darwin": {
        # os.html: "Availability: Linux >= …" without macOS; preadv and pwritev only from macOS 11, so not at all
        "os": """
            copy_file_range eventfd eventfd_read eventfd_write EFD_CLOEXEC EFD_NONBLOCK EFD_SEMAPHORE fdatasync
            getresgid getresuid getxattr listxattr removexattr setxattr memfd_create pidfd_open pipe2 posix_fadvise
            posix_fallocate preadv pwritev sched_getaffinity sched_getparam sched_getscheduler sched_setaffinity
            setns setresgid setresuid splice SPLICE_F_MOVE SPLICE_F_NONBLOCK SPLICE_F_MORE unshare
            O_DIRECT O_LARGEFILE O_NOATIME O_PATH O_RSYNC O_TMPFILE
        """,
        "signal": "SIGCLD SIGPOLL SIGPWR SIGRTMAX SIGRTMIN SIGSTKFLT pidfd_send_signal sigtimedwait sigwaitinfo",
        "socket": """
            AF_NETLINK AF_PACKET AF_VSOCK AF_ALG AF_CAN AF_TIPC SO_PEERCRED SO_BINDTODEVICE SO_MARK SO_PRIORITY
            SO_DOMAIN SO_PROTOCOL SO_PASSCRED SCM_CREDENTIALS TCP_INFO TCP_CORK TCP_CONGESTION TCP_USER_TIMEOUT
            TCP_QUICKACK TCP_DEFER_ACCEPT TCP_LINGER2 TCP_SYNCNT TCP_WINDOW_CLAMP MSG_NOSIGNAL MSG_MORE
            MSG_CMSG_CLOEXEC MSG_CONFIRM MSG_ERRQUEUE MSG_FASTOPEN SOCK_CLOEXEC SOCK_NONBLOCK
        """,
        "select": "epoll EPOLLIN EPOLLOUT EPOLLET EPOLLHUP EPOLLERR EPOLLRDHUP EPOLL_CLOEXEC",
        "time": "CLOCK_BOOTTIME CLOCK_TAI pthread_getcpuclockid clock_settime",
        "resource": "prlimit RLIMIT_MSGQUEUE RLIMIT_NICE RLIMIT_RTPRIO RLIMIT_RTTIME RLIMIT_SIGPENDING RLIMIT_OFILE",
        "fcntl": "F_SETPIPE_SZ F_GETPIPE_SZ F_ADD_SEALS F_GET_SEALS F_NOTIFY F_SETLEASE F_GETLEASE F_OFD_SETLK",
    },
}

# Functions of the C library that we call by ctypes: man7.org says "Linux" or "glibc" under STANDARDS for each. memmem
# is in macOS' libSystem (its man page memmem(3)).
LIBC = {"mallopt", "fallocate", "sync_file_range", "syncfs", "adjtimex", "prctl"}

# Folders of Linux' kernel.
KERNEL = ("/proc", "/sys")

# learn.microsoft.com/windows/win32/fileio/naming-a-file: reserved names, characters, and ends that are cut off.
RESERVED = {
    "con",
    "prn",
    "aux",
    "nul",
    "conin$",
    "conout$",
    *(f"{port}{n}" for port in ("com", "lpt") for n in "123456789¹²³"),
}
FORBIDDEN = '<>:"|?*\\'
