/* files.h - files that are whole or not there at all. */
#ifndef MP_FILES_H
#define MP_FILES_H
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Write to PATH.tmp, then sync and rename over PATH: a reader sees the old file or the whole new one. */
typedef struct { FILE *f; char tmp[4096 + 8], path[4096]; } file_out;
int file_out_open(file_out *o, const char *path, char *err);
/* Checks every earlier write too; on failure the temporary file is removed and err says why (no space, ...). */
int file_out_close(file_out *o, char *err);
void file_out_abort(file_out *o);

/* Whole file into memory (malloc'd, with a 0 byte behind it); NULL and err. */
unsigned char *file_slurp(const char *path, size_t *len, char *err);

uint32_t file_crc32(const void *p, size_t n);
#endif
