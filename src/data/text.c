/* text.c - see text.h. */
#include "data/text.h"
#include "base/files.h"
#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_LEN = 4096 };

static int utf16(const unsigned char *p, size_t n) {
    return n >= 2 && ((p[0] == 0xff && p[1] == 0xfe) || (p[0] == 0xfe && p[1] == 0xff));
}

/* Cuts bytes into t's lines. With t->line NULL only counts. */
static int cut(data_text *t, char *at, char *end, const char *path, char *err) {
    int number = 0;
    t->n = 0;
    while (at < end) {
        char *next = memchr(at, '\n', (size_t)(end - at)), *stop = next ? next : end;
        number++;
        while (at < stop && isspace((unsigned char)*at)) at++;
        char *last = stop;
        while (last > at && isspace((unsigned char)last[-1])) last--;
        if (last - at >= LINE_MAX_LEN)
            return fail(err, "%s:%d: a line of %ld bytes; at most %d are possible", path_tail(path),
                        number, (long)(last - at), LINE_MAX_LEN - 1);
        if (last > at) {
            if (t->line) {
                *last = 0;
                t->line[t->n] = at;
                t->number[t->n] = number;
            }
            t->n++;
        }
        at = stop + 1;
    }
    return 0;
}

int data_text_read(const char *path, data_text *t, char *err) {
    size_t n = 0;
    memset(t, 0, sizeof *t);
    unsigned char *p = file_slurp(path, &n, err);
    if (!p) return -1;
    t->bytes = (char *)p;
    if (utf16(p, n) || memchr(p, 0, n) || n >= INT_MAX) {
        fail(err, "%s: no text file: %s", path_tail(path),
             utf16(p, n) ? "it is UTF-16; save it as UTF-8" : "it holds binary data");
        data_text_free(t);
        return -1;
    }
    size_t skip = n >= 3 && !memcmp(p, "\xef\xbb\xbf", 3) ? 3 : 0;
    char *at = (char *)p + skip, *end = (char *)p + n;
    if (cut(t, at, end, path, err)) {
        data_text_free(t);
        return -1;
    }
    t->line = malloc(((size_t)t->n + 1) * sizeof *t->line);
    t->number = malloc(((size_t)t->n + 1) * sizeof *t->number);
    if (!t->line || !t->number) {
        fail(err, "%s: not enough memory for its lines", path_tail(path));
        data_text_free(t);
        return -1;
    }
    return cut(t, at, end, path, err);
}

int data_list_read(const char *path, data_text *t, char *err) {
    if (data_text_read(path, t, err)) return -1;
    return t->n ? 0 : fail(err, "%s: the list is empty", path_tail(path));
}

int data_no_memory(const char *path, char *err) {
    return fail(err, "%s: not enough memory to load it", path_tail(path));
}

void data_text_free(data_text *t) {
    free(t->bytes);
    free(t->line);
    free(t->number);
    memset(t, 0, sizeof *t);
}

int data_missing(const char *path, const char *what, const char *list, char *err) {
    if (!strchr(path, '\\'))
        return fail(err, "%s: no such %s, neither here nor beside the list or the .data file",
                    path_tail(path), what);
    int drive = isalpha((unsigned char)path[0]) && path[1] == ':';
    return fail(err,
                "%s: no such %s: folders are separated by /, not by the backslashes of "
                "Windows: `sed -i 's|\\\\|/|g' %s` turns them%s",
                path_tail(path), what, path_tail(list),
                drive ? "; and drives have no letters here" : "");
}
