/* loop.h - the steps of a training run, whatever is trained: rate, log, tests along the way,
 * backups, stopping, the report. */
#ifndef MP_LOOP_H
#define MP_LOOP_H
#include "base/files.h"
#include "train/session.h"
#include <cjson/cJSON.h>

typedef struct loop loop;
typedef struct {
    const char *backup,
        *final; /* endings of the files after backup/NAME: state to go on from, and the result */
    int epochs; /* the log counts epochs too, as Darknet's for classifiers */
    /* One batch forward and backward, with the update after the last one of a step; mean loss of
     * an image. -1 and err. */
    int (*batch)(loop *l, float *loss, char *err);
    /* Tests on the valid list; prints and adds its figures to o. */
    int (*validate)(loop *l, cJSON *o, char *err);
    /* Running statistics for one-pass inference. */
    int (*collect)(loop *l, char *err);
    /* After each entry of the log, and after each test; NULL: nothing. */
    void (*progress)(loop *l, int tested);
} loop_job;

/* First member of what a command keeps for its run; the caller opens and closes c, and fills a,
 * job, images. */
struct loop {
    const session_args *a;
    const loop_job *job;
    session c;
    int in_memory; /* no step is told, and no file is written but a->keep: the caller takes the
                      network */
    int images;    /* in the train list */
    char base[2 * PATH_LEN];        /* backup folder and name of the cfg, without ending */
    char saved[2 * PATH_LEN + 100]; /* the last file written */
    long step, steps, first;
    double start, last_line, last_backup, average;
    double before, seconds; /* of earlier pieces of this run; of all steps and of what collect() did
                               after them */
    int knows_average;
    cJSON *json, *log, *valids;
    file_lock lock; /* base + ".lock": no other training writes these files meanwhile */
};

/* After c is open: which steps, where files go. -1 and err: no max_batches, trained to the end
 * already, no folder. */
int loop_prepare(loop *l, char *err);
/* -1 and err: [net] asks for something that only the pictures of the other kind of network are
 * changed by. */
int loop_refuses(const cfg_file *c, int detector, char *err);
/* All steps and the report. -1 and err. */
int loop_run(loop *l, char *err);
/* After loop_prepare, whatever came of it: others may write these files now. */
void loop_end(loop *l);
/* Write the weights as base + ending; resume: with the optimizer's state. */
int loop_save(loop *l, const char *ending, int resume, char *err);
#endif
