/* error.c - the host's error(), which calls assert(0), made an orderly end with status 1.
 *
 * In a file of its own, without darknet.h: the C library has an error() too, with another
 * signature, and under LD_PRELOAD this one stands before both. The first argument tells them apart:
 * an exit status, or the address of a message. */
#include "host/hush.h"
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((visibility("default"))) void error(uintptr_t first, ...);

static void libc_error(int status, int errnum, const char *format, va_list ap) {
    fprintf(stderr, "%s: ", program_invocation_name);
    vfprintf(stderr, format, ap);
    if (errnum) fprintf(stderr, ": %s", strerror(errnum));
    fputc('\n', stderr);
    if (status) exit(status);
}

void error(uintptr_t first, ...) {
    host_unhush();
    fflush(stdout);
    if (first < 4096) {
        va_list ap;
        va_start(ap, first);
        int errnum = va_arg(ap, int);
        const char *format = va_arg(ap, const char *);
        libc_error((int)first, errnum, format, ap);
        va_end(ap);
        return;
    }
    fprintf(stderr, "darknet: %s\n", (const char *)first);
    exit(1);
}
