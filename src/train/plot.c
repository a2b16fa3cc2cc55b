/* plot.c - see plot.h. gnuplot reads its script from a file in memory, so that its end cannot end us, and writes the picture to
 * its standard output, so that no path has to be quoted for it. */
#include "train/plot.h"
#include "host/cfg.h"
#include <errno.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

int plot_open(plot *p, const char *path, int w, int h, char *err) {
    if (file_out_open(&p->out, path, err)) return -1;
    int fd = memfd_create("metaperturb-plot", MFD_CLOEXEC);
    p->to = fd < 0 ? NULL : fdopen(fd, "w+");
    if (!p->to) {
        file_out_abort(&p->out);
        snprintf(err, ERR_LEN, "%s: not enough memory to draw it", path);
        return -1;
    }
    fprintf(p->to, "set terminal pngcairo size %d,%d font 'DejaVu Sans,10' background rgb 'white'\n"
            "set grid lt 1 lc rgb '#dddddd'\nset border 3\nset tics nomirror\nset key opaque\n", w, h);
    return 0;
}

/* gnuplot's exit status with its first complaint in text, or -1 if it could not be started. */
static int run_gnuplot(int script, int picture, char *text, size_t len) {
    posix_spawn_file_actions_t to;
    char *argv[] = {"gnuplot", "-", NULL};
    int said = memfd_create("metaperturb-gnuplot", MFD_CLOEXEC), status = -1;
    pid_t pid;
    posix_spawn_file_actions_init(&to);
    posix_spawn_file_actions_adddup2(&to, script, 0);
    posix_spawn_file_actions_adddup2(&to, picture, 1);
    if (said >= 0) posix_spawn_file_actions_adddup2(&to, said, 2);
    int bad = posix_spawnp(&pid, argv[0], &to, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&to);
    text[0] = 0;
    if (!bad) {
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
        ssize_t n = said < 0 ? 0 : pread(said, text, len - 1, 0);
        text[n > 0 ? n : 0] = 0;
    }
    if (said >= 0) close(said);
    return bad ? -1 : status;
}

void plot_abort(plot *p) {
    fclose(p->to);
    file_out_abort(&p->out);
}

int plot_close(plot *p, char *err) {
    char said[256];
    int status = -1;
    fprintf(p->to, "unset multiplot\n");
    if (!fflush(p->to) && !fseek(p->to, 0, SEEK_SET)) {
        status = run_gnuplot(fileno(p->to), fileno(p->out.f), said, sizeof said);
    }
    fclose(p->to);
    if (!status) return file_out_close(&p->out, err);
    if (status == -1 || (WIFEXITED(status) && WEXITSTATUS(status) == 127)) {
        snprintf(err, ERR_LEN, "%s: not drawn, as gnuplot cannot be run: install gnuplot-nox", p->out.path);
    } else {
        const char *line = said + strspn(said, "\n ");
        snprintf(err, ERR_LEN, "%s: not drawn, as gnuplot failed: %.*s", p->out.path, (int)strcspn(line, "\n"), line);
    }
    file_out_abort(&p->out);
    return -1;
}
