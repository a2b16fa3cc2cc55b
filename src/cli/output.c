/* output.c - see output.h. */
#include "cli/output.h"
#include "base/files.h"
#include <errno.h>
#include <signal.h>
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

int output_possible(const options *o, unsigned command, char *err) {
    const char *paths[] = {o->json,
                           o->plot,
                           command == CMD_DET_VALID ? NULL : o->out, /* there a name in results= */
                           command == CMD_W_FOLD ? o->positional[2] : NULL,
                           command == CMD_W_FOLD ? o->positional[3] : NULL,
                           command == CMD_W_EXPORT ? o->positional[2] : NULL};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (file_out_possible(paths[i], err)) return -1;
    return 0;
}
