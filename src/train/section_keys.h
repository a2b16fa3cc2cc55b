/* section_keys.h - the keys of files in cfg syntax that are ours (META, SUITE): one table per
 * section, read into a struct. */
#ifndef MP_SECTION_KEYS_H
#define MP_SECTION_KEYS_H
#include "host/cfg.h"
#include <stddef.h>

/* What stands at `at`: TEXT char[hi]; PATH, OUTPUT char[PATH_LEN] (a PATH is looked for as
 * path_find does); NUMBER double; WHOLE int; SEED uint64_t. lo, hi: the range of a number. */
typedef enum { KEY_TEXT, KEY_PATH, KEY_OUTPUT, KEY_NUMBER, KEY_WHOLE, KEY_SEED } section_kind;
typedef struct {
    const char *name;
    section_kind kind;
    size_t at;
    double lo, hi;
} section_key;

/* A key that the table does not hold: 1: taken, 0: unknown, -1 and err. */
typedef int (*section_other)(const cfg_file *c, const cfg_option *o, void *to, char *err);

/* All keys of s into `to`; other may be NULL. 0, or -1 and err with file and line. */
int section_take(const cfg_file *c, const cfg_section *s, const section_key *keys, int n,
                 section_other other, void *to, char *err);
/* `FILE:LINE: what "value": remedy` into err; -1. */
int section_fail(char *err, const cfg_file *c, int line, const char *what, const char *value,
                 const char *remedy);
#endif
