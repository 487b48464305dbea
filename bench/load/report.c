// Numbers and errors of the load client: see sio.h.
#include "sio.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static long errors;
static char first_error[200];

void wrong(const char *fmt, ...) {
    if (errors++) return;
    va_list args;
    va_start(args, fmt);
    vsnprintf(first_error, sizeof first_error, fmt, args);
    va_end(args);
    for (char *p = first_error; *p; p++)
        if (*p == '"' || *p == '\\' || (unsigned char)*p < 32) *p = '\'';
}

void reset_errors(void) {
    errors = 0;
    *first_error = 0;
}

void print_errors(void) { printf("\"errors\":%ld,\"first_error\":\"%s\"", errors, first_error); }

void die(const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    fprintf(stderr, "sio: ");
    vfprintf(stderr, fmt, args);
    fprintf(stderr, "%s%s\n", *first_error ? "; first error: " : "", first_error);
    va_end(args);
    exit(1);
}

double own_cpu(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec +
           ((double)u.ru_utime.tv_usec + (double)u.ru_stime.tv_usec) / 1e6;
}

void sample(struct samples *s, double seconds) {
    if (s->len == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 1 << 16;
        s->us10 = realloc(s->us10, s->cap * sizeof *s->us10);
        if (!s->us10) die("out of memory");
    }
    s->us10[s->len++] = (uint32_t)(seconds * 1e7);
}

static int ascending(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static double quantile(const struct samples *s, double q) {
    if (!s->len) return 0;
    size_t at = (size_t)(q * (double)s->len);
    return s->us10[at < s->len ? at : s->len - 1] / 10.0;
}

void print_quantiles(struct samples *s, const char *prefix) {
    qsort(s->us10, s->len, sizeof *s->us10, ascending);
    printf("\"%sp50_us\":%.1f,\"%sp99_us\":%.1f,\"%sp999_us\":%.1f,\"%smax_us\":%.1f,", prefix, quantile(s, 0.5),
           prefix, quantile(s, 0.99), prefix, quantile(s, 0.999), prefix, quantile(s, 1.0));
}

char **read_lines(const char *path, int *count) {
    FILE *f = fopen(path, "r");
    if (!f) die("cannot read %s", path);
    char line[128], **lines = NULL;
    *count = 0;
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\r\n")] = 0;
        if (!*line) continue;
        lines = realloc(lines, sizeof *lines * (size_t)(*count + 1));
        if (!lines) die("out of memory");
        lines[(*count)++] = strdup(line);
    }
    fclose(f);
    return lines;
}
