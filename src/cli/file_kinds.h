/* file_kinds.h - what the words in capitals of a command's usage stand for (DATA, CFG ...): for
 * help, the manual and completion. */
#ifndef MP_FILE_KINDS_H
#define MP_FILE_KINDS_H

/* endings: of such files' names without the dot, `|` between them; page: of docs/ about it, or
 * NULL. */
typedef struct {
    const char *word, *endings, *what, *page;
} file_kind;

/* NULL after the last. */
const file_kind *file_kind_at(int i);
/* Of such a word as `[WEIGHTS]`, `IMAGE...`, `OUT.onnx`; NULL: it says nothing of a file's kind. */
const file_kind *file_kind_of(const char *word);
/* By its word or one of its endings, whatever the case. */
const file_kind *file_kind_named(const char *name);
#endif
