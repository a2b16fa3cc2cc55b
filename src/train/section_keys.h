/* section_keys.h - the keys of files in cfg syntax that are ours (META, SUITE): one table per
 * section, read into a struct. */
#ifndef MP_SECTION_KEYS_H
#define MP_SECTION_KEYS_H
#include "base/keys.h"
#include "host/cfg.h"

/* A key that the table does not hold: 1: taken, 0: unknown, -1 and err. */
typedef int (*section_other)(const cfg_file *c, const cfg_option *o, void *to, char *err);

/* All keys of s into `to`; other may be NULL. 0, or -1 and err with file and line. */
int section_take(const cfg_file *c, const cfg_section *s, const key_row *keys, int n,
                 section_other other, void *to, char *err);
/* `FILE:LINE: what "value": remedy` into err; -1. */
int section_fail(char *err, const cfg_file *c, int line, const char *what, const char *value,
                 const char *remedy);
#endif
