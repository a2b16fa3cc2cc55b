/* draw.c - see draw.h */
#include "data/draw.h"
#include "base/files.h"
#include <math.h>
#include <png.h>
#include <string.h>

enum { LETTER_W = 8, LETTER_H = 13, MARGIN = 1 };

/* ASCII 32 to 126, a byte for each row, the leftmost pixel in the highest bit: DejaVu Sans Mono at
 * 12 pixels (a free font, by the Bitstream Vera and DejaVu projects), drawn by FreeType without
 * gray. */
static const unsigned char letters[95][LETTER_H] = {
    {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {0, 16, 16, 16, 16, 16, 16, 0, 16, 16, 0, 0, 0},
    {0, 40, 40, 40, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {0, 0, 20, 36, 126, 40, 40, 252, 72, 80, 0, 0, 0},
    {0, 16, 56, 84, 80, 112, 28, 20, 84, 56, 16, 16, 0},
    {0, 96, 144, 144, 100, 24, 108, 18, 18, 12, 0, 0, 0},
    {0, 28, 32, 32, 48, 48, 74, 78, 100, 58, 0, 0, 0},
    {0, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {12, 8, 8, 16, 16, 16, 16, 16, 8, 8, 12, 0, 0},
    {48, 16, 16, 8, 8, 8, 8, 8, 16, 16, 48, 0, 0},
    {0, 16, 84, 56, 56, 84, 16, 0, 0, 0, 0, 0, 0},
    {0, 0, 0, 16, 16, 16, 254, 16, 16, 16, 0, 0, 0},
    {0, 0, 0, 0, 0, 0, 0, 0, 16, 16, 32, 0, 0},
    {0, 0, 0, 0, 0, 0, 56, 0, 0, 0, 0, 0, 0},
    {0, 0, 0, 0, 0, 0, 0, 0, 16, 16, 0, 0, 0},
    {0, 2, 4, 4, 8, 8, 16, 16, 32, 32, 64, 0, 0},
    {0, 60, 36, 66, 66, 74, 66, 66, 36, 60, 0, 0, 0},
    {0, 112, 16, 16, 16, 16, 16, 16, 16, 124, 0, 0, 0},
    {0, 60, 66, 2, 2, 4, 8, 16, 32, 126, 0, 0, 0},
    {0, 60, 66, 2, 2, 28, 2, 2, 66, 60, 0, 0, 0},
    {0, 12, 12, 20, 52, 36, 68, 126, 4, 4, 0, 0, 0},
    {0, 124, 64, 64, 124, 6, 2, 2, 70, 60, 0, 0, 0},
    {0, 28, 34, 64, 92, 102, 66, 66, 38, 60, 0, 0, 0},
    {0, 126, 6, 4, 4, 8, 8, 16, 16, 32, 0, 0, 0},
    {0, 60, 66, 66, 66, 60, 66, 66, 66, 60, 0, 0, 0},
    {0, 60, 100, 66, 66, 70, 58, 2, 68, 56, 0, 0, 0},
    {0, 0, 0, 0, 16, 16, 0, 0, 16, 16, 0, 0, 0},
    {0, 0, 0, 0, 16, 16, 0, 0, 16, 16, 32, 0, 0},
    {0, 0, 0, 2, 28, 96, 96, 28, 2, 0, 0, 0, 0},
    {0, 0, 0, 0, 0, 126, 0, 126, 0, 0, 0, 0, 0},
    {0, 0, 0, 64, 56, 6, 6, 56, 64, 0, 0, 0, 0},
    {0, 28, 34, 2, 12, 24, 16, 0, 16, 16, 0, 0, 0},
    {0, 0, 28, 38, 66, 78, 82, 82, 78, 96, 32, 28, 0},
    {0, 24, 24, 24, 36, 36, 36, 60, 66, 66, 0, 0, 0},
    {0, 124, 66, 66, 66, 124, 66, 66, 66, 124, 0, 0, 0},
    {0, 28, 34, 64, 64, 64, 64, 64, 34, 28, 0, 0, 0},
    {0, 120, 68, 66, 66, 66, 66, 66, 68, 120, 0, 0, 0},
    {0, 126, 64, 64, 64, 126, 64, 64, 64, 126, 0, 0, 0},
    {0, 126, 64, 64, 64, 126, 64, 64, 64, 64, 0, 0, 0},
    {0, 28, 34, 64, 64, 70, 66, 66, 34, 28, 0, 0, 0},
    {0, 66, 66, 66, 66, 126, 66, 66, 66, 66, 0, 0, 0},
    {0, 124, 16, 16, 16, 16, 16, 16, 16, 124, 0, 0, 0},
    {0, 28, 4, 4, 4, 4, 4, 4, 68, 56, 0, 0, 0},
    {0, 66, 68, 72, 80, 112, 72, 76, 68, 66, 0, 0, 0},
    {0, 64, 64, 64, 64, 64, 64, 64, 64, 126, 0, 0, 0},
    {0, 66, 102, 102, 90, 90, 90, 66, 66, 66, 0, 0, 0},
    {0, 98, 98, 82, 82, 90, 74, 74, 70, 70, 0, 0, 0},
    {0, 60, 36, 66, 66, 66, 66, 66, 36, 60, 0, 0, 0},
    {0, 124, 66, 66, 66, 124, 64, 64, 64, 64, 0, 0, 0},
    {0, 60, 36, 66, 66, 66, 66, 66, 38, 60, 4, 4, 0},
    {0, 124, 66, 66, 66, 124, 68, 66, 66, 65, 0, 0, 0},
    {0, 60, 66, 64, 96, 60, 2, 2, 66, 60, 0, 0, 0},
    {0, 254, 16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0},
    {0, 66, 66, 66, 66, 66, 66, 66, 66, 60, 0, 0, 0},
    {0, 66, 66, 36, 36, 36, 36, 24, 24, 24, 0, 0, 0},
    {0, 130, 146, 146, 170, 170, 170, 108, 68, 68, 0, 0, 0},
    {0, 66, 36, 36, 24, 24, 24, 36, 36, 66, 0, 0, 0},
    {0, 130, 68, 40, 40, 16, 16, 16, 16, 16, 0, 0, 0},
    {0, 126, 6, 4, 8, 24, 16, 32, 96, 126, 0, 0, 0},
    {24, 16, 16, 16, 16, 16, 16, 16, 16, 16, 24, 0, 0},
    {0, 64, 32, 32, 16, 16, 8, 8, 4, 4, 2, 0, 0},
    {48, 16, 16, 16, 16, 16, 16, 16, 16, 16, 48, 0, 0},
    {0, 48, 72, 132, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 254},
    {16, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {0, 0, 0, 56, 68, 4, 60, 68, 68, 60, 0, 0, 0},
    {64, 64, 64, 120, 68, 68, 68, 68, 68, 120, 0, 0, 0},
    {0, 0, 0, 56, 100, 64, 64, 64, 96, 60, 0, 0, 0},
    {4, 4, 4, 60, 68, 68, 68, 68, 68, 60, 0, 0, 0},
    {0, 0, 0, 56, 100, 68, 124, 64, 68, 56, 0, 0, 0},
    {12, 16, 16, 124, 16, 16, 16, 16, 16, 16, 0, 0, 0},
    {0, 0, 0, 60, 68, 68, 68, 68, 68, 60, 4, 36, 24},
    {64, 64, 64, 88, 100, 68, 68, 68, 68, 68, 0, 0, 0},
    {16, 0, 0, 112, 16, 16, 16, 16, 16, 124, 0, 0, 0},
    {8, 0, 0, 56, 8, 8, 8, 8, 8, 8, 8, 8, 48},
    {64, 64, 64, 68, 72, 80, 96, 80, 72, 68, 0, 0, 0},
    {112, 16, 16, 16, 16, 16, 16, 16, 16, 12, 0, 0, 0},
    {0, 0, 0, 124, 84, 84, 84, 84, 84, 84, 0, 0, 0},
    {0, 0, 0, 88, 100, 68, 68, 68, 68, 68, 0, 0, 0},
    {0, 0, 0, 56, 68, 68, 68, 68, 68, 56, 0, 0, 0},
    {0, 0, 0, 120, 68, 68, 68, 68, 68, 120, 64, 64, 64},
    {0, 0, 0, 60, 68, 68, 68, 68, 68, 60, 4, 4, 4},
    {0, 0, 0, 60, 50, 32, 32, 32, 32, 32, 0, 0, 0},
    {0, 0, 0, 56, 68, 64, 56, 4, 68, 56, 0, 0, 0},
    {0, 16, 16, 124, 16, 16, 16, 16, 16, 28, 0, 0, 0},
    {0, 0, 0, 68, 68, 68, 68, 68, 68, 60, 0, 0, 0},
    {0, 0, 0, 68, 68, 40, 40, 40, 16, 16, 0, 0, 0},
    {0, 0, 0, 130, 130, 84, 84, 108, 40, 40, 0, 0, 0},
    {0, 0, 0, 68, 40, 40, 16, 40, 40, 68, 0, 0, 0},
    {0, 0, 0, 68, 68, 40, 40, 40, 48, 16, 16, 32, 96},
    {0, 0, 0, 124, 4, 8, 16, 32, 64, 124, 0, 0, 0},
    {28, 16, 16, 16, 16, 96, 16, 16, 16, 16, 28, 0, 0},
    {16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 0},
    {112, 16, 16, 16, 16, 12, 16, 16, 16, 16, 112, 0, 0},
    {0, 0, 0, 0, 0, 112, 14, 0, 0, 0, 0, 0, 0},
};

draw_colour draw_colour_of(int k) {
    /* Golden section of the colour circle: no two of the first dozens come close. */
    double h = fmod(0.02 + 0.61803398875 * k, 1) * 6;
    double rgb[3];
    for (int i = 0; i < 3; i++) {
        double d = fabs(fmod(h + 6 - 2 * i, 6) - 3) -
                   1; /* 2 at its own hue, -1 opposite; red 0, green 2, blue 4 */
        rgb[i] = 255 * fmin(fmax(d, 0), 1);
    }
    return (draw_colour){(unsigned char)rgb[0], (unsigned char)rgb[1], (unsigned char)rgb[2]};
}

static void dot(raster *r, int x, int y, draw_colour c) {
    if (x < 0 || y < 0 || x >= r->w || y >= r->h) return;
    unsigned char *p = r->px + ((size_t)y * (size_t)r->w + (size_t)x) * 3;
    p[0] = c.r;
    p[1] = c.g;
    p[2] = c.b;
}

static void fill(raster *r, int left, int top, int right, int bottom, draw_colour c) {
    if (left < 0) left = 0;
    if (top < 0) top = 0;
    for (int y = top; y <= bottom && y < r->h; y++)
        for (int x = left; x <= right && x < r->w; x++) dot(r, x, y, c);
}

void draw_frame(raster *r, int left, int top, int right, int bottom, int thick, draw_colour c) {
    fill(r, left, top, right, top + thick - 1, c);
    fill(r, left, bottom - thick + 1, right, bottom, c);
    fill(r, left, top, left + thick - 1, bottom, c);
    fill(r, right - thick + 1, top, right, bottom, c);
}

static void draw_letter(raster *r, int left, int top, int scale, unsigned char letter,
                        draw_colour c) {
    const unsigned char *rows = letters[letter >= 32 && letter < 127 ? letter - 32 : '?' - 32];
    for (int y = 0; y < LETTER_H * scale; y++) {
        for (int x = 0; x < LETTER_W * scale; x++) {
            if (rows[y / scale] >> (7 - x / scale) & 1) dot(r, left + x, top + y, c);
        }
    }
}

void draw_words(raster *r, int left, int bottom, int scale, const char *text, draw_colour c) {
    int w = ((int)strlen(text) * LETTER_W + 2 * MARGIN) * scale,
        h = (LETTER_H + 2 * MARGIN) * scale;
    if (left + w > r->w) left = r->w - w;
    if (left < 0) left = 0;
    int top = bottom - h + 1;
    if (top + h > r->h) top = r->h - h;
    if (top < 0) top = 0;
    fill(r, left, top, left + w - 1, top + h - 1, c);
    /* Black or white, whichever stands out: the eye takes green for brightest. */
    int light = 3 * c.r + 6 * c.g + c.b > 1275;
    draw_colour ink = light ? (draw_colour){0, 0, 0} : (draw_colour){255, 255, 255};
    for (int i = 0; text[i]; i++) {
        draw_letter(r, left + (MARGIN + i * LETTER_W) * scale, top + MARGIN * scale, scale,
                    (unsigned char)text[i], ink);
    }
}

int draw_write_png(const raster *r, const char *path, char *err) {
    file_out o;
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = (png_uint_32)r->w,
                       .height = (png_uint_32)r->h,
                       .format = r->c == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY};
    if (file_out_open(&o, path, err)) return -1;
    int done = png_image_write_to_stdio(&image, o.f, 0, r->px, 0, NULL);
    if (done) return file_out_close(&o, err);
    file_out_abort(&o);
    return fail(err, "%.500s: cannot be written: %s", path, image.message);
}
