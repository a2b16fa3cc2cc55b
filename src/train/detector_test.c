/* detector_test.c - `detector test`: the boxes of pictures, printed and drawn. */
#include "train/detector_show.h"
#include "train/pictures_run.h"

typedef struct {
    const detector_view *v;
    const pictures_run *pictures;
} run;

static int show_picture(void *arg, int i, raster *r, char *err) {
    run *t = arg;
    int n = 0;
    double seconds;
    detection *d = detector_look(t->v, r, t->pictures->list.path[i], &n, &seconds, err);
    if (!d) return -1;
    cJSON *record = pictures_run_record(t->pictures, i, r, seconds);
    detector_print(t->v, d, n, r);
    detector_record(t->v, d, n, r, record);
    if (t->pictures->out) detector_paint(t->v, d, n, r);
    free_detections(d, n);
    return pictures_run_draw(t->pictures, i, r, record, err);
}

int detector_test(const detector_args *a, char *err) {
    detector_view v;
    pictures_run pictures;
    if (pictures_run_open(&pictures, &a->c, "predictions", err)) return -1;
    int bad = detector_view_open(&v, a, err);
    if (!bad) {
        run t = {&v, &pictures};
        bad = pictures_run_all(&pictures, show_picture, &t, err);
        detector_view_close(&v);
    }
    pictures_run_close(&pictures);
    return bad;
}
