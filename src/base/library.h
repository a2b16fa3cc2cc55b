/* library.h - the parts of an installation: metaperturb-host, and what only some commands load, as
 * it brings large libraries of others. `make` leaves all of them in one folder; `make install` puts
 * the program alone among other programs, its parts into a folder of their own. */
#ifndef MP_LIBRARY_H
#define MP_LIBRARY_H
#include "base/path.h"

/* Where the part `file` lies: in the folder of the running program, else where it is installed. 1,
 * or 0: it is in neither; out then is the second. */
int library_find(char out[PATH_LEN], const char *file);
/* The same of what is no part but read, as docs/cfg.md: in the folder above the program's, as in
 * the source, else where it is installed. */
int library_find_shared(char out[PATH_LEN], const char *file);
/* The table of functions that the library `file` exports as `table`; flags: of dlopen. NULL: why
 * says dlerror(). It stays loaded. */
const void *library_table(const char *file, const char *table, int flags);
#endif
