/* files.h - files that are whole or not there at all. */
#ifndef MP_FILES_H
#define MP_FILES_H
#include "base/path.h"
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Write to a temporary file beside PATH, then sync and rename it over PATH: a reader sees the old
 * file or the whole new one. Several writers of one PATH, in one program or many, have a temporary
 * file each (PATH.tmp, PATH.1.tmp, ...); what a killed one left is used again. */
typedef struct {
    FILE *f;
    char tmp[PATH_LEN + 16], path[PATH_LEN];
} file_out;
int file_out_open(file_out *o, const char *path, char *err);
/* Checks every earlier write too; on failure the temporary file is removed and err says why (no
 * space, ...). */
int file_out_close(file_out *o, char *err);
void file_out_abort(file_out *o);
/* Before hours of work: could this path be written? 0, or -1 and err; NULL: nothing is to be
 * written. */
int file_out_possible(const char *path, char *err);

/* Whole file into memory (malloc'd, with a 0 byte after it); NULL and err. A pipe is read to its
 * end, but not waited for longer than half a minute at a time. `most`: a longer one is refused,
 * *len then above it. */
unsigned char *file_slurp(const char *path, size_t *len, char *err);
unsigned char *file_slurp_most(const char *path, size_t most, size_t *len, char *err);

/* One holder at a time: PATH is made, locked, and says who holds it (process, machine, since when).
 * The lock ends with the process, whatever ends it; file_lock_drop removes the file too. -1 and
 * err: another holds it, or PATH cannot be made. */
typedef struct {
    int fd;
    char path[PATH_LEN];
} file_lock;
int file_lock_take(file_lock *l, const char *path, char *err);
void file_lock_drop(file_lock *l); /* also of a struct of zeros */

uint32_t file_crc32(const void *p, size_t n);
#endif
