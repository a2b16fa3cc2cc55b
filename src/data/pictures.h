/* pictures.h - which pictures the arguments of a command name, and each of them in turn.
 *
 * An argument is a picture; a folder: the pictures in it by name, not those of folders within; a
 * list (NAME.txt, NAME.list): a path a line, looked for as it is, then beside the list; or -: paths
 * from standard input, a line each. */
#ifndef MP_PICTURES_H
#define MP_PICTURES_H
#include "data/dataset.h"

typedef struct {
    int n, room, many; /* many: they were not named by one picture's path alone */
    char **path;
    const char **list; /* (n) the list that names a picture, or NULL */
} picture_list;

/* 0, or -1 and err, the list empty: no such list or folder, one without pictures, nothing to read
 * from standard input. Pictures are not looked at yet. arg must live as long as the list. */
int pictures_find(picture_list *l, const char *const *arg, int n, char *err);
void pictures_free(picture_list *l);

/* Reads each picture (RGB) and hands it to seen(arg, i, r, err), which may draw on it. One that
 * cannot be read is an error, or with skip_bad left out, named on stderr and counted in *skipped;
 * so that none is left is an error. 0, or -1 and err. */
typedef int (*picture_seen)(void *arg, int i, raster *r, char *err);
int pictures_each(const picture_list *l, int skip_bad, picture_seen seen, void *arg, int *skipped,
                  char *err);

/* Where what is drawn goes. out: the -out of a command, or NULL. Several pictures: a folder, made
 * if missing. 0, or -1 and err. */
int pictures_out_ready(const picture_list *l, const char *out, char *err);
/* name (PATH_LEN): out with .png after it; with many, or where out is a folder,
 * OUT/NUMBER-NAME.png, NUMBER being the picture's place: no two are the same. */
void pictures_out(char *name, const picture_list *l, const char *out, int i);
#endif
