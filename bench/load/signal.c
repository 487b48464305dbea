// Signals between pairs of peers: how many, at what price, how late. Socket 2k talks to socket 2k+1 and back.
//
// sio signal PORT PEERS_FILE BYTES      then on stdin: closed SECONDS WINDOW | open SECONDS RATE | quit
//
// Every message carries who sent it and its number; the receiver compares all its bytes with what was sent.
#include "sio.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RING = 4096 };                 // most messages of one sender on their way at once
static const double DRAIN_SECONDS = 10;

struct peer {
    char *name;
    char head[400];                   // 42["peer_signal",{...,"signal":
    size_t head_len;
    uint32_t sent, got;               // numbers of the next message out, and of the next one expected from the partner
    double *at;                       // when number n was due, at[n % RING]
    bool registered;
};

static struct peer *peers;
static char *body;                    // the signal, with room for sender and number at `stamp`
static size_t body_len;
static char *stamp;
static struct samples latency;
static long received;
static double stop_at;                // in the closed loop: send nothing new after this
static bool closed_loop;

static void make_body(size_t bytes) {
    static const char start[] = "{\"type\":\"offer\",\"sdp\":\"v=0\\r\\no=- ";
    static const char middle[] = " IN IP4 127.0.0.1\\r\\ns=-\\r\\nt=0 0\\r\\na=group:BUNDLE 0\\r\\n"
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\\r\\nc=IN IP4 0.0.0.0\\r\\na=ice-ufrag:4ZcD\\r\\n"
        "a=ice-pwd:2/1muCWoOi3uLifh0NuRHlUa\\r\\na=ice-options:trickle\\r\\na=fingerprint:sha-256 "
        "7B:8B:F0:65:5F:78:E2:51:3B:AC:6F:F3:3F:46:1B:35:DC:B8:5F:64:1A:24:C2:43:F0:A1:58:D0:A1:2C:19:08\\r\\n"
        "a=setup:actpass\\r\\na=mid:0\\r\\na=sctp-port:5000\\r\\na=max-message-size:262144\\r\\n";
    static const char end[] = "\"}";
    body = malloc(bytes + 256);
    char *p = body + sprintf(body, "%s", start);
    stamp = p;
    p += sprintf(p, "%06d%010u", 0, 0u);
    p += sprintf(p, "%s", middle);
    for (int i = 1; (size_t)(p - body) + sizeof end - 1 < bytes; i++)
        p += sprintf(p, "a=candidate:%d 1 udp %d 192.168.%d.%d %d typ host generation 0\\r\\n", i, 2122260223 - i,
                     i % 250, (i * 7) % 250 + 1, 40000 + i);
    size_t cut = bytes - sizeof end + 1;
    while (body[cut - 1] == '\\') cut--;                  // never half an escape
    strcpy(body + cut, end);
    body_len = cut + sizeof end - 1;
}

static void mark(uint32_t sender, uint32_t number) {
    for (int i = 5; i >= 0; i--, sender /= 10) stamp[i] = (char)('0' + sender % 10);
    for (int i = 15; i >= 6; i--, number /= 10) stamp[i] = (char)('0' + number % 10);
}

static void send_signal(struct conn *c, double due) {
    struct peer *p = &peers[c->index];
    mark((uint32_t)c->index, p->sent);
    p->at[p->sent++ % RING] = due;
    uint8_t *f = frame_open(c, TEXT, p->head_len + body_len + 2);
    memcpy(f, p->head, p->head_len);
    memcpy(f + p->head_len, body, body_len);
    memcpy(f + p->head_len + body_len, "}]", 2);
    frame_close(c);
    flush(c);
}

static void ready(struct conn *c) {
    char text[200];
    send_text(c, text, (size_t)snprintf(text, sizeof text, "420[\"register_socket\",{\"peer_id\":\"%s\"}]",
                                        peers[c->index].name));
}

static void packet(struct conn *c, const struct packet *p) {
    static const char event[] = "[\"peer_signal\",";
    struct peer *me = &peers[c->index];
    if (p->type == '3') {
        if (!has(p->json, p->len, "\"success\"")) wrong("register_socket: %.*s", (int)p->len, p->json);
        me->registered = true;
        return;
    }
    if (p->len < sizeof event || memcmp(p->json, event, sizeof event - 1)) return;      // another event: not asked about
    struct conn *from = &conns[c->index ^ 1];
    struct peer *sender = &peers[from->index];
    const char *signal = memmem(p->json, p->len < 400 ? p->len : 400, "\"signal\":", 9);
    mark((uint32_t)from->index, me->got);
    if (!signal || (size_t)(p->json + p->len - signal - 9) < body_len || memcmp(signal + 9, body, body_len))
        wrong("socket %d: message %u is not the one sent: %.*s", c->index, me->got, (int)(p->len < 100 ? p->len : 100), p->json);
    else if (!field_text(p->json, (size_t)(signal - p->json), "sender_peer_id", sender->name) &&
             !field_text(signal + 9 + body_len, (size_t)(p->json + p->len - signal - 9) - body_len, "sender_peer_id", sender->name))
        wrong("socket %d: message %u names another sender", c->index, me->got);
    double t = now();
    sample(&latency, t - sender->at[me->got++ % RING]);
    received++;
    if (closed_loop && t < stop_at) send_signal(from, t);
}

static long sent_total(void) {
    long sum = 0;
    for (int i = 0; i < conn_count; i++) sum += peers[i].sent;
    return sum;
}

// The client spins here too: waking a sleeping client would be the server's cost in each send, and a third of it.
static void run_closed(double seconds, int window) {
    closed_loop = true;
    stop_at = now() + seconds;
    for (int w = 0; w < window; w++)
        for (int i = 0; i < conn_count; i++) send_signal(&conns[i], now());
    while (now() < stop_at && !conns_lost) net_once(0);
    closed_loop = false;
}

// One message every 1/rate seconds, each from the next socket, whatever the server does; lateness of our own is counted
// as the server's, and shown apart as late_*. The client spins, so that its own waking up is not measured.
static void run_open(double seconds, double rate, struct samples *late) {
    double start = now();
    long total = (long)(seconds * rate);
    for (long n = 0; n < total && !conns_lost;) {
        double due = start + (double)n / rate, t = now();
        if (t >= due) {
            struct conn *c = &conns[n % conn_count];
            if (peers[c->index].sent - peers[c->index ^ 1].got < RING) {
                sample(late, t - due);
                send_signal(c, due);
            } else {
                wrong("socket %d has %d messages on their way", c->index, RING);
            }
            n++;
        }
        net_once(0);
    }
}

static void run(const char *mode, double seconds, double argument) {
    struct samples late = {0};
    reset_errors();
    latency.len = 0;
    received = 0;
    long before = sent_total();
    double start = now(), cpu = own_cpu();
    if (*mode == 'c') run_closed(seconds, (int)argument);
    else run_open(seconds, argument, &late);
    double deadline = now() + DRAIN_SECONDS;
    while (received < sent_total() - before && now() < deadline && !conns_lost) net_once(20);
    double took = now() - start;
    long lost = sent_total() - before - received;
    cpu = own_cpu() - cpu;
    printf("{\"mode\":\"%s\",\"messages\":%ld,\"seconds\":%.4f,\"lost\":%ld,\"client_cpu_s\":%.3f,", mode, received,
           took, lost, cpu);
    print_quantiles(&latency, "");
    print_quantiles(&late, "late_");
    print_errors();
    printf("}\n");
    fflush(stdout);
    free(late.us10);
}

int signal_main(int argc, char **argv) {
    if (argc != 4) die("usage: sio signal PORT PEERS_FILE BYTES");
    int count;
    char **names = read_lines(argv[2], &count);
    if (count < 2 || count % 2) die("the number of peers must be even");
    handlers = (struct handlers){.ready = ready, .packet = packet};
    make_body((size_t)atol(argv[3]));
    peers = calloc((size_t)count, sizeof *peers);
    for (int i = 0; i < count; i++) {
        peers[i].name = names[i];
        peers[i].at = calloc(RING, sizeof(double));
        peers[i].head_len = (size_t)snprintf(peers[i].head, sizeof peers[i].head,
            "42[\"peer_signal\",{\"target_peer_id\":\"%s\",\"sender_peer_id\":\"%s\",\"signal\":", names[i ^ 1], names[i]);
    }
    net_init(count);
    connect_all(0, count, atoi(argv[1]), 1);
    double deadline = now() + DRAIN_SECONDS;
    for (int i = 0; i < count; i++)
        while (!peers[i].registered)
            if (now() > deadline) die("peer %d was not registered in time", i);
            else net_once(20);
    printf("{\"ready\":%d,", count_ready());
    print_errors();
    printf("}\n");
    fflush(stdout);
    char *line, mode[16];
    double seconds, argument;
    while ((line = next_command()) && sscanf(line, "%15s %lf %lf", mode, &seconds, &argument) == 3)
        run(mode, seconds, argument);
    return 0;
}
