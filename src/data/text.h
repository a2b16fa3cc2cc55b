/* text.h - text files of a data set, line by line: lists of images, names, labels, .data files.
 * Inside the room only. */
#ifndef MP_DATA_TEXT_H
#define MP_DATA_TEXT_H
#include "base/error.h"
#include "base/path.h"

/* Lines without a byte order mark, white space at their ends, and empty lines; number[i] is the
 * line's place in the file. */
typedef struct {
    int n;
    char **line;
    int *number;
    char *bytes;
} data_text;

/* 0, or -1 and err: no such file, not text (another encoding, a NUL byte), a line of 4096 bytes or
 * more. Empty files are fine. */
int data_text_read(const char *path, data_text *t, char *err);
void data_text_free(data_text *t);
/* The same of a list, which must not be empty. */
int data_list_read(const char *path, data_text *t, char *err);
/* "PATH: not enough memory to load it"; -1. */
int data_no_memory(const char *path, char *err);

/* "PATH: no such WHAT, ..." for one that path_find did not find; backslashes, as in lists made on
 * Windows, are named with the remedy. list: the file that names it. Returns -1. */
int data_missing(const char *path, const char *what, const char *list, char *err);
#endif
