/* library.h - parts of the program that only some commands load, as they bring large libraries of
 * others: metaperturb-NAME.so, in the folder of the running program. */
#ifndef MP_LIBRARY_H
#define MP_LIBRARY_H

/* The table of functions that the library `file` exports as `table`; flags: of dlopen. NULL: why
 * says dlerror(). It stays loaded. */
const void *library_table(const char *file, const char *table, int flags);
#endif
