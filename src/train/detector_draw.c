/* detector_draw.c - `bench data DATA CFG -draw DIR`: training pictures with their boxes, 16 a
 * sheet, for people to look at. */
#include "data/draw.h"
#include "train/detector.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

enum { SIDE = 4, SHEET = SIDE * SIDE, TILE = 320 };

/* Every step-th pixel of one picture into its tile. */
static void put_picture(raster *sheet, int left, int top, const float *X, const det_batch *b, int c,
                        int step) {
    size_t plane = (size_t)b->w * (size_t)b->h;
    for (int y = 0; y < b->h / step; y++)
        for (int x = 0; x < b->w / step; x++) {
            const float *p = X + (size_t)(y * step) * (size_t)b->w + (size_t)(x * step);
            unsigned char *to = sheet->px +
                                3 * ((size_t)(top + y) * (size_t)sheet->w + (size_t)(left + x));
            for (int k = 0; k < 3; k++)
                to[k] = (unsigned char)(p[c == 3 ? (size_t)k * plane : 0] * 255 + 0.5f);
        }
}

static void put_boxes(raster *sheet, int left, int top, const float *t, int boxes, int w, int h,
                      char *const *names) {
    for (int i = 0; i < boxes && t[2] > 0; i++, t += 5) {
        int cls = (int)t[4], x = left + (int)((t[0] - t[2] / 2) * (float)w),
            y = top + (int)((t[1] - t[3] / 2) * (float)h);
        draw_frame(sheet, x, y, x + (int)(t[2] * (float)w), y + (int)(t[3] * (float)h), 1,
                   draw_colour_of(cls));
        draw_words(sheet, x, y, 1, names[cls], draw_colour_of(cls));
    }
}

static int one_sheet(const session *c, const det_augment *aug, const det_batch *b, const char *dir,
                     int number, char *err) {
    char path[4200];
    int step = ((b->w > b->h ? b->w : b->h) - 1) / TILE + 1, w = b->w / step, h = b->h / step;
    raster sheet = {SIDE * w, SIDE * h, 3, calloc((size_t)(SIDE * w) * (size_t)(SIDE * h), 3)};
    if (!sheet.px) return fail(err, "not enough memory for a sheet of pictures");
    size_t inputs = (size_t)b->w * (size_t)b->h * (size_t)aug->c, truths = 5 * (size_t)aug->boxes;
    for (int i = 0; i < SHEET; i++) {
        int left = i % SIDE * w, top = i / SIDE * h;
        put_picture(&sheet, left, top, b->X + (size_t)i * inputs, b, aug->c, step);
        put_boxes(&sheet, left, top, b->truth + (size_t)i * truths, aug->boxes, w, h,
                  c->data->name);
    }
    snprintf(path, sizeof path, "%s/sheet-%d.png", dir, number);
    int bad = draw_write_png(&sheet, path, err);
    if (!bad) printf("%s: %d pictures of %d x %d\n", path, SHEET, b->w, b->h);
    free(sheet.px);
    return bad;
}

static int sheets(const session *c, const detector_args *a, const det_set *s, const char *dir,
                  int count, char *err) {
    det_augment aug = detector_augment(c, a->fork);
    int w, h, bad = 0;
    det_largest(&aug, &w, &h);
    aug.settle = UINT64_MAX;
    det_batch b = {.X = malloc((size_t)SHEET * (size_t)w * (size_t)h * (size_t)aug.c * sizeof *b.X),
                   .truth = malloc((size_t)SHEET * 5 * (size_t)aug.boxes * sizeof *b.truth)};
    if (!b.X || !b.truth) bad = fail(err, "not enough memory for %d pictures", SHEET);
    for (int k = 0; k < count && !bad; k++) {
        bad = det_batch_train(s, &aug, a->c.seed, (uint64_t)k, SHEET, &b, err);
        if (!bad) bad = one_sheet(c, &aug, &b, dir, k + 1, err);
    }
    free(b.X);
    free(b.truth);
    return bad;
}

int detector_draw(const detector_args *a, const char *dir, int count, char *err) {
    session c;
    if (detector_open(&c, a, 0, err)) return -1;
    det_set *s = c.net->c == 3 || c.net->c == 1 ? detector_pictures(&c, a, DATA_TRAIN, err) : NULL;
    if (c.net->c != 3 && c.net->c != 1)
        fail(err, "%s: pictures of %d channels cannot be drawn", a->c.cfg, c.net->c);
    int bad = s ? 0 : -1;
    if (!bad && mkdir(dir, 0777) && errno != EEXIST)
        bad = fail(err, "%s: cannot make the folder: %s", dir, strerror(errno));
    if (!bad) bad = sheets(&c, a, s, dir, count ? count : DETECTOR_SHEETS, err);
    det_free(s);
    session_close(&c);
    return bad;
}
