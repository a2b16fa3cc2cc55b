/* draw.h - frames and words on a picture, and pictures as PNG files. */
#ifndef MP_DRAW_H
#define MP_DRAW_H
#include "data/dataset.h"

typedef struct {
    unsigned char r, g, b;
} draw_colour;
/* Of item k of many: neighbours differ clearly. */
draw_colour draw_colour_of(int k);

/* A frame of `thick` pixels inside left..right, top..bottom; what lies outside the picture is left
 * out. RGB only. */
void draw_frame(raster *r, int left, int top, int right, int bottom, int thick, draw_colour c);
/* Words on a ground of colour c, scale times 8 x 15 pixels a letter, their lower left corner at
 * (left, bottom), shifted into the picture where there is room. Letters outside ASCII show as ?. */
void draw_words(raster *r, int left, int bottom, int scale, const char *text, draw_colour c);

/* Written whole or not at all. 0, or -1 and err. */
int draw_write_png(const raster *r, const char *path, char *err);
#endif
