/* error.c - see error.h. */
#include "base/error.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

int fail(char *err, const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    vsnprintf(err, ERR_LEN, format, ap);
    va_end(ap);
    return -1;
}

void *fail_null(char *err, const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    vsnprintf(err, ERR_LEN, format, ap);
    va_end(ap);
    return NULL;
}

int fail_errno(char *err, const char *path, const char *format, ...) {
    const char *reason = strerror(errno);
    char what[ERR_LEN];
    va_list ap;
    va_start(ap, format);
    vsnprintf(what, sizeof what, format, ap);
    va_end(ap);
    return fail(err, "%.400s: %.400s: %s", path, what, reason);
}
