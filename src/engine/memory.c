/* memory.c - buffers of the back end, and the end of a program that has not enough of it. */
#include "engine/backend.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

_Noreturn void engine_die(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    fputs("metaperturb: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(1);
}

float *engine_need(engine *e, buffer *b, size_t len) {
    if (b->len >= len) return b->p;
    engine_drop(e, b);
    b->p = e->b->alloc(e, len);
    if (!b->p) {
        engine_die(
            "out of memory: %.1f MB more on top of %.1f MB for the network; use a smaller batch "
            "(more subdivisions) or a smaller picture",
            len * 4e-6, e->bytes * 1e-6);
    }
    b->len = len;
    e->bytes += len * sizeof(float);
    return b->p;
}

void engine_drop(engine *e, buffer *b) {
    if (!b->p) return;
    e->b->release(e, b->p, b->len);
    e->bytes -= b->len * sizeof(float);
    *b = (buffer){0};
}
