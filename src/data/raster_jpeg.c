/* raster_jpeg.c - JPEG by libjpeg. Damaged data is an error: libjpeg alone would fill the rest with
 * gray and go on. */
#include "data/raster_internal.h"
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jpeglib.h>
#include <jerror.h>

typedef struct {
    struct jpeg_decompress_struct d;
    struct jpeg_error_mgr mgr; /* d.err points here */
    jmp_buf back;
    unsigned char *row; /* of a CMYK picture */
    int orientation;
    size_t len;
    char *why;
} jpeg;

static void on_error(j_common_ptr info) {
    jpeg *j = info->client_data;
    char text[JMSG_LENGTH_MAX];
    info->err->format_message(info, text);
    snprintf(j->why, RASTER_WHY, "damaged JPEG: %s", text);
    longjmp(j->back, 1);
}

/* Of libjpeg's warnings these mean that pixels are lost; others (bytes between markers, odd
 * headers) are harmless. */
static void on_message(j_common_ptr info, int level) {
    if (level >= 0) return;
    switch (info->err->msg_code) {
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_JPEG_EOF:
    case JWRN_MUST_RESYNC:
    case JWRN_NOT_SEQUENTIAL:
    case JWRN_ARITH_BAD_CODE:
    case JWRN_BOGUS_PROGRESSION: on_error(info);
    }
}

static int orientation_of(const jpeg *j) {
    for (jpeg_saved_marker_ptr m = j->d.marker_list; m; m = m->next) {
        if (m->marker == JPEG_APP0 + 1 && m->data_length > 6 && !memcmp(m->data, "Exif\0\0", 6)) {
            return raster_exif_orientation(m->data + 6, m->data_length - 6);
        }
    }
    return 1;
}

/* Adobe's CMYK is stored inverted, so that channel times black is the light that is left. */
static void from_cmyk(unsigned char *rgb, const unsigned char *cmyk, int w) {
    for (int x = 0; x < w; x++, cmyk += 4, rgb += 3) {
        for (int k = 0; k < 3; k++)
            rgb[k] = (unsigned char)(cmyk[3] - ((255 - cmyk[k]) * cmyk[3] >> 8));
    }
}

static int read_rows(jpeg *j, int c, raster *out) {
    struct jpeg_decompress_struct *d = &j->d;
    int cmyk = d->num_components == 4;
    d->out_color_space = cmyk ? JCS_CMYK : c == 3 ? JCS_RGB : JCS_GRAYSCALE;
    /* Even an empty 8x8 block takes a bit, except with arithmetic coding: a damaged size must not
     * cost gigabytes. */
    uint64_t pixels = (uint64_t)d->image_width * d->image_height;
    if (!d->arith_code && pixels <= RASTER_MAX_PIXELS &&
        (uint64_t)(d->image_width / 8) * (d->image_height / 8) > 8 * (uint64_t)j->len) {
        snprintf(j->why, RASTER_WHY, "damaged JPEG: too short for %u x %u pixels", d->image_width,
                 d->image_height);
        return -1;
    }
    if (raster_make(out, (long)d->image_width, (long)d->image_height, cmyk ? 3 : c, j->why))
        return -1;
    jpeg_start_decompress(d);
    if (cmyk && !(j->row = malloc(4 * (size_t)d->output_width))) {
        snprintf(j->why, RASTER_WHY, "not enough memory");
        return -1;
    }
    while (d->output_scanline < d->output_height) {
        unsigned char *to = out->px + (size_t)d->output_scanline * (size_t)out->w * (size_t)out->c;
        JSAMPROW row = cmyk ? j->row : to;
        jpeg_read_scanlines(d, &row, 1);
        if (cmyk) from_cmyk(to, j->row, out->w);
    }
    jpeg_finish_decompress(d);
    if (cmyk && c == 1) raster_to_gray(out);
    return 0;
}

/* A function of its own: what changes between setjmp and longjmp must not live in this frame's
 * registers. */
static int decode(jpeg *j, const unsigned char *bytes, size_t len, int c, raster *out) {
    if (setjmp(j->back)) return -1;
    jpeg_create_decompress(&j->d);
    jpeg_mem_src(&j->d, bytes, (unsigned long)len);
    jpeg_save_markers(&j->d, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(&j->d, TRUE);
    j->orientation = orientation_of(j); /* now: the end of decompression frees the markers */
    return read_rows(j, c, out);
}

int raster_jpeg(const unsigned char *bytes, size_t len, int c, raster *out, char *why) {
    jpeg *j = calloc(1, sizeof *j);
    memset(out, 0, sizeof *out);
    if (!j) {
        snprintf(why, RASTER_WHY, "not enough memory");
        return -1;
    }
    j->why = why;
    j->len = len;
    j->d.err = jpeg_std_error(&j->mgr);
    j->d.client_data = j;
    j->mgr.error_exit = on_error;
    j->mgr.emit_message = on_message;
    int bad = decode(j, bytes, len, c, out);
    if (!bad) bad = raster_orient(out, j->orientation, why);
    if (bad) raster_free(out);
    jpeg_destroy_decompress(&j->d);
    free(j->row);
    free(j);
    return bad;
}
