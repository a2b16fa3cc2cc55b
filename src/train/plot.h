/* plot.h - pictures, drawn by gnuplot (Debian: gnuplot-nox). */
#ifndef MP_PLOT_H
#define MP_PLOT_H
#include "base/files.h"

/* A script for gnuplot is written to `to`; terminal, size and look are set already. */
typedef struct {
    FILE *to;
    file_out out;
    int picture;
} plot; /* picture: in memory, until it is whole */

/* A PNG of w x h pixels at path. 0, or -1 and err. */
int plot_open(plot *p, const char *path, int w, int h, char *err);
/* Draws and closes. 0, or -1 and err (no gnuplot, what it complains of, no room); the file at path
 * is then as it was. */
int plot_close(plot *p, char *err);
void plot_abort(plot *p); /* instead: no picture, the file at path as it was */
#endif
