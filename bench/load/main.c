// sio: the load client of bench/. Usage is at the top of signal.c, relay.c and idle.c; the parts are named in sio.h.
//
// It prints {"ready":N,...} once its sockets stand, then one JSON line for each command read from stdin, so that
// whoever drives it can read the server's CPU between any two lines. It ends at "quit", at the end of stdin, or after an hour.
#include "sio.h"

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

int main(int argc, char **argv) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    alarm(3600);
    if (argc > 1 && !strcmp(argv[1], "signal")) return signal_main(argc - 1, argv + 1);
    if (argc > 1 && !strcmp(argv[1], "relay")) return relay_main(argc - 1, argv + 1);
    if (argc > 1 && !strcmp(argv[1], "idle")) return idle_main(argc - 1, argv + 1);
    die("usage: sio signal|relay|idle PORT ...");
}
