/* library.c - see library.h; make writes places.h, and again only when it changes. */
#include "base/library.h"
#include "places.h"
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* In `near`, else in `far`, both from the program's own folder. */
static int find(char out[PATH_LEN], const char *near, const char *far, const char *file) {
    char folder[PATH_LEN];
    ssize_t n = readlink("/proc/self/exe", folder, sizeof folder - 1);
    folder[n > 0 ? n : 0] = 0;
    int len = (int)(path_name(folder) - folder);
    n = snprintf(out, PATH_LEN, "%.*s%s%s", len, folder, near, file);
    if (n < PATH_LEN && !access(out, F_OK)) return 1;
    n = snprintf(out, PATH_LEN, "%.*s%s/%s", len, folder, far, file);
    return n < PATH_LEN && !access(out, F_OK);
}

int library_find(char out[PATH_LEN], const char *file) {
    return find(out, "", PARTS_FROM_PROGRAM, file);
}

int library_find_shared(char out[PATH_LEN], const char *file) {
    return find(out, "../", SHARE_FROM_PROGRAM, file);
}

const void *library_table(const char *file, const char *table, int flags) {
    char path[PATH_LEN];
    library_find(path, file);
    void *lib = dlopen(path, flags);
    return lib ? dlsym(lib, table) : NULL;
}
