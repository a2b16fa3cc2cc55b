/* plot.c - see plot.h. gnuplot reads its script from a file in memory, so that its end cannot end
 * us, and writes the picture to its standard output, a file in memory too: no path has to be quoted
 * for it, and only a whole picture reaches the disk. */
#include "train/plot.h"
#include "base/error.h"
#include <errno.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

int plot_open(plot *p, const char *path, int w, int h, char *err) {
    if (file_out_open(&p->out, path, err)) return -1;
    int fd = memfd_create("metaperturb-plot", MFD_CLOEXEC);
    p->picture = memfd_create("metaperturb-picture", MFD_CLOEXEC);
    p->to = fd < 0 || p->picture < 0 ? NULL : fdopen(fd, "w+");
    if (!p->to) {
        if (fd >= 0) close(fd);
        if (p->picture >= 0) close(p->picture);
        file_out_abort(&p->out);
        return fail(err, "%s: not enough memory to draw it", path);
    }
    fprintf(p->to,
            "set terminal pngcairo size %d,%d font 'DejaVu Sans,10' background rgb 'white'\n"
            "set grid lt 1 lc rgb '#dddddd'\nset border 3\nset tics nomirror\nset key opaque\n",
            w, h);
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

static void let_go(plot *p) {
    fclose(p->to);
    close(p->picture);
}

void plot_abort(plot *p) {
    let_go(p);
    file_out_abort(&p->out);
}

/* gnuplot says nothing of a picture that it could not write to its end. */
static int copy_picture(int from, FILE *to) {
    static const unsigned char head[8] = "\x89PNG\r\n\x1a\n", end[8] = "IEND\xae\x42\x60\x82";
    struct stat st;
    int whole = 0;
    if (fstat(from, &st) || st.st_size < 16) return -1;
    size_t n = (size_t)st.st_size;
    unsigned char *p = mmap(NULL, n, PROT_READ, MAP_SHARED, from, 0);
    if (p == MAP_FAILED) return -1;
    whole = !memcmp(p, head, sizeof head) && !memcmp(p + n - sizeof end, end, sizeof end);
    if (whole) fwrite(p, 1, n, to); /* file_out_close sees whether it could */
    munmap(p, n);
    return whole ? 0 : -1;
}

/* Why there is no picture: gnuplot's status (-1: not started), and what it said. */
static void explain(const plot *p, int status, const char *said, char *err) {
    const char *line = said + strspn(said, "\n "), *path = p->out.path;
    if (status == -1 || (WIFEXITED(status) && WEXITSTATUS(status) == 127))
        fail(err, "%s: not drawn, as gnuplot cannot be run: install gnuplot-nox", path);
    else if (status)
        fail(err, "%s: not drawn, as gnuplot failed: %.*s", path, (int)strcspn(line, "\n"), line);
    else
        fail(err, "%s: not drawn: there was no room for the whole picture in memory", path);
}

int plot_close(plot *p, char *err) {
    char said[256];
    fprintf(p->to, "unset multiplot\n");
    int bad = fflush(p->to) || fseek(p->to, 0, SEEK_SET);
    if (bad) {
        fail(err, "%s: not drawn: its script could not be written: %s", p->out.path,
             strerror(errno));
    } else {
        int status = run_gnuplot(fileno(p->to), p->picture, said, sizeof said);
        bad = status || copy_picture(p->picture, p->out.f);
        if (bad) explain(p, status, said, err);
    }
    let_go(p);
    if (!bad) return file_out_close(&p->out, err);
    file_out_abort(&p->out);
    return -1;
}
