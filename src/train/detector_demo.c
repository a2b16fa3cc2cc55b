/* detector_demo.c - `detector demo`: the boxes of a video or a camera, frame by frame. */
#include "base/files.h"
#include "data/video.h"
#include "train/detector_show.h"
#include "train/report.h"
#include <string.h>

enum { SECOND_WORDS = 400 };

typedef struct {
    const detector_view *v;
    const char *name;
    video *from;
    video_out *to; /* NULL: nothing drawn, or no frame seen yet */
    double rate;   /* frames a second of both */
    file_out json;
    long frame, looked, written; /* frames read, looked at, drawn */
    double start, last_line;
    detection *d; /* (n) boxes of the last frame looked at */
    int n;
} run;

/* A camera's frames come as fast as they are looked at. */
static double time_of(const run *t) {
    if (video_is_camera(t->from)) return report_now() - t->start;
    return (double)(t->frame - 1) / t->rate;
}

/* A record a line, so that a long video takes no memory. */
static int record(run *t, const raster *r, char *err) {
    if (!t->v->a.c.json) return 0;
    cJSON *j = cJSON_CreateObject();
    cJSON_AddNumberToObject(j, "frame", (double)t->frame);
    cJSON_AddNumberToObject(j, "seconds", time_of(t));
    cJSON_AddNumberToObject(j, "width", r->w);
    cJSON_AddNumberToObject(j, "height", r->h);
    detector_record(t->v, t->d, t->n, r, j);
    char *text = report_text(j, 0);
    cJSON_Delete(j);
    if (!text) return fail(err, "not enough memory for the record of frame %ld", t->frame);
    fprintf(t->json.f, "%s\n%s", t->looked > 1 ? "," : "", text);
    free(text);
    return 0;
}

static void tell(run *t, const raster *r, double seconds) {
    char words[SECOND_WORDS], of[32] = "";
    double now = report_now();
    if (!t->v->a.c.json && !t->v->a.c.out) {
        printf("frame %ld, %.2f s: Predicted in %f seconds.\n", t->frame, time_of(t), seconds);
        detector_print(t->v, t->d, t->n, r);
        fflush(stdout);
        return;
    }
    if (now - t->last_line < 1) return;
    t->last_line = now;
    detector_words(t->v, t->d, t->n, words, sizeof words);
    if (video_frames(t->from) > 0) snprintf(of, sizeof of, " of %ld", video_frames(t->from));
    printf("frame %ld%s, %.1f frames/s: %s\n", t->frame, of, (double)t->frame / (now - t->start),
           words[0] ? words : "no boxes");
    fflush(stdout);
}

static int look(run *t, const raster *r, char *err) {
    char name[ERR_LEN];
    double seconds;
    int n = 0;
    snprintf(name, sizeof name, "%.500s, frame %ld", path_tail(t->name), t->frame);
    detection *d = detector_look(t->v, r, name, &n, &seconds, err);
    if (!d) return -1;
    if (t->d) free_detections(t->d, t->n);
    t->d = d;
    t->n = n;
    t->looked++;
    tell(t, r, seconds);
    return record(t, r, err);
}

/* Of a camera a frame stands in the video as often as time has passed since the one before. */
static int draw(run *t, raster *r, char *err) {
    const char *out = t->v->a.c.out;
    int bad = 0;
    if (!out) return 0;
    detector_paint(t->v, t->d, t->n, r);
    if (!t->to && !(t->to = video_out_open(out, r->w, r->h, t->rate, err))) return -1;
    long upto = video_is_camera(t->from) ? 1 + (long)(time_of(t) * t->rate) : t->frame;
    for (; !bad && t->written < upto; t->written++) bad = video_out_write(t->to, r, err);
    return bad;
}

static int frames(run *t, char *err) {
    raster r;
    int every = t->v->a.c.every, bad = 0;
    report_catch_signals();
    t->start = t->last_line = report_now();
    while (!bad && !report_stop_asked() && video_read(t->from, &r)) {
        t->frame++;
        if ((t->frame - 1) % every == 0) bad = look(t, &r, err);
        if (!bad) bad = draw(t, &r, err);
    }
    return bad;
}

/* A damaged end looks like an end. */
static void note_missing(const run *t) {
    long said = video_frames(t->from);
    if (report_stop_asked() || t->frame >= said) return;
    fprintf(stderr, "warning: %s tells of %ld frames, but only %ld could be read: is it whole?\n",
            path_tail(t->name), said, t->frame);
}

static int finish(run *t, char *err) {
    double seconds = report_now() - t->start;
    const char *out = t->v->a.c.out;
    int bad = 0, stopped = report_stop_asked();
    note_missing(t);
    if (t->to) bad = video_out_close(t->to, err);
    t->to = NULL;
    if (bad) return bad;
    printf("%s%ld frames in %.1f s, %.1f frames/s", stopped ? "stopped: " : "", t->frame, seconds,
           (double)t->frame / seconds);
    if (t->looked < t->frame) printf(", %ld of them looked at", t->looked);
    printf(t->written ? "; %ld drawn into %s\n" : "\n", t->written, out);
    if (!t->json.f) return 0;
    fprintf(t->json.f, "\n], \"count\": %ld, \"stopped\": %s}\n", t->frame,
            stopped ? "true" : "false");
    bad = file_out_close(&t->json, err);
    t->json.f = NULL;
    return bad;
}

static int begin_json(run *t, char *err) {
    const char *path = t->v->a.c.json;
    if (!path) return 0;
    if (file_out_open(&t->json, path, err)) return -1;
    cJSON *name = cJSON_CreateString(t->name);
    char *text = report_text(name, 0);
    fprintf(t->json.f, "{\"video\": %s, \"frames\": [", text ? text : "null");
    free(text);
    cJSON_Delete(name);
    return 0;
}

int detector_demo(const detector_args *a, char *err) {
    detector_view v;
    run t = {.v = &v, .name = a->c.image};
    if (video_out_check(a->c.out, err) || !(t.from = video_open(t.name, err))) return -1;
    t.rate = video_rate(t.from) > 0 ? video_rate(t.from) : 25;
    int bad = detector_view_open(&v, a, err);
    if (!bad) {
        bad = begin_json(&t, err);
        if (!bad) bad = frames(&t, err);
        if (!bad) bad = finish(&t, err);
        if (t.json.f) file_out_abort(&t.json);
        video_out_abort(t.to);
        if (t.d) free_detections(t.d, t.n);
        detector_view_close(&v);
    }
    video_close(t.from);
    return bad;
}
