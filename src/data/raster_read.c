/* raster_read.c - which decoder reads a file. */
#include "data/raster_internal.h"
#include "data/text.h"
#include "base/files.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int raster_decode(const unsigned char *bytes, size_t len, const char *name, int c, raster *out,
                  char *err) {
    char why[RASTER_WHY];
    int bad = -1;
    memset(out, 0, sizeof *out);
    raster_decoder *decode = len ? raster_decoder_of(bytes, len, why) : NULL;
    if (!len) snprintf(why, sizeof why, "the file is empty");
    if (decode) bad = decode(bytes, len, c, out, why);
    if (bad) fail(err, "%s: %s", path_tail(name), why);
    return bad;
}

int raster_read(const char *path, int c, raster *out, char *err) {
    size_t len;
    memset(out, 0, sizeof *out);
    unsigned char *bytes = file_slurp(path, &len, err);
    if (!bytes) return -1;
    int bad = raster_decode(bytes, len, path, c, out, err);
    free(bytes);
    return bad;
}
