/* path.h - names of files: where one that a file names lies, and how it is shown. */
#ifndef MP_PATH_H
#define MP_PATH_H

enum { PATH_LEN = 4096 }; /* of every path, its end included */

/* The end of a path that may be too long for a message. */
const char *path_tail(const char *path);
/* The part after the last /, or all of it. */
const char *path_name(const char *path);

/* How long a name is without its ending. */
int path_stem(const char *name);

/* path in the folder of the file `beside`; as it stands where it begins with / or `beside` has no
 * folder. 0, or -1: too long. */
int path_beside(char out[PATH_LEN], const char *path, const char *beside);
/* path as it is, else beside `beside`, else beside `beside2` (may be NULL): the first that exists,
 * else `path` itself. Returns 1 if it exists, 0 if not. */
int path_find(char out[PATH_LEN], const char *path, const char *beside, const char *beside2);
#endif
