/* main.c - metaperturb: reads the command line, runs what needs no network itself, and starts
 * metaperturb-host for the rest.
 *
 * Darknet's library brings OpenCV, and that 250 libraries more, half a second's work for the
 * loader: too much for --help. And libgomp reads its settings when it is loaded: they must be there
 * before the program that computes begins. */
#include "cli/commands.h"
#include "cli/convert.h"
#include "cli/help.h"
#include "cli/options.h"
#include "cli/output.h"
#include "host/cfg_memory.h"
#include "base/commit.h"
#include "base/library.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    unsigned id;
    int (*run)(const options *o, char *err);
} runs[] = {
    {CMD_CFG_ATTACH, convert_attach}, {CMD_CFG_DETACH, convert_detach},
    {CMD_CFG_CHECK, convert_check},   {CMD_W_INFO, convert_info},
    {CMD_W_PARTIAL, convert_partial},
};
enum { RUNS = sizeof runs / sizeof *runs };

static int is(const char *s, const char *word) {
    if (!strncmp(s, "--", 2)) s++;
    return !strcmp(s, word);
}

/* Threads that spin between parallel loops take the time of those they wait for as soon as anything
 * else computes: a step is then several times slower. */
static int start_host(char **argv, char *err) {
    char path[PATH_LEN];
    library_find(path, "metaperturb-host");
    if (!getenv("GOMP_SPINCOUNT") && !getenv("OMP_WAIT_POLICY"))
        setenv("GOMP_SPINCOUNT", "5000", 1);
    execv(path, argv);
    return fail(err,
                "%.800s: %s: this command needs it, there or beside metaperturb: `make` builds "
                "both, `make install` puts both in place",
                path, strerror(errno));
}

/* What LD_PRELOAD= takes. */
static int print_plugin(void) {
    char path[PATH_LEN], whole[PATH_LEN];
    if (library_find(path, "libmetaperturb.so") && realpath(path, whole)) {
        puts(whole);
        return 0;
    }
    fprintf(stderr, "metaperturb: %.800s: no such file: `make` builds it\n", path);
    return 1;
}

static int run(const command *c, const options *o, char **argv, char *err) {
    for (int i = 0; i < RUNS; i++)
        if (runs[i].id == c->id) return runs[i].run(o, err);
    return start_host(argv, err);
}

static int failed(int status, const char *err) {
    fflush(stdout);
    fprintf(stderr, "metaperturb: %s\n", err);
    return status;
}

/* What tells of the program alone. -1: it is something else. */
static int told(int argc, char **argv, char *err) {
    if (argc < 2 || is(argv[1], "-help") || is(argv[1], "-h")) {
        commands_list(argc < 2 ? stderr : stdout);
        return argc < 2 ? 2 : 0;
    }
    if (is(argv[1], "-version")) {
        printf("metaperturb %s (%s)\n", program_version(), program_commit());
        return 0;
    }
    if (is(argv[1], "-plugin")) return print_plugin();
    if (!strcmp(argv[1], "help")) return help(argc - 2, argv + 2, err) ? failed(2, err) : 0;
    if (argc == 3 && (is(argv[2], "-help") || is(argv[2], "-h")) && help_group(argv[1])) return 0;
    return -1;
}

int main(int argc, char **argv) {
    char err[ERR_LEN] = "";
    static options o; /* held to the end of the program, with what it points to */
    int words;
    output_checked();
    int status = told(argc, argv, err);
    if (status >= 0) return status;
    const command *c = commands_find(argc, argv, &words);
    if (!c) {
        commands_unknown(argc, argv);
        return 2;
    }
    if (options_parse(&o, c->id, c->min, c->max, argc - words, argv + words, err))
        return failed(2, err);
    if (o.help) {
        commands_help(c);
        return 0;
    }
    if (options_files(&o, c->id, c->writes, err)) return failed(2, err);
    cfg_memory_limit(o.memory);
    return run(c, &o, argv, err) ? failed(1, err) : 0;
}
