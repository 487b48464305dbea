// Bytes and WebSocket frames: see sio.h.
#include "sio.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

struct conn *conns;
int conn_count, conns_lost;
struct handlers handlers;

static int epoll_fd;
static uint8_t shared[256 << 10];     // one warm buffer for all reads; only leftovers get memory of their own
static char command[256];
static size_t command_len;
static bool command_eof;
static int stdin_mark;                // its address marks stdin among the epoll events
static uint32_t mask_state = 2463534242u;

double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void net_init(int count) {
    conn_count = count;
    conns = calloc((size_t)count, sizeof *conns);
    epoll_fd = epoll_create1(0);
    if (!conns || epoll_fd < 0) die("cannot start: %s", strerror(errno));
    for (int i = 0; i < count; i++) conns[i] = (struct conn){.fd = -1, .index = i, .state = CLOSED};
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = &stdin_mark};
    fcntl(0, F_SETFL, O_NONBLOCK);
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, 0, &e)) die("stdin must be a pipe");
}

static void watch(struct conn *c, uint32_t events) {
    if (c->events == events) return;
    struct epoll_event e = {.events = events, .data.ptr = c};
    epoll_ctl(epoll_fd, c->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, c->fd, &e);
    c->events = events;
}

static void lose(struct conn *c, const char *why) {
    if (c->state == CLOSED) return;
    wrong("socket %d lost: %s", c->index, why);
    conns_lost++;
    close(c->fd);
    c->state = CLOSED;
    c->events = 0;
}

void net_connect(int index, int port, int sources) {
    struct conn *c = &conns[index];
    int one = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) die("socket %d: %s", index, strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct sockaddr_in a = {.sin_family = AF_INET};
    if (sources > 1) {
        setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
        a.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + (uint32_t)(index % sources));
        if (bind(c->fd, (struct sockaddr *)&a, sizeof a)) die("bind: %s", strerror(errno));
    }
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    a.sin_port = htons((uint16_t)port);
    c->state = CONNECTING;
    c->in_len = c->out_pos = c->out_len = c->in_need = 0;
    if (connect(c->fd, (struct sockaddr *)&a, sizeof a) && errno != EINPROGRESS)
        die("connect: %s", strerror(errno));
    watch(c, EPOLLIN | EPOLLOUT);
}

static void reserve(uint8_t **buffer, size_t *cap, size_t wanted) {
    if (wanted <= *cap) return;
    size_t grown = *cap ? *cap : 4096;
    while (grown < wanted) grown *= 2;
    *buffer = realloc(*buffer, grown);
    if (!*buffer) die("out of memory");
    *cap = grown;
}

static void put(struct conn *c, const void *bytes, size_t len) {
    reserve(&c->out, &c->out_cap, c->out_len + len);
    memcpy(c->out + c->out_len, bytes, len);
    c->out_len += len;
}

uint8_t *frame_open(struct conn *c, int opcode, size_t len) {
    uint8_t head[14];
    size_t n = 2;
    head[0] = (uint8_t)(0x80 | opcode);
    if (len < 126) {
        head[1] = (uint8_t)(0x80 | len);
    } else if (len < 65536) {
        head[1] = 0x80 | 126;
        head[n++] = (uint8_t)(len >> 8);
        head[n++] = (uint8_t)len;
    } else {
        head[1] = 0x80 | 127;
        for (int shift = 56; shift >= 0; shift -= 8) head[n++] = (uint8_t)((uint64_t)len >> shift);
    }
    mask_state ^= mask_state << 13, mask_state ^= mask_state >> 17, mask_state ^= mask_state << 5;
    memcpy(head + n, &mask_state, 4);
    n += 4;
    put(c, head, n);
    c->frame_at = c->out_len;
    reserve(&c->out, &c->out_cap, c->out_len + len);
    c->out_len += len;
    return c->out + c->frame_at;
}

void frame_close(struct conn *c) {
    uint8_t *p = c->out + c->frame_at, *end = c->out + c->out_len;
    uint8_t mask[8];
    uint64_t wide;
    for (int i = 0; i < 8; i++) mask[i] = p[(i & 3) - 4];
    memcpy(&wide, mask, 8);
    for (; end - p >= 8; p += 8) {
        uint64_t v;
        memcpy(&v, p, 8);
        v ^= wide;
        memcpy(p, &v, 8);
    }
    for (int i = 0; p < end; p++, i++) *p ^= mask[i];
}

void flush(struct conn *c) {
    if (c->state == CLOSED) return;
    while (c->out_pos < c->out_len) {
        ssize_t n = send(c->fd, c->out + c->out_pos, c->out_len - c->out_pos, MSG_NOSIGNAL);
        if (n < 0) {
            if (errno == EINTR) continue;
            if (errno != EAGAIN) {
                lose(c, strerror(errno));
                return;
            }
            if (c->out_pos > c->out_cap / 2) {
                memmove(c->out, c->out + c->out_pos, c->out_len - c->out_pos);
                c->out_len -= c->out_pos;
                c->out_pos = 0;
            }
            watch(c, EPOLLIN | EPOLLOUT);
            return;
        }
        c->out_pos += (size_t)n;
    }
    c->out_pos = c->out_len = 0;
    watch(c, EPOLLIN);
}

static void upgrade(struct conn *c) {
    static const char request[] =
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    int error = 0;
    socklen_t len = sizeof error;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    if (error) {
        lose(c, strerror(error));
        return;
    }
    c->state = UPGRADING;
    put(c, request, sizeof request - 1);
    flush(c);
}

static size_t upgraded(struct conn *c, const uint8_t *p, size_t len) {
    const uint8_t *end = memmem(p, len, "\r\n\r\n", 4);
    if (!end) return 0;
    if (len < 12 || memcmp(p, "HTTP/1.1 101", 12)) {
        lose(c, "the server refused the upgrade");
        return len;
    }
    c->state = OPENING;
    return (size_t)(end - p) + 4;
}

// Handles the whole frames in [p, p+len); returns how many bytes they took.
static size_t frames(struct conn *c, uint8_t *p, size_t len) {
    size_t used = c->state == UPGRADING ? upgraded(c, p, len) : 0;
    c->in_need = 0;
    while (c->state >= OPENING && c->state < CLOSED && len - used >= 2) {
        uint8_t *f = p + used;
        size_t left = len - used, head = 2, size = f[1] & 127;
        if (!(f[0] & 0x80) || f[1] & 0x80 || f[0] & 0x70) {
            lose(c, "a frame that is masked, in fragments or compressed");
            return len;
        }
        if (size == 126) {
            head = 4;
            if (left < head) break;
            size = (size_t)f[2] << 8 | f[3];
        } else if (size == 127) {
            head = 10;
            if (left < head) break;
            size = 0;
            for (int i = 2; i < 10; i++) size = size << 8 | f[i];
        }
        if (left < head + size) {
            c->in_need = head + size;
            break;
        }
        used += head + size;
        int opcode = f[0] & 15;
        if (opcode == TEXT) {
            wire_text(c, (const char *)f + head, size);
        } else if (opcode == BINARY) {
            if (handlers.attachment) handlers.attachment(c, f + head, size);
            else wrong("socket %d: an attachment of %zu bytes that nobody sent", c->index, size);
        } else if (opcode == PING) {
            memcpy(frame_open(c, PONG, size), f + head, size);
            frame_close(c);
            flush(c);
        } else if (opcode == CLOSE) {
            lose(c, "closed by the server");
            return len;
        }
    }
    return used;
}

static void receive(struct conn *c) {
    uint8_t *p = shared;
    size_t room = sizeof shared;
    if (c->in_len) {
        reserve(&c->in, &c->in_cap, c->in_len + 4096 > c->in_need + 65536 ? c->in_len + 4096 : c->in_need + 65536);
        p = c->in + c->in_len;
        room = c->in_cap - c->in_len;
    }
    ssize_t n = read(c->fd, p, room);
    if (n <= 0) {
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
        lose(c, n ? strerror(errno) : "end of stream");
        return;
    }
    uint8_t *start = c->in_len ? c->in : shared;
    size_t len = c->in_len + (size_t)n;
    if (c->in_len && len < c->in_need) {
        c->in_len = len;
        return;
    }
    size_t used = frames(c, start, len);
    c->in_len = len - used;
    if (c->state == CLOSED || !c->in_len) {
        c->in_len = 0;
        return;
    }
    if (start == shared) reserve(&c->in, &c->in_cap, c->in_len);
    memmove(c->in, start + used, c->in_len);
}

static void read_stdin(void) {
    ssize_t n = read(0, command + command_len, sizeof command - 1 - command_len);
    if (n > 0) command_len += (size_t)n;
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        command_eof = true;
        epoll_ctl(epoll_fd, EPOLL_CTL_DEL, 0, NULL);
    }
}

void net_once(int timeout_ms) {
    struct epoll_event events[256];
    int n = epoll_wait(epoll_fd, events, 256, timeout_ms);
    for (int i = 0; i < n; i++) {
        if (events[i].data.ptr == &stdin_mark) {
            read_stdin();
            continue;
        }
        struct conn *c = events[i].data.ptr;
        if (c->state == CLOSED) continue;
        if (c->state == CONNECTING) {
            if (events[i].events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) upgrade(c);
            continue;
        }
        if (events[i].events & EPOLLOUT) flush(c);
        if (c->state != CLOSED && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) receive(c);
    }
}

bool command_waiting(void) { return command_eof || memchr(command, '\n', command_len); }

char *next_command(void) {
    static char line[sizeof command];
    while (!command_waiting()) net_once(1000);
    char *end = memchr(command, '\n', command_len);
    if (!end) return NULL;
    size_t len = (size_t)(end - command);
    memcpy(line, command, len);
    line[len] = 0;
    command_len -= len + 1;
    memmove(command, end + 1, command_len);
    return line;
}
