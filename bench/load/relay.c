// Files relayed chunk by chunk between pairs: at what price and how fast. Socket 2k sends, socket 2k+1 receives.
//
// sio relay PORT PEERS_FILE CHUNK_BYTES binary|base64 WINDOW CHUNKS       then on stdin: run | quit
//
// A relay session starts the way the published app starts one: a signal to a peer whose socket is not there. At most
// WINDOW chunks of a pair are on their way; a chunk has arrived when the receiver has it AND the sender has the
// server's ack. Every chunk carries its number in its first bytes, and all its bytes are compared.
#include "sio.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VARIANTS = 32, STAMP = 12, FIRST_ACK = 10 };
static const double SETUP_SECONDS = 15, STALL_SECONDS = 15;
static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

struct peer {
    char *name;
    char session[80];                 // of the sender
    bool registered;
    long sent, acked, got;            // the first two of the sender, the last of the receiver
    long expected;                    // index of the attachment that must come next, or -1
};

static struct peer *peers;
static bool binary;
static long window, chunks;
static size_t chunk_len;              // as sent: bytes, or characters of base64
static uint8_t *pool[VARIANTS];
static long progress;

static void make_pool(size_t bytes) {
    uint64_t x = 88172645463325252ull;
    chunk_len = binary ? bytes : (bytes + 2) / 3 * 4;
    if (chunk_len < STAMP + 4) die("chunks are too small");
    for (int v = 0; v < VARIANTS; v++) {
        pool[v] = malloc(chunk_len + 8);
        if (!pool[v]) die("out of memory");
        for (size_t i = 0; i < chunk_len; i++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            pool[v][i] = binary ? (uint8_t)(x >> 32) : (uint8_t)alphabet[x >> 58];
        }
        size_t padding = binary ? 0 : (3 - bytes % 3) % 3;
        if (padding) {
            pool[v][chunk_len - padding - 1] = 'A';           // the bits that padding leaves over are zero
            memset(pool[v] + chunk_len - padding, '=', padding);
        }
    }
}

static void stamp_of(char *to, int pair, long index) {
    uint64_t v = (uint64_t)pair << 40 | (uint64_t)index;
    for (int i = 0; i < STAMP; i++, v >>= 6) to[i] = alphabet[v & 63];
}

static bool as_sent(const uint8_t *p, size_t len, int pair, long index) {
    char stamp[STAMP];
    stamp_of(stamp, pair, index);
    return len == chunk_len && !memcmp(p, stamp, STAMP) &&
           !memcmp(p + STAMP, pool[index % VARIANTS] + STAMP, chunk_len - STAMP);
}

static void send_chunk(struct conn *c, long index) {
    struct peer *p = &peers[c->index];
    char head[200], tail[80];
    int h, t;
    if (binary) {
        h = snprintf(head, sizeof head, "451-%ld[\"relay_chunk\",{\"session_id\":\"%s\",\"chunk\":"
                     "{\"_placeholder\":true,\"num\":0}", index + FIRST_ACK, p->session);
    } else {
        h = snprintf(head, sizeof head, "42%ld[\"relay_chunk\",{\"session_id\":\"%s\",\"chunk\":\"", index + FIRST_ACK,
                     p->session);
    }
    t = snprintf(tail, sizeof tail, "%s,\"index\":%ld,\"total\":%ld}]", binary ? "" : "\"", index, chunks);
    uint8_t *f = frame_open(c, TEXT, (size_t)(h + t) + (binary ? 0 : chunk_len));
    memcpy(f, head, (size_t)h);
    if (binary) {
        memcpy(f + h, tail, (size_t)t);
        frame_close(c);
        f = frame_open(c, BINARY, chunk_len);
    } else {
        memcpy(f + h + chunk_len, tail, (size_t)t);
        f += h;
    }
    memcpy(f, pool[index % VARIANTS], chunk_len);
    stamp_of((char *)f, c->index / 2, index);
    frame_close(c);
    flush(c);
}

static void pump(int sender) {
    struct peer *p = &peers[sender];
    long done = p->acked < peers[sender + 1].got ? p->acked : peers[sender + 1].got;
    progress++;
    while (p->sent < chunks && p->sent - done < window) send_chunk(&conns[sender], p->sent++);
}

static void ready(struct conn *c) {
    char text[200];
    send_text(c, text, (size_t)snprintf(text, sizeof text, "420[\"register_socket\",{\"peer_id\":\"%s\"}]",
                                        peers[c->index].name));
}

static void acked(struct conn *c, const struct packet *p) {
    struct peer *me = &peers[c->index];
    bool good = has(p->json, p->len, "\"success\"");
    if (p->id == 0) {
        if (!good) wrong("register_socket: %.*s", (int)p->len, p->json);
        me->registered = true;
    } else if (p->id == 1) {
        if (!has(p->json, p->len, "\"relay\"")) wrong("no relay was started: %.*s", (int)p->len, p->json);
    } else {
        if (!good) wrong("chunk %ld: %.*s", p->id - FIRST_ACK, (int)(p->len < 120 ? p->len : 120), p->json);
        if (p->id - FIRST_ACK != me->acked) wrong("the ack of chunk %ld came when %ld was due", p->id - FIRST_ACK, me->acked);
        me->acked++;
        pump(c->index);
    }
}

static void arrived(struct conn *c) {
    peers[c->index].got++;
    peers[c->index].expected = -1;
    pump(c->index ^ 1);
}

static void chunk_event(struct conn *c, const struct packet *p) {
    struct peer *me = &peers[c->index], *from = &peers[c->index ^ 1];
    const char *end = p->json + p->len, *rest = p->json;
    size_t rest_len = p->len;
    if (!binary) {
        const char *chunk = memmem(p->json, p->len < 300 ? p->len : 300, "\"chunk\":\"", 9);
        if (!chunk || (size_t)(end - chunk - 9) < chunk_len + 1 || chunk[9 + chunk_len] != '"' ||
            !as_sent((const uint8_t *)chunk + 9, chunk_len, c->index / 2, me->got)) {
            wrong("chunk %ld is not the one sent", me->got);
        } else {
            rest = chunk + 9 + chunk_len;
            rest_len = (size_t)(end - rest);
        }
    }
    size_t start_len = p->len < 300 ? p->len : 300;
    if (!field_text(p->json, start_len, "session_id", from->session) &&
        !field_text(rest, rest_len, "session_id", from->session)) wrong("chunk %ld is of another session", me->got);
    if (field_long(rest, rest_len, "index") != me->got && field_long(p->json, start_len, "index") != me->got)
        wrong("chunk %ld has another index", me->got);
    if (field_long(rest, rest_len, "total") != chunks && field_long(p->json, start_len, "total") != chunks)
        wrong("chunk %ld has another total", me->got);
    if (binary) me->expected = me->got;
    else arrived(c);
}

static void packet(struct conn *c, const struct packet *p) {
    static const char chunk[] = "[\"relay_chunk\",", begun[] = "[\"relay_initiated\",";
    if (p->type == '3') {
        acked(c, p);
    } else if (p->len > sizeof chunk && !memcmp(p->json, chunk, sizeof chunk - 1)) {
        if ((p->type == '5') != binary) wrong("a chunk changed between text and attachment");
        else chunk_event(c, p);
    } else if (p->len > sizeof begun && !memcmp(p->json, begun, sizeof begun - 1) && !(c->index & 1)) {
        const char *at = memmem(p->json, p->len, "\"session_id\":\"", 14);
        const char *end = at ? memchr(at + 14, '"', (size_t)(p->json + p->len - at - 14)) : NULL;
        if (!end || end - at - 14 >= (long)sizeof peers->session) die("relay_initiated without a session");
        memcpy(peers[c->index].session, at + 14, (size_t)(end - at - 14));
    }
}

static void attachment(struct conn *c, const uint8_t *bytes, size_t len) {
    struct peer *me = &peers[c->index];
    if (me->expected < 0) {
        wrong("an attachment without its event");
        return;
    }
    if (!as_sent(bytes, len, c->index / 2, me->expected)) wrong("chunk %ld is not the one sent", me->expected);
    arrived(c);
}

static void open_sessions(int pairs, int port) {
    char text[400];
    double deadline = now() + SETUP_SECONDS;
    for (int i = 0; i < 2 * pairs; i += 2) connect_all(i, i + 1, port, 1);
    for (int i = 0; i < 2 * pairs; i += 2) {
        while (!peers[i].registered && now() < deadline) net_once(20);
        send_text(&conns[i], text, (size_t)snprintf(text, sizeof text,
            "421[\"peer_signal\",{\"target_peer_id\":\"%s\",\"sender_peer_id\":\"%s\",\"signal\":{\"type\":\"offer\"}}]",
            peers[i + 1].name, peers[i].name));
        while (!*peers[i].session && now() < deadline) net_once(20);
        if (!*peers[i].session) die("no relay session was opened");
    }
    for (int i = 1; i < 2 * pairs; i += 2) connect_all(i, i + 1, port, 1);
    for (int i = 1; i < 2 * pairs; i += 2)
        while (!peers[i].registered && now() < deadline) net_once(20);
    if (now() >= deadline) die("the receivers were not registered in time");
}

static void run(int pairs, size_t bytes) {
    double start = now(), cpu = own_cpu(), seen_at = start;
    long seen = progress = 0, arrived_total = 0, acked_total = 0;
    for (int i = 0; i < 2 * pairs; i += 2) pump(i);
    for (;;) {
        bool open = false;
        for (int i = 0; i < 2 * pairs; i += 2) open |= peers[i].acked < chunks || peers[i + 1].got < chunks;
        if (!open || conns_lost) break;
        net_once(100);
        if (progress != seen) seen = progress, seen_at = now();
        else if (now() - seen_at > STALL_SECONDS) {
            wrong("nothing moved for %.0f s", STALL_SECONDS);
            break;
        }
    }
    double took = now() - start;
    for (int i = 0; i < 2 * pairs; i += 2) arrived_total += peers[i + 1].got, acked_total += peers[i].acked;
    printf("{\"bytes\":%.0f,\"seconds\":%.4f,\"chunks\":%ld,\"acked\":%ld,\"lost\":%ld,\"client_cpu_s\":%.3f,",
           (double)arrived_total * (double)bytes, took, arrived_total, acked_total, chunks * pairs - arrived_total,
           own_cpu() - cpu);
    print_errors();
    printf("}\n");
    fflush(stdout);
}

int relay_main(int argc, char **argv) {
    if (argc != 7) die("usage: sio relay PORT PEERS_FILE CHUNK_BYTES binary|base64 WINDOW CHUNKS");
    int count, port = atoi(argv[1]);
    char **names = read_lines(argv[2], &count);
    if (count < 2 || count % 2) die("the number of peers must be even");
    size_t bytes = (size_t)atol(argv[3]);
    binary = !strcmp(argv[4], "binary");
    window = atol(argv[5]);
    chunks = atol(argv[6]);
    make_pool(bytes);
    handlers = (struct handlers){.ready = ready, .packet = packet, .attachment = attachment};
    peers = calloc((size_t)count, sizeof *peers);
    for (int i = 0; i < count; i++) peers[i].name = names[i], peers[i].expected = -1;
    net_init(count);
    open_sessions(count / 2, port);
    printf("{\"ready\":%d,", count_ready());
    print_errors();
    printf("}\n");
    fflush(stdout);
    char *line = next_command();
    if (line && !strcmp(line, "run")) run(count / 2, bytes);
    next_command();
    return 0;
}
