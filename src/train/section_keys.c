/* section_keys.c - see section_keys.h */
#include "train/section_keys.h"

int section_fail(char *err, const cfg_file *c, int line, const char *what, const char *value,
                 const char *remedy) {
    return fail(err, "%s:%d: %s \"%s\": %s", c->path, line, what, value, remedy);
}

int section_take(const cfg_file *c, const cfg_section *s, const key_row *keys, int n,
                 section_other other, void *to, char *err) {
    char wrong[ERR_LEN];
    for (int i = 0; i < s->n; i++) {
        const cfg_option *o = &s->options[i];
        const key_row *k = key_find(keys, n, o->key);
        int taken = k || !other ? 0 : other(c, o, to, err);
        if (taken < 0) return -1;
        if (k && key_set(k, o->val, c->path, to, wrong))
            return section_fail(err, c, o->line, k->name, o->val, wrong);
        if (k || taken) continue;
        key_unknown(keys, n, o->key, wrong);
        return fail(err, "%s:%d: [%s] %.600s", c->path, o->line, s->type, wrong);
    }
    return 0;
}
