/* path.c - see path.h. */
#include "base/path.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TAIL = 300 };

const char *path_tail(const char *path) {
    size_t n = strlen(path);
    return n > TAIL ? path + n - TAIL : path;
}

const char *path_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

int path_stem(const char *name) {
    const char *dot = strrchr(name, '.');
    return dot && dot > name ? (int)(dot - name) : (int)strlen(name);
}

int path_beside(char out[PATH_LEN], const char *path, const char *beside) {
    int folder = *path == '/' ? 0 : (int)(path_name(beside) - beside);
    return snprintf(out, PATH_LEN, "%.*s%s", folder, beside, path) < PATH_LEN ? 0 : -1;
}

int path_find(char out[PATH_LEN], const char *path, const char *beside, const char *beside2) {
    const char *const where[] = {"", beside, beside2};
    for (int i = 0; i < 3; i++)
        if (where[i] && !path_beside(out, path, where[i]) && !access(out, F_OK)) return 1;
    snprintf(out, PATH_LEN, "%s", path);
    return 0;
}
