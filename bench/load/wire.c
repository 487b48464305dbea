// Engine.IO and Socket.IO packets: see sio.h.
#include "sio.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HANDSHAKES = 64 };             // how many sockets are on their way in at once
static const double CONNECT_SECONDS = 120;

void send_text(struct conn *c, const char *text, size_t len) {
    memcpy(frame_open(c, TEXT, len), text, len);
    frame_close(c);
    flush(c);
}

static void event_or_ack(struct conn *c, const char *p, size_t len) {
    struct packet packet = {.type = *p, .id = -1};
    size_t at = 1;
    if (packet.type == '5') {
        if (len < 3 || p[1] != '1' || p[2] != '-') {
            wrong("an event with an unexpected number of attachments");
            return;
        }
        at = 3;
    }
    while (at < len && p[at] >= '0' && p[at] <= '9') {
        packet.id = (packet.id < 0 ? 0 : packet.id * 10) + (p[at] - '0');
        at++;
    }
    packet.json = p + at;
    packet.len = len - at;
    handlers.packet(c, &packet);
    if (packet.type != '3' && packet.id >= 0) {          // the server asks for an ack: any client would give it
        char answer[40];
        send_text(c, answer, (size_t)snprintf(answer, sizeof answer, "43%ld[]", packet.id));
    }
}

void wire_text(struct conn *c, const char *p, size_t len) {
    if (len && *p == '2') {
        c->pings++;
        send_text(c, "3", 1);
    } else if (len && *p == '0' && c->state == OPENING) {
        c->state = JOINING;
        send_text(c, "40", 2);
    } else if (len > 1 && *p == '4' && p[1] == '0' && c->state == JOINING) {
        c->state = READY;
        handlers.ready(c);
    } else if (len > 1 && *p == '4' && (p[1] == '2' || p[1] == '3' || p[1] == '5') && c->state == READY) {
        event_or_ack(c, p + 1, len - 1);
    } else if (!len || *p != '6') {
        wrong("an unexpected packet: %.*s", (int)(len > 60 ? 60 : len), p);
    }
}

int count_ready(void) {
    int ready = 0;
    for (int i = 0; i < conn_count; i++) ready += conns[i].state == READY;
    return ready;
}

void connect_all(int from, int to, int port, int sources) {
    double deadline = now() + CONNECT_SECONDS;
    int next = from, done = from;
    while (done < to) {
        while (next < to && next - done < HANDSHAKES) net_connect(next++, port, sources);
        net_once(100);
        while (done < next && conns[done].state == READY) done++;
        if (conns_lost) die("a socket was lost while %d of %d were connected", done - from, to - from);
        if (now() > deadline) die("only %d of %d sockets connected in time", done - from, to - from);
    }
}

bool has(const char *p, size_t len, const char *needle) { return memmem(p, len, needle, strlen(needle)) != NULL; }

static const char *field(const char *p, size_t len, const char *name) {
    char key[64];
    int n = snprintf(key, sizeof key, "\"%s\":", name);
    const char *at = memmem(p, len, key, (size_t)n);
    return at ? at + n : NULL;
}

long field_long(const char *p, size_t len, const char *name) {
    const char *at = field(p, len, name), *end = p + len;
    if (!at || at >= end || *at < '0' || *at > '9') return -1;
    long value = 0;
    for (; at < end && *at >= '0' && *at <= '9'; at++) value = value * 10 + (*at - '0');
    return value;
}

bool field_text(const char *p, size_t len, const char *name, const char *wanted) {
    const char *at = field(p, len, name), *end = p + len;
    size_t n = strlen(wanted);
    return at && (size_t)(end - at) >= n + 2 && *at == '"' && !memcmp(at + 1, wanted, n) && at[n + 1] == '"';
}
