// Sockets that only stay: are they all held, are their pings answered. What they cost is read from the server by others.
//
// sio idle PORT COUNT SOURCES PEERS_FILE|-        then on stdin: hold SECONDS | quit
//
// With a file of peers each socket registers as one of them; with "-" none does. SOURCES spreads the sockets over that
// many addresses of 127.0.0.0/8.
#include "sio.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char **names;
static long registered;

static void ready(struct conn *c) {
    char text[200];
    if (!names) return;
    send_text(c, text, (size_t)snprintf(text, sizeof text, "420[\"register_socket\",{\"peer_id\":\"%s\"}]",
                                        names[c->index]));
}

static void packet(struct conn *c, const struct packet *p) {
    if (p->type != '3') return;
    if (has(p->json, p->len, "\"success\"")) registered++;
    else wrong("register_socket of %d: %.*s", c->index, (int)p->len, p->json);
}

static void hold(double seconds) {
    double end = now() + seconds;
    while (now() < end && !command_waiting()) net_once(100);
    uint32_t fewest = UINT32_MAX, most = 0;
    uint64_t pings = 0;
    for (int i = 0; i < conn_count; i++) {
        if (conns[i].pings < fewest) fewest = conns[i].pings;
        if (conns[i].pings > most) most = conns[i].pings;
        pings += conns[i].pings;
    }
    printf("{\"held\":%d,\"dropped\":%d,\"pings\":%llu,\"fewest_pings\":%u,\"most_pings\":%u,", count_ready(),
           conns_lost, (unsigned long long)pings, fewest, most);
    print_errors();
    printf("}\n");
    fflush(stdout);
}

int idle_main(int argc, char **argv) {
    if (argc != 5) die("usage: sio idle PORT COUNT SOURCES PEERS_FILE|-");
    int count = atoi(argv[2]), peers = 0;
    if (strcmp(argv[4], "-")) {
        names = read_lines(argv[4], &peers);
        if (peers < count) die("%d peers for %d sockets", peers, count);
    }
    handlers = (struct handlers){.ready = ready, .packet = packet};
    net_init(count);
    double start = now();
    connect_all(0, count, atoi(argv[1]), atoi(argv[3]));
    double deadline = now() + 30;
    while (names && registered < count && now() < deadline) net_once(20);
    if (names && registered < count) wrong("only %ld of %d peers were registered", registered, count);
    printf("{\"ready\":%d,\"seconds\":%.2f,", count_ready(), now() - start);
    print_errors();
    printf("}\n");
    fflush(stdout);
    char *line;
    double seconds;
    while ((line = next_command()) && sscanf(line, "hold %lf", &seconds) == 1) hold(seconds);
    return 0;
}
