/* library.c - see library.h. */
#include "base/library.h"
#include "base/path.h"
#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

const void *library_table(const char *file, const char *table, int flags) {
    char path[PATH_LEN];
    size_t room = sizeof path - strlen(file) - 1;
    ssize_t n = readlink("/proc/self/exe", path, room);
    path[n > 0 ? n : 0] = 0;
    char *slash = strrchr(path, '/');
    strcpy(slash ? slash + 1 : path, file);
    void *lib = dlopen(path, flags);
    return lib ? dlsym(lib, table) : NULL;
}
