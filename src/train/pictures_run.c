/* pictures_run.c - see pictures_run.h */
#include "train/pictures_run.h"
#include "data/draw.h"
#include "train/report.h"

int pictures_run_open(pictures_run *p, const session_args *a, const char *alone, char *err) {
    *p = (pictures_run){.a = a, .out = a->out};
    if (pictures_find(&p->list, a->images, a->n_images, err)) return -1;
    if (!p->out && !p->list.many) p->out = alone;
    if (pictures_out_ready(&p->list, p->out, err)) {
        pictures_free(&p->list);
        return -1;
    }
    p->records = cJSON_CreateArray();
    return 0;
}

void pictures_run_close(pictures_run *p) {
    cJSON_Delete(p->records);
    pictures_free(&p->list);
}

static int report(const pictures_run *p, int skipped, char *err) {
    const char *path = p->a->json;
    if (!p->list.many) return report_json(path, cJSON_GetArrayItem(p->records, 0), err);
    cJSON *j = cJSON_CreateObject();
    cJSON_AddItemReferenceToObject(j, "pictures", p->records);
    cJSON_AddNumberToObject(j, "skipped", skipped);
    int bad = report_json(path, j, err);
    cJSON_Delete(j);
    return bad;
}

int pictures_run_all(const pictures_run *p, picture_seen seen, void *arg, char *err) {
    int skipped;
    double start = report_now();
    if (pictures_each(&p->list, p->a->skip_bad, seen, arg, &skipped, err)) return -1;
    if (p->list.many) {
        printf("%d pictures, %d skipped, %.1f s%s%s\n", p->list.n - skipped, skipped,
               report_now() - start, p->out ? "; drawn into " : "", p->out ? p->out : "");
    }
    return report(p, skipped, err);
}

cJSON *pictures_run_record(const pictures_run *p, int i, const raster *r, double seconds) {
    cJSON *record = cJSON_CreateObject();
    printf("%s: Predicted in %f seconds.\n", p->list.path[i], seconds);
    cJSON_AddItemToArray(p->records, record);
    cJSON_AddStringToObject(record, "path", p->list.path[i]);
    cJSON_AddNumberToObject(record, "width", r->w);
    cJSON_AddNumberToObject(record, "height", r->h);
    return record;
}

int pictures_run_draw(const pictures_run *p, int i, const raster *r, cJSON *record, char *err) {
    char path[PATH_LEN];
    if (!p->out) return 0;
    pictures_out(path, &p->list, p->out, i);
    if (draw_write_png(r, path, err)) return -1;
    if (!p->list.many) printf("drawn into %s\n", path);
    cJSON_AddStringToObject(record, "picture", path);
    return 0;
}
