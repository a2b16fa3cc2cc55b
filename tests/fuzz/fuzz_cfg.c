/* fuzz_cfg.c - cfg files: read, listed, looked at from all sides, written for the host and read
 * again. */
#include "fuzz.h"
#include "host/cfg_attach.h"
#include "host/cfg_edit.h"

/* What was written must be read again, and written the same. */
static void write_again(const cfg_file *c) {
    char err[ERR_LEN] = "", *text = cfg_text(c), *again = NULL;
    cfg_file *second = text ? cfg_read_text("again.cfg", text, err) : NULL;
    if (text && !second) abort();
    if (second) again = cfg_text(second);
    if (again && strcmp(text, again)) abort();
    cfg_free(second);
    free(again);
    free(text);
    free(cfg_for_host(c));
}

static void look(cfg_file *c) {
    char err[ERR_LEN] = "";
    cfg_perturb perturbs[8];
    cfg_dropblock drop;
    int w, h, channels, layers = cfg_layer_count(c);
    cfg_get_meta_shared(c);
    cfg_get_net_extra(c);
    cfg_get_perturbs(c, perturbs, 8);
    cfg_weight_floats(c);
    for (int i = 0; i < layers && i < 16; i++) {
        cfg_get_dropblock(c, i, &drop);
        if (cfg_layer_shape(c, i, &w, &h, &channels)) abort();
    }
    write_again(c);
    if (cfg_set_classes(c, 7, err)) fuzz_refused(err);
    cfg_layer_shape(c, layers - 1, &w, &h, &channels);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static fuzz_file file;
    static FILE *null;
    char err[ERR_LEN] = "";
    const char *path = fuzz_put(&file, data, size);
    if (!null && !(null = fopen("/dev/null", "w"))) abort();
    cfg_file *c = cfg_read(path, err);
    if (!c) fuzz_refused(err);
    err[0] = 0;
    int problems = cfg_problems(path, null, err);
    if (problems < 0)
        fuzz_refused(err);
    else if (!c && !problems)
        abort(); /* refused, and `cfg check` has nothing to say */
    if (c) look(c);
    cfg_free(c);
    cfg_edit *e = cfg_edit_open(path, NULL, err);
    if (e) {
        for (int i = 1; i < cfg_edit_cfg(e)->n; i += 2) cfg_edit_drop(e, i);
        free(cfg_edit_text(e, err));
    }
    cfg_edit_free(e);
    return 0;
}
