/* data_make.h - for the tests of src/data: a folder for scratch files, and pictures written into
 * it. */
#ifndef MP_TEST_DATA_MAKE_H
#define MP_TEST_DATA_MAKE_H
#include "data/dataset.h"
#include "test.h"
#include <ftw.h>
#include <jpeglib.h>
#include <png.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

static char m_dir[] = "/tmp/mp_test_data_XXXXXX";
static __attribute__((unused)) char err[ERR_LEN];

static void m_die(const char *what) {
    printf("FAIL the test itself: %s\n", what);
    exit(1);
}

/* All scratch files lie in a new folder, which is also the working directory. */
static void m_open(void) {
    if (!mkdtemp(m_dir) || chdir(m_dir)) m_die("no scratch folder");
}

static int m_remove(const char *path, const struct stat *st, int flag, struct FTW *at) {
    return remove(path);
}
static void m_close(void) {
    if (chdir("/")) m_die("chdir");
    nftw(m_dir, m_remove, 16, FTW_DEPTH | FTW_PHYS);
}

static void m_put(const char *path, const void *p, size_t n) {
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(p, 1, n, f) != n || fclose(f)) m_die(path);
}

static inline void __attribute__((format(printf, 2, 3))) m_text(const char *path, const char *fmt,
                                                                ...) {
    va_list ap;
    FILE *f = fopen(path, "wb");
    va_start(ap, fmt);
    if (!f || vfprintf(f, fmt, ap) < 0 || fclose(f)) m_die(path);
    va_end(ap);
}

/* Random numbers of the test's own, so that nothing here leans on what is tested. */
static uint32_t m_state = 1;
static uint32_t m_rand(void) {
    m_state ^= m_state << 13;
    m_state ^= m_state >> 17;
    m_state ^= m_state << 5;
    return m_state;
}

/* Noise (exact codecs), or something smooth that JPEG keeps. */
static inline raster m_picture(int w, int h, int c, int smooth) {
    raster r = {w, h, c, malloc((size_t)w * (size_t)h * (size_t)c)};
    for (int i = 0; i < w * h * c; i++) {
        int x = i / c % w, y = i / c / w, k = i % c;
        r.px[i] = (unsigned char)(smooth ? (k == 1 ? 255 * y / h : 255 * x / w) / (1 + k / 2)
                                         : (int)(m_rand() >> 9) & 255);
    }
    return r;
}

typedef struct {
    unsigned char *p;
    size_t n;
} m_bytes;

static void m_png_write(png_structp png, png_bytep p, png_size_t n) {
    m_bytes *b = png_get_io_ptr(png);
    b->p = realloc(b->p, b->n + n);
    memcpy(b->p + b->n, p, n);
    b->n += n;
}

/* Rows as PNG wants them: depth 1..16, type PNG_COLOR_TYPE_*; palette with every type PALETTE; exif
 * may be NULL. */
static inline m_bytes m_png(const unsigned char *rows, int w, int h, int depth, int type,
                            int interlaced, png_color *palette, unsigned char *exif,
                            unsigned exif_len) {
    m_bytes b = {NULL, 0};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    if (setjmp(png_jmpbuf(png))) m_die("png");
    png_set_write_fn(png, &b, m_png_write, NULL);
    png_set_IHDR(png, info, (png_uint_32)w, (png_uint_32)h, depth, type, interlaced, 0, 0);
    if (palette) png_set_PLTE(png, info, palette, 1 << depth);
    if (exif) png_set_eXIf_1(png, info, exif_len, exif);
    png_write_info(png, info);
    size_t stride = png_get_rowbytes(png, info);
    for (int pass = png_set_interlace_handling(png); pass > 0; pass--) {
        for (int y = 0; y < h; y++) png_write_row(png, rows + (size_t)y * stride);
    }
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    return b;
}

static inline void m_put_png(const char *path, const raster *r) {
    m_bytes b = m_png(r->px, r->w, r->h, 8, r->c == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY, 0,
                      NULL, NULL, 0);
    m_put(path, b.p, b.n);
    free(b.p);
}

/* A PNG of one value. */
static inline void m_put_flat(const char *path, int w, int h, int value) {
    raster r = {w, h, 3, malloc((size_t)w * (size_t)h * 3)};
    memset(r.px, value, (size_t)w * (size_t)h * 3);
    m_put_png(path, &r);
    free(r.px);
}

/* app1: whole content of an APP1 marker, or NULL. */
static inline m_bytes m_jpeg(const raster *r, int progressive, const unsigned char *app1,
                             unsigned app1_len) {
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr mgr;
    unsigned char *p = NULL;
    unsigned long n = 0;
    c.err = jpeg_std_error(&mgr);
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, &p, &n);
    c.image_width = (JDIMENSION)r->w;
    c.image_height = (JDIMENSION)r->h;
    c.input_components = r->c;
    c.in_color_space = r->c == 3 ? JCS_RGB : r->c == 4 ? JCS_CMYK : JCS_GRAYSCALE;
    jpeg_set_defaults(&c);
    jpeg_set_quality(&c, 95, TRUE);
    if (progressive) jpeg_simple_progression(&c);
    jpeg_start_compress(&c, TRUE);
    if (app1) jpeg_write_marker(&c, JPEG_APP0 + 1, app1, app1_len);
    while (c.next_scanline < c.image_height) {
        JSAMPROW row = r->px + (size_t)c.next_scanline * (size_t)r->w * (size_t)r->c;
        jpeg_write_scanlines(&c, &row, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    return (m_bytes){p, n};
}

/* TIFF structure with an orientation behind another tag; 38 bytes. */
static inline unsigned m_exif(unsigned char *to, int big, int orientation) {
    static const unsigned short words[] = {42, 0, 8, 2, 0x10f, 3, 0, 1, 7, 0, 0x112, 3, 0, 1};
    unsigned short w[20] = {0};
    memcpy(w, words, sizeof words);
    w[14] = (unsigned short)orientation;
    memcpy(to, big ? "MM" : "II", 2);
    for (int i = 0; i < 18; i++) {
        /* 32-bit values are two words, the low one first in a little-endian file. */
        int pair = i == 1 || i == 6 || i == 12 ? 1 : i == 2 || i == 7 || i == 13 ? -1 : 0;
        unsigned v = w[big ? i : i + pair];
        to[2 + 2 * i] = (unsigned char)(big ? v >> 8 : v);
        to[3 + 2 * i] = (unsigned char)(big ? v : v >> 8);
    }
    return 38;
}
#endif
