/* cfg_named.c - see cfg_named.h. The host looks for these files from the folder where the program
 * runs. */
#include "host/cfg_named.h"
#include "base/files.h"
#include <stdlib.h>
#include <string.h>

enum {
    NAME_ROOM = 256,
    SHOWN = 300
}; /* a name in the host's memory, its end included; of a path in a message */

typedef struct {
    const char *path;
    int line;
    char *err;
} place;

static int complain(const place *at, const char *what) {
    return fail(at->err, "%.*s:%d: %s", SHOWN, at->path, at->line, what);
}

static char *next_line(char **text) {
    char *s = *text, *end = s ? strchr(s, '\n') : NULL;
    *text = end ? end + 1 : NULL;
    if (end) *end = 0;
    return s && (end || *s) ? s : NULL;
}

/* The whole number at s, with nothing but blanks after it. */
static int whole(const char *s, long *v) {
    char *end;
    *v = strtol(s, &end, 10);
    return end == s || end[strspn(end, " \t\r")] ? -1 : 0;
}

/* began: 1 for each parent whose children have begun. */
static int tree_line(const place *at, const char *s, long long n, long *last, char *began) {
    size_t name = strcspn(s, " \t\r");
    long parent;
    if (!name || whole(s + name, &parent))
        return complain(at, "a line of a tree is NAME PARENT, such as `dog 3` or `animal -1`");
    if (name >= NAME_ROOM)
        return complain(at, "its name is longer than the 255 characters that Darknet has room for");
    if (parent < -1 || parent >= n)
        return complain(
            at, "its parent must be -1 or the number of a line before it, the first being 0");
    if (n && parent == *last) return 0;
    if (began[parent + 1]) return complain(at, "the children of a parent must stand together");
    began[parent + 1] = 1;
    *last = parent;
    return 0;
}

static int tree_lines(place *at, char *text, size_t len, long long classes) {
    long long n = 0;
    long last = -1;
    char *began = calloc(len + 2, 1); /* there cannot be more lines than bytes */
    int bad = began ? 0 : complain(at, "no memory to check the tree");
    for (char *s; !bad && (s = next_line(&text)); n++) {
        at->line++;
        bad = tree_line(at, s, n, &last, began);
    }
    free(began);
    if (bad || n == classes) return bad;
    return fail(at->err, "%.*s: the tree has %lld classes, the layer %lld", SHOWN, at->path, n,
                classes);
}

int cfg_tree_check(const char *path, long long classes, char *err) {
    size_t len;
    char *text = (char *)file_slurp(path, &len, err);
    place at = {path, 0, err};
    int bad = text ? tree_lines(&at, text, len, classes) : -1;
    free(text);
    return bad;
}

int cfg_map_check(const char *path, long long classes, char *err) {
    size_t len;
    char *text = (char *)file_slurp(path, &len, err), *rest = text;
    place at = {path, 0, err};
    int bad = text ? 0 : -1;
    for (char *s; !bad && (s = next_line(&rest));) {
        long v;
        at.line++;
        if (whole(s, &v) || v < 0 || v >= classes)
            bad = complain(&at, "a line of a map is one class, from 0 to classes - 1");
    }
    if (!bad && !at.line) {
        at.line = 1;
        bad = complain(&at, "the map is empty");
    }
    free(text);
    return bad;
}
