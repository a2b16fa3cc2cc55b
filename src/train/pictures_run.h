/* pictures_run.h - what `detector test` and `classifier predict` share: one run over the pictures
 * that their arguments name, a record of JSON and perhaps a drawing each. */
#ifndef MP_PICTURES_RUN_H
#define MP_PICTURES_RUN_H
#include "data/pictures.h"
#include "train/session.h"
#include <cjson/cJSON.h>

typedef struct {
    picture_list list;
    const session_args *a;
    const char *out; /* where they are drawn; NULL: nowhere */
    cJSON *records;
} pictures_run;

/* Finds the pictures, and the folder to draw into, before a network is opened. alone: where one is
 * drawn if -out does not say, or NULL. 0, or -1 and err, nothing to close. */
int pictures_run_open(pictures_run *p, const session_args *a, const char *alone, char *err);
void pictures_run_close(pictures_run *p);

/* Each picture in turn (pictures_each); then a line with their number, and the JSON file: of one
 * picture its record, of many {"pictures": records, "skipped": N}. 0, or -1 and err. */
int pictures_run_all(const pictures_run *p, picture_seen seen, void *arg, char *err);

/* For seen: says how long picture i took, and begins its record, which p owns. */
cJSON *pictures_run_record(const pictures_run *p, int i, const raster *r, double seconds);
/* For seen, at its end: writes r where it belongs, and notes it. 0, or -1 and err. */
int pictures_run_draw(const pictures_run *p, int i, const raster *r, cJSON *record, char *err);
#endif
