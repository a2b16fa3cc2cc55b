/* raster_internal.h - the decoders under raster_decode. Inside the room only. */
#ifndef MP_RASTER_INTERNAL_H
#define MP_RASTER_INTERNAL_H
#include <stddef.h>
#include "data/dataset.h"

enum { RASTER_MAX_PIXELS = 1 << 30, RASTER_WHY = 256 };

/* c = 1 or 3 bytes a pixel, into out. 0, or -1 and the reason in why (RASTER_WHY bytes), out empty.
 */
typedef int raster_decoder(const unsigned char *bytes, size_t len, int c, raster *out, char *why);
/* By the first bytes. NULL: it is not read here, and why says what it is. */
raster_decoder *raster_decoder_of(const unsigned char *bytes, size_t len, char *why);
/* Each in a file of its own; raster_stb is the host's bundled one. */
raster_decoder raster_jpeg, raster_png, raster_stb;

/* Pixels for a picture of this size (contents undefined); -1 and why: too large, no memory. */
int raster_make(raster *r, long w, long h, int c, char *why);
/* RGB to gray in place, as OpenCV: .299 R + .587 G + .114 B in 14 bits, rounded. */
void raster_to_gray(raster *r);

/* EXIF: orientation 1..8 from the TIFF structure (after "Exif\0\0"); 1 where it is missing or
 * damaged. */
int raster_exif_orientation(const unsigned char *tiff, size_t len);
/* Turns and mirrors r as the orientation says. 0, or -1: no memory (why). */
int raster_orient(raster *r, int orientation, char *why);
#endif
