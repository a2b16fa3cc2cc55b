/* raster_kind.c - what a file is, by its first bytes. The host's bundled decoder takes anything,
 * and reads outside its memory where a Softimage PIC, a TGA or an HDR is damaged: it is handed
 * only files that begin as a BMP, GIF or PNM. */
#include "data/raster_internal.h"
#include <stdio.h>
#include <string.h>

/* decode NULL: not read here. */
typedef struct {
    raster_decoder *decode;
    int at, len;
    const char *magic, *name;
} signature;

#define MARK(decode, at, text, name) {decode, at, sizeof text - 1, text, name}
static const signature known[] = {
    MARK(raster_jpeg, 0, "\xff\xd8", "JPEG"),
    MARK(raster_png, 0, "\x89PNG\r\n\x1a\n", "PNG"),
    MARK(raster_stb, 0, "GIF87a", "GIF"),
    MARK(raster_stb, 0, "GIF89a", "GIF"),
    MARK(raster_stb, 0, "P5", "PNM"),
    MARK(raster_stb, 0, "P6", "PNM"),
    MARK(raster_stb, 0, "BM", "BMP"),
    MARK(NULL, 8, "WEBP", "WebP"),
    MARK(NULL, 0, "II*\0", "TIFF"),
    MARK(NULL, 0, "MM\0*", "TIFF"),
    MARK(NULL, 0, "II+\0", "TIFF"),
    MARK(NULL, 0, "MM\0+", "TIFF"),
    MARK(NULL, 4, "ftypavif", "AVIF"),
    MARK(NULL, 4, "ftypavis", "AVIF"),
    MARK(NULL, 4, "ftyphei", "HEIC"),
    MARK(NULL, 4, "ftyphev", "HEIC"),
    MARK(NULL, 4, "ftypmif1", "HEIC"),
    MARK(NULL, 4, "ftypmsf1", "HEIC"),
    MARK(NULL, 4, "ftyp", "MP4"),
    MARK(NULL, 0, "\0\0\0\x0cjP  ", "JPEG 2000"),
    MARK(NULL, 0, "\xff\x0a", "JPEG XL"),
    MARK(NULL, 4, "JXL ", "JPEG XL"),
    MARK(NULL, 0, "8BPS", "PSD"),
    MARK(NULL, 0, "\x53\x80\xf6\x34", "Softimage PIC"),
    MARK(NULL, 0, "#?RADIANCE", "Radiance HDR"),
    MARK(NULL, 0, "#?RGBE", "Radiance HDR"),
    MARK(NULL, 0, "\x76\x2f\x31\x01", "OpenEXR"),
    MARK(NULL, 0, "P1", "text PNM"),
    MARK(NULL, 0, "P2", "text PNM"),
    MARK(NULL, 0, "P3", "text PNM"),
    MARK(NULL, 0, "P4", "PBM"),
    MARK(NULL, 0, "<svg", "SVG"),
    MARK(NULL, 0, "%PDF", "PDF"),
    MARK(NULL, 0, "\0\0\1\0", "Windows icon"),
    MARK(NULL, 0, "<!DOCTYPE html", "HTML"),
    MARK(NULL, 0, "<html", "HTML"),
    MARK(NULL, 0, "version https://git-lfs", "Git LFS"),
};

/* What makes a picture of it, where that is not ImageMagick's `convert`. */
static const struct {
    const char *name, *remedy;
} remedies[] = {
    {"WebP", "convert it to PNG or JPEG, as `dwebp x.webp -o x.png` (package webp) does"},
    {"AVIF", "convert it to PNG or JPEG, as `avifdec x.avif x.png` (package libavif-bin) does"},
    {"HEIC",
     "convert it to PNG or JPEG, as `heif-convert x.heic x.jpg` (package libheif-examples) does"},
    {"JPEG XL", "convert it to PNG or JPEG, as `djxl x.jxl x.png` (package libjxl-tools) does"},
    {"SVG",
     "convert it to PNG or JPEG, as `rsvg-convert x.svg -o x.png` (package librsvg2-bin) does"},
    {"PDF", "make pictures of it, as `pdftoppm -png x.pdf x` (package poppler-utils) does"},
    {"MP4", "make pictures of it, as `ffmpeg -i x.mp4 x-%06d.jpg` (package ffmpeg) does"},
    {"HTML", "a server's answer in place of a picture? fetch the picture again"},
    {"Git LFS", "the picture lies elsewhere: `git lfs pull` fetches it"},
};

static const char *remedy_of(const char *name) {
    for (size_t i = 0; i < sizeof remedies / sizeof *remedies; i++)
        if (!strcmp(remedies[i].name, name)) return remedies[i].remedy;
    return "convert it to PNG or JPEG, as `convert x x.png` (package imagemagick) does";
}

/* Files of the HEIF family name their kind first, or among those they go with. */
static const char *name_of(const signature *s, const unsigned char *bytes, size_t len) {
    int among = !strcmp(s->name, "HEIC") && memmem(bytes, len < 64 ? len : 64, "avif", 4);
    return among ? "AVIF" : s->name;
}

/* By the size of its second header too: with another one the bundled decoder takes it for a TGA. */
static int is_bmp(const unsigned char *bytes, size_t len) {
    if (len < 18 || bytes[15] || bytes[16] || bytes[17]) return 0;
    int size = bytes[14];
    return size == 12 || size == 40 || size == 56 || size == 108 || size == 124;
}

raster_decoder *raster_decoder_of(const unsigned char *bytes, size_t len, char *why) {
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const signature *s = &known[i];
        size_t at = (size_t)s->at, n = (size_t)s->len;
        if (len < at + n || memcmp(bytes + at, s->magic, n)) continue;
        if (!strcmp(s->name, "BMP") && !is_bmp(bytes, len)) {
            snprintf(why, RASTER_WHY, "damaged: it begins as a BMP and does not go on as one");
            return NULL;
        }
        const char *name = name_of(s, bytes, len);
        if (!s->decode)
            snprintf(why, RASTER_WHY, "its kind is %s, which is not read here: %s", name,
                     remedy_of(name));
        return s->decode;
    }
    snprintf(why, RASTER_WHY, "not a known image format (JPEG, PNG, BMP, GIF or binary PNM)");
    return NULL;
}
