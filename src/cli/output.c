/* output.c - see output.h. */
#include "cli/output.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void check_stdout(void) {
    int earlier = ferror(stdout), e = 0;
    if (fflush(stdout)) e = errno;
    if (!earlier && !e) return;
    fprintf(stderr,
            "metaperturb: standard output could not be written%s%s: what it should hold is lost\n",
            e ? ": " : "", e ? strerror(e) : "");
    _exit(1);
}

void output_checked(void) {
    signal(SIGXFSZ, SIG_IGN); /* a limit of file size (ulimit -f) is told like a full disk */
    atexit(check_stdout);
}
