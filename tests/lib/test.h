/* test.h - what every test program shares: checks that NaN can't pass, a counted skip, a closing
 * line; and a word on where it was when it is cut off. */
#ifndef MP_TEST_H
#define MP_TEST_H
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __FINITE_MATH_ONLY__
#if __FINITE_MATH_ONLY__
#error "tests need honest NaNs: build without -ffast-math"
#endif
#endif

static int t_passed, t_failed, t_skipped;
static volatile int t_line;
static const char *volatile t_file;

/* scripts/run_tests.sh ends a test that hangs by SIGTERM. */
static void t_cut_off(int signal) {
    char text[200];
    int n = t_line
                ? snprintf(text, sizeof text, "cut off after the check in %s:%d\n", t_file, t_line)
                : snprintf(text, sizeof text, "cut off before the first check\n");
    if (write(1, text, n < (int)sizeof text ? (size_t)n : sizeof text - 1) < 0) _exit(1);
    _exit(128 + signal);
}

__attribute__((constructor)) static void t_begin(void) {
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    signal(SIGTERM, t_cut_off);
}

#define CHECK(cond, ...)                                           \
    do {                                                           \
        t_file = __FILE__;                                         \
        t_line = __LINE__;                                         \
        if (cond)                                                  \
            t_passed++;                                            \
        else {                                                     \
            t_failed++;                                            \
            printf("FAIL %s:%d: %s: ", __FILE__, __LINE__, #cond); \
            printf(__VA_ARGS__);                                   \
            printf("\n");                                          \
        }                                                          \
    } while (0)

#define SKIP(...)            \
    do {                     \
        t_skipped++;         \
        printf("SKIP ");     \
        printf(__VA_ARGS__); \
        printf("\n");        \
    } while (0)

/* Relative L2 error of got against want; infinite when anything is NaN. */
static inline double t_rel(const float *got, const double *want, size_t n) {
    double d2 = 0, w2 = 0;
    for (size_t i = 0; i < n; i++) {
        double d = (double)got[i] - want[i];
        d2 += d * d;
        w2 += want[i] * want[i];
    }
    double r = w2 > 0 ? sqrt(d2 / w2) : sqrt(d2);
    return r >= 0 ? r : INFINITY;
}

/* Last line of every test program; its value is the exit status. Read by scripts/run_tests.sh. */
static inline int t_done(const char *name) {
    printf("%s: %d passed, %d failed, %d skipped\n", name, t_passed, t_failed, t_skipped);
    return t_failed != 0;
}
#endif
