/* raster_png.c - PNG by libpng: 16 bits become 8, palettes and few-bit grays are expanded, alpha
 * dropped. */
#include "data/raster_internal.h"
#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    png_structp png;
    png_infop info;
    png_bytepp rows;
    const unsigned char *at;
    size_t left;
    char *why;
    int orientation;
} reader;

static void on_error(png_structp png, png_const_charp text) {
    reader *r = png_get_error_ptr(png);
    snprintf(r->why, RASTER_WHY, "damaged PNG: %s", text);
    longjmp(png_jmpbuf(png), 1);
}

static void on_warning(png_structp png, png_const_charp text) {}

static void on_read(png_structp png, png_bytep to, png_size_t n) {
    reader *r = png_get_io_ptr(png);
    if (n > r->left) png_error(png, "the file ends too early");
    memcpy(to, r->at, n);
    r->at += n;
    r->left -= n;
}

/* Whatever the file holds becomes rows of out->c bytes a pixel. */
static int set_up(reader *r, raster *out) {
    png_structp png = r->png;
    png_uint_32 w, h;
    int depth, color;
    png_get_IHDR(png, r->info, &w, &h, &depth, &color, NULL, NULL, NULL);
    /* What compression can reach at most: a damaged size must not cost gigabytes. */
    if ((uint64_t)w * h <= RASTER_MAX_PIXELS &&
        (uint64_t)w * h / 8 * (uint64_t)depth > 1040 * (uint64_t)(r->left + 1024)) {
        snprintf(r->why, RASTER_WHY, "damaged PNG: too short for %u x %u pixels", w, h);
        return -1;
    }
    if (raster_make(out, (long)w, (long)h, color & PNG_COLOR_MASK_COLOR ? 3 : 1, r->why)) return -1;
    if (depth == 16) png_set_strip_16(png);
    if (color == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
    if (!(color & PNG_COLOR_MASK_COLOR) && depth < 8) png_set_expand_gray_1_2_4_to_8(png);
    png_set_strip_alpha(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, r->info);
    if (png_get_rowbytes(png, r->info) != (size_t)out->w * (size_t)out->c) {
        snprintf(r->why, RASTER_WHY, "damaged PNG: its rows have an unexpected length");
        return -1;
    }
    r->rows = malloc((size_t)h * sizeof *r->rows);
    if (!r->rows) {
        snprintf(r->why, RASTER_WHY, "not enough memory");
        return -1;
    }
    for (size_t y = 0; y < h; y++) r->rows[y] = out->px + y * (size_t)out->w * (size_t)out->c;
    return 0;
}

static int decode(reader *r, raster *out) {
    if (setjmp(png_jmpbuf(r->png))) return -1;
    png_set_read_fn(r->png, r, on_read);
    png_read_info(r->png, r->info);
    if (set_up(r, out)) return -1;
    png_read_image(r->png, r->rows);
    png_read_end(r->png, r->info);
    png_uint_32 n = 0;
    png_bytep exif = NULL;
    if (png_get_eXIf_1(r->png, r->info, &n, &exif) && exif)
        r->orientation = raster_exif_orientation(exif, n);
    return 0;
}

static int gray_to_rgb(raster *g, char *why) {
    raster t;
    if (raster_make(&t, g->w, g->h, 3, why)) return -1;
    size_t n = (size_t)g->w * (size_t)g->h;
    for (size_t i = 0; i < n; i++) memset(t.px + 3 * i, g->px[i], 3);
    raster_free(g);
    *g = t;
    return 0;
}

int raster_png(const unsigned char *bytes, size_t len, int c, raster *out, char *why) {
    reader r = {.at = bytes, .left = len, .why = why};
    int bad = -1;
    memset(out, 0, sizeof *out);
    snprintf(why, RASTER_WHY, "not enough memory");
    r.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &r, on_error, on_warning);
    if (r.png) r.info = png_create_info_struct(r.png);
    if (r.info) bad = decode(&r, out);
    png_destroy_read_struct(&r.png, &r.info, NULL);
    free(r.rows);
    if (!bad && c == 3 && out->c == 1)
        bad = gray_to_rgb(out, why);
    else if (!bad && c == 1 && out->c == 3)
        raster_to_gray(out);
    if (!bad) bad = raster_orient(out, r.orientation, why);
    if (bad) raster_free(out);
    return bad;
}
