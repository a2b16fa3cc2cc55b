/* raster_stb.c - the host's bundled decoder: BMP, GIF, PNM. */
#include "data/raster_internal.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* The host exports its bundled decoder, but its header does not declare it. */
typedef struct {
    int (*read)(void *user, char *data, int size);
    void (*skip)(void *user, int n);
    int (*eof)(void *user);
} stbi_io_callbacks;
unsigned char *stbi_load_from_callbacks(const stbi_io_callbacks *io, void *user, int *x, int *y,
                                        int *comp, int req_comp);
int stbi_info_from_memory(const unsigned char *buffer, int len, int *x, int *y, int *comp);
const char *stbi_failure_reason(void);
void stbi_image_free(void *p);

/* Its reason for a failure is one variable for all threads. */
static pthread_mutex_t stb_lock = PTHREAD_MUTEX_INITIALIZER;

/* It takes bytes after the end of a file for zeros: so the bytes are handed to it one by one, and
 * the end watched. */
typedef struct {
    const unsigned char *at, *end;
    int beyond;
} source;

static int on_read(void *user, char *to, int n) {
    enum {
        REFILL = 128
    }; /* reads of this size are made ahead: these may come back short, but not empty */
    source *s = user;
    int left = (int)(s->end - s->at), k = n < left ? n : left;
    if (k < n && (!k || n != REFILL)) s->beyond = 1;
    memcpy(to, s->at, (size_t)k);
    s->at += k;
    return k;
}

static void on_skip(void *user, int n) {
    source *s = user;
    if (n > s->end - s->at) s->beyond = 1;
    s->at = n > s->end - s->at ? s->end : s->at + (n > 0 ? n : 0);
}

static int on_eof(void *user) {
    const source *s = user;
    return s->at == s->end;
}

/* Could a file of this length hold so many pixels? GIF packs up to 4096 of them into a code of 12
 * bits, the plain formats 8 into a byte. A damaged header must not cost gigabytes. */
static int too_short(const unsigned char *bytes, size_t len, int w, int h) {
    int plain = (bytes[0] == 'B' && len > 1 && bytes[1] == 'M') || bytes[0] == 'P';
    return (uint64_t)w * (uint64_t)h > (plain ? 8 : 4096) * (uint64_t)len;
}

int raster_stb(const unsigned char *bytes, size_t len, int c, raster *out, char *why) {
    static const stbi_io_callbacks io = {on_read, on_skip, on_eof};
    source from = {bytes, bytes + len, 0};
    int w = 0, h = 0, comp = 0, bad = -1;
    unsigned char *px = NULL;
    memset(out, 0, sizeof *out);
    if (len > 0x7fffffff) {
        snprintf(why, RASTER_WHY, "the file is too large");
        return -1;
    }
    pthread_mutex_lock(&stb_lock);
    if (!stbi_info_from_memory(bytes, (int)len, &w, &h, &comp)) {
        snprintf(why, RASTER_WHY, "damaged: %s", stbi_failure_reason());
    } else if (too_short(bytes, len, w, h)) {
        snprintf(why, RASTER_WHY, "damaged: too short for %d x %d pixels", w, h);
    } else if (!raster_make(out, w, h, 3, why)) {
        px = stbi_load_from_callbacks(&io, &from, &w, &h, &comp, 3);
        if (!px)
            snprintf(why, RASTER_WHY, "damaged: %s", stbi_failure_reason());
        else if (from.beyond)
            snprintf(why, RASTER_WHY, "damaged: the file ends too early");
        else if (w != out->w || h != out->h)
            snprintf(why, RASTER_WHY, "damaged: its size is not what it says");
        else
            bad = 0;
    }
    pthread_mutex_unlock(&stb_lock);
    if (!bad)
        memcpy(out->px, px, 3 * (size_t)w * (size_t)h);
    else
        raster_free(out);
    stbi_image_free(px);
    if (!bad && c == 1) raster_to_gray(out);
    return bad;
}
