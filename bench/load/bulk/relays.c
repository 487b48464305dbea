// Many live relays at a steady rate: each a PUT and a GET that follows it, every byte compared.
// usage: relays PORT KEYSFILE BYTES_PER_SECOND SECONDS
// A sender sends what is due by the clock and no more; a receiver reads what comes. Prints JSON: what each receiver had
// when the time was up, {"slowest": bytes, "mean": bytes, "fastest": bytes, "errors": n, "done": relays that ended whole}.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 2000, BLOCK = 1 << 20, READ = 256 << 10 };

struct end {
    int fd, sends, headed, over;  // a receiver is headed once the answer's head is read, a sender once it is answered
    char head[4096];
    int head_length;
    size_t moved;
};

static struct end ends[2 * MOST];
static char pattern[2 * BLOCK], buffer[READ];
static size_t total;
static int errors, done;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void die(const char *what) {
    perror(what);
    exit(1);
}

static int connected(int port) {
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    if (fd < 0 || connect(fd, (void *)&where, sizeof where)) die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static void ask(int fd, const char *text) {
    if (send(fd, text, strlen(text), MSG_NOSIGNAL) != (ssize_t)strlen(text)) die("send");
}

static void failed(struct end *e, const char *why) {
    if (!errors++) fprintf(stderr, "relays: %s after %zu bytes: %.200s\n", why, e->moved, e->head);
    e->over = 1;
    close(e->fd);
}

static void came(struct end *e, const char *data, size_t length) {
    if (e->moved + length > total || memcmp(data, pattern + e->moved % BLOCK, length)) {
        failed(e, "wrong bytes");
        return;
    }
    e->moved += length;
    if (e->moved == total) done++;
}

static void readable(struct end *e) {
    while (!e->over) {
        if (e->headed && !e->sends) {
            ssize_t got = recv(e->fd, buffer, READ, MSG_DONTWAIT);
            if (got < 0 && errno == EAGAIN) return;
            if (got <= 0) {
                if (e->moved != total) failed(e, "the download broke off");
                e->over = 1;
                return;
            }
            came(e, buffer, got);
            if (got < READ) return;
            continue;
        }
        ssize_t got = recv(e->fd, e->head + e->head_length, sizeof e->head - 1 - e->head_length, MSG_DONTWAIT);
        if (got < 0 && errno == EAGAIN) return;
        if (got <= 0) {
            if (!e->sends || e->moved != total) failed(e, "an answer broke off");
            e->over = 1;
            return;
        }
        e->head_length += got;
        e->head[e->head_length] = 0;
        char *body = strstr(e->head, "\r\n\r\n");
        if (!body) continue;
        if (strncmp(e->head, "HTTP/1.1 200", 12)) {
            failed(e, "refused");
            return;
        }
        e->headed = 1;
        if (!e->sends) came(e, body + 4, e->head + e->head_length - body - 4);
    }
}

int main(int count, char **given) {
    if (count < 5) return 2;
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    int port = atoi(given[1]), relays = 0, epoll = epoll_create1(0);
    double rate = atof(given[3]), seconds = atof(given[4]);
    total = rate * seconds;
    for (int i = 0; i < 2 * BLOCK; i++) pattern[i] = (char)((i % BLOCK) * 2654435761u >> 13);
    char line[128], text[512];
    FILE *keys = fopen(given[2], "r");
    if (!keys) die("keys");
    for (; relays < MOST && fscanf(keys, "%64s", line) == 1; relays++) {
        struct end *in = &ends[2 * relays], *out = in + 1;
        in->fd = connected(port);
        snprintf(text, sizeof text, "GET /download/%s?follow=1 HTTP/1.1\r\nHost: x\r\n\r\n", line);
        ask(in->fd, text);
        out->fd = connected(port), out->sends = 1;
        snprintf(text, sizeof text, "PUT /upload/%s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\nBurrow-Policy: live\r\n\r\n",
                 line, total);
        ask(out->fd, text);
        for (struct end *e = in; e <= out; e++) {
            struct epoll_event event = {.events = EPOLLIN, .data.ptr = e};
            epoll_ctl(epoll, EPOLL_CTL_ADD, e->fd, &event);
        }
    }
    double start = now(), tick = start;
    size_t slowest = total, fastest = 0, sum = 0;
    int judged = 0;
    while (done < relays && !errors && now() < start + seconds + 30) {
        struct epoll_event events[256];
        int found = epoll_wait(epoll, events, 256, 5);
        for (int i = 0; i < found; i++) readable(events[i].data.ptr);
        double t = now();
        if (t - tick >= 0.01) {
            tick = t;
            for (int i = 0; i < relays; i++) {
                struct end *e = &ends[2 * i + 1];
                // each sender has its own beat: together they would all be due at once
                double since = t - start - (double)i / relays * 0.05;
                size_t due = since <= 0 ? 0 : (size_t)(since / 0.05) * (size_t)(rate * 0.05);
                if (t - start >= seconds || due > total) due = total;
                while (!e->over && e->moved < due) {
                    size_t piece = due - e->moved < BLOCK ? due - e->moved : BLOCK;
                    ssize_t sent = send(e->fd, pattern + e->moved % BLOCK, piece, MSG_DONTWAIT | MSG_NOSIGNAL);
                    if (sent < 0 && errno == EAGAIN) break;
                    if (sent <= 0) {
                        failed(e, "the upload broke off");
                        break;
                    }
                    e->moved += sent;
                }
            }
        }
        if (!judged && t - start >= seconds) {
            judged = 1;
            for (int i = 0; i < relays; i++) {
                size_t has = ends[2 * i].moved;
                sum += has;
                if (has < slowest) slowest = has;
                if (has > fastest) fastest = has;
            }
        }
    }
    if (!judged) sum = slowest = fastest = 0;
    printf("{\"slowest\":%zu,\"mean\":%.0f,\"fastest\":%zu,\"errors\":%d,\"done\":%d,\"relays\":%d}\n", slowest,
           relays ? (double)sum / relays : 0.0, fastest, errors, done, relays);
    return errors || done < relays;
}
