/* convert.c - see convert.h. */
#include "cli/convert.h"
#include "host/cfg_attach.h"
#include "base/files.h"
#include "host/weights_info.h"
#include <stdlib.h>
#include <string.h>

static int write_text(const char *path, const char *text, char *err) {
    file_out f;
    if (file_out_open(&f, path, err)) return -1;
    fputs(text, f.f);
    return file_out_close(&f, err);
}

int convert_attach(const options *o, char *err) {
    char phi[PATH_LEN];
    int n;
    if (o->of.attach.phi && !realpath(o->of.attach.phi, phi))
        return fail(err, "%s: no such phi file", o->of.attach.phi);
    char *text = cfg_attach(o->positional[0], o->of.attach.where, o->of.attach.phi ? phi : NULL, &n,
                            err);
    int bad = text ? write_text(o->positional[1], text, err) : -1;
    free(text);
    if (!bad) printf("%s: %d [perturb] put in\n", o->positional[1], n);
    return bad;
}

int convert_detach(const options *o, char *err) {
    int n;
    char *text = cfg_detach(o->positional[0], &n, err);
    int bad = text ? write_text(o->positional[1], text, err) : -1;
    free(text);
    if (!bad) printf("%s: %d [perturb] taken out\n", o->positional[1], n);
    return bad;
}

int convert_check(const options *o, char *err) {
    int n = cfg_problems(o->positional[0], stdout, err);
    if (n < 0) return -1;
    if (!n) {
        printf("%s: no problems\n", o->positional[0]);
        return 0;
    }
    return fail(err, "%s: %d problem%s", o->positional[0], n, n > 1 ? "s" : "");
}

int convert_info(const options *o, char *err) {
    return weights_info(o->positional[0], o->positional[1], stdout, err);
}

int convert_partial(const options *o, char *err) {
    char *end;
    long n = strtol(o->positional[3], &end, 10);
    if (*end || end == o->positional[3] || n < 1 || n > 1000000)
        return fail(err, "%s: not a number of layers from 1 on", o->positional[3]);
    return weights_partial(o->positional[0], o->positional[1], o->positional[2], (int)n, err);
}
