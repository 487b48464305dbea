// The load client: Socket.IO 5 on Engine.IO 4 on WebSocket, one thread, one epoll, 127.0.0.x only.
//
// It is not a library for anybody else: it offers no polling, no extensions, no reconnects. It counts, checks and
// times, and must never be slower than the server it loads. Layers, lowest first:
//   net.c   bytes: non-blocking sockets, WebSocket frames (masked by us, plain from the server)
//   wire.c  packets: Engine.IO open and ping, Socket.IO connect, event, ack, attachments
//   signal.c, relay.c, idle.c   one question each, driven by commands on stdin (see main.c)
#ifndef SIO_H
#define SIO_H

#define _GNU_SOURCE
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum state {
    CONNECTING,   // connect() has not finished
    UPGRADING,    // our HTTP upgrade is sent, the server's 101 is awaited
    OPENING,      // WebSocket; Engine.IO's open packet is awaited
    JOINING,      // "40" is sent, Socket.IO's answer is awaited
    READY,        // events may flow
    CLOSED,       // gone, for whatever reason
};

struct conn {
    int fd;
    int index;                          // place in `conns`, given by the caller
    enum state state;
    uint32_t events;                    // what epoll watches for now
    uint8_t *in, *out;                  // leftovers of a frame; bytes the kernel did not take yet
    size_t in_len, in_cap, in_need;
    size_t out_pos, out_len, out_cap;
    size_t frame_at;                    // where the frame that is being written starts in `out`
    uint32_t pings;                     // Engine.IO pings answered
};

// One Socket.IO packet. `json` is the array of an event or an ack, and is not terminated.
struct packet {
    char type;                          // '2' event, '3' ack, '5' event with attachments
    long id;                            // the ack's id, or -1
    const char *json;
    size_t len;
};

// What the question at hand does with what arrives.
struct handlers {
    void (*ready)(struct conn *);
    void (*packet)(struct conn *, const struct packet *);
    void (*attachment)(struct conn *, const uint8_t *, size_t);     // may be NULL: then one is an error
};

extern struct handlers handlers;
extern struct conn *conns;              // all of them, `conn_count` long
extern int conn_count;
extern int conns_lost;                  // closed by the server or by an error, not by us

// net.c
enum { TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };
void net_init(int count);
void net_connect(int index, int port, int sources);             // `sources` > 1 spreads over 127.0.0.2, .3, ...
uint8_t *frame_open(struct conn *, int opcode, size_t len);     // the caller fills in exactly `len` bytes ...
void frame_close(struct conn *);                                // ... which are then masked,
void flush(struct conn *);                                      // and sent as far as the kernel takes them
void net_once(int timeout_ms);                                  // waits once and handles what has come
char *next_command(void);                                       // serves the sockets until stdin has a line; NULL at its end
bool command_waiting(void);
double now(void);                                               // seconds, monotonic

// wire.c
void wire_text(struct conn *, const char *, size_t);            // called by net.c
void send_text(struct conn *, const char *, size_t);            // a whole packet, flushed
int count_ready(void);
void connect_all(int from, int to, int port, int sources);      // a few at a time, until all are READY
long field_long(const char *, size_t, const char *name);        // -1 when absent
bool field_text(const char *, size_t, const char *name, const char *wanted);
bool has(const char *, size_t, const char *needle);

// report.c
struct samples { uint32_t *us10; size_t len, cap; };            // tenths of a microsecond
void sample(struct samples *, double seconds);
void print_quantiles(struct samples *, const char *prefix);     // sorts; prints `"prefixp50_us":..,` and so on
void wrong(const char *fmt, ...) __attribute__((format(printf, 1, 2)));   // counts an error, keeps the first text
void print_errors(void);                                        // `"errors":n,"first_error":".."`
void reset_errors(void);
void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
double own_cpu(void);
char **read_lines(const char *path, int *count);                // dies when it cannot

int signal_main(int argc, char **argv);
int relay_main(int argc, char **argv);
int idle_main(int argc, char **argv);

#endif
