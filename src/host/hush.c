/* hush.c - see hush.h. */
#include "host/hush.h"
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int saved = -1;

void host_hush(void) {
    int null = saved < 0 ? open("/dev/null", O_WRONLY | O_CLOEXEC) : -1;
    if (null < 0) return;
    fflush(stderr);
    saved = fcntl(2, F_DUPFD_CLOEXEC, 3);
    if (saved >= 0) dup2(null, 2);
    close(null);
}

void host_unhush(void) {
    if (saved < 0) return;
    fflush(stderr);
    dup2(saved, 2);
    close(saved);
    saved = -1;
}
