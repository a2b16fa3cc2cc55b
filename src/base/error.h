/* error.h - how functions of this project report what went wrong: one sentence in `char *err`, of
 * ERR_LEN bytes, and -1. */
#ifndef MP_BASE_ERROR_H
#define MP_BASE_ERROR_H
#include <stdarg.h>

enum { ERR_LEN = 1024 }; /* of every `char *err` in this project */

/* Writes the sentence to err and returns -1, so that `return fail(err, ...)` ends a function. */
int fail(char *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same where a function returns a pointer: NULL. */
void *fail_null(char *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* As fail, with "PATH: " before the sentence and ": REASON" of errno after it. */
int fail_errno(char *err, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
#endif
