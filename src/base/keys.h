/* keys.h - named values read from text by a table: .data files, META, SUITE, options. */
#ifndef MP_KEYS_H
#define MP_KEYS_H
#include "base/path.h"
#include <stddef.h>

/* What stands at `at` of a struct, and what lo and hi mean:
 * TEXT     char[hi]
 * OUTPUT   char[PATH_LEN], the name of a file that is written
 * PATH     the same, of one that is looked for (path_find)
 * WHOLE    int, lo to hi; NUMBER double, lo to hi; SEED uint64_t
 * WORD     int: lo and the word's place in `words`, which has | between them
 * IGNORED  nothing */
typedef enum {
    KEY_TEXT,
    KEY_OUTPUT,
    KEY_PATH,
    KEY_WHOLE,
    KEY_NUMBER,
    KEY_SEED,
    KEY_WORD,
    KEY_IGNORED
} key_kind;
typedef struct {
    const char *name;
    key_kind kind;
    size_t at;
    double lo, hi;
    const char *words;
} key_row;

/* NULL: there is none of that name. */
const key_row *key_find(const key_row *rows, int n, const char *name);
/* "unknown key "NAME"; did you mean "ONE"?", or with all that are known. Returns -1. */
int key_unknown(const key_row *rows, int n, const char *name, char *err);
/* The value into the struct `to`; `file`: the one that says it, for PATH. 0, or -1 and what is
 * wrong with it in err, as "not a whole number from 1 to 9". */
int key_set(const key_row *k, const char *val, const char *file, void *to, char *err);
#endif
