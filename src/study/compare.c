/* compare.c - see compare.h: which cells there are, which are run, and one run again. */
#include "study/compare.h"
#include "study/compare_table.h"
#include "train/ranks.h"
#include "train/report.h"
#include "study/results.h"
#include "study/suite_cost.h"
#include "study/suite_run.h"
#include <stdio.h>
#include <errno.h>
#include <inttypes.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    suite_file *suite;
    suite_cell *cells;
    int n, claims, ran, failed, read_before; /* read_before: damaged lines have been named */
    cJSON *lines;
    suite_images images;
    suite_costs costs;
} run;

static const cJSON *line_of(const run *r, const suite_cell *c) {
    return c->hash ? results_find(r->lines, c->hash) : NULL;
}

static double number(const cJSON *line, const char *key) {
    return cJSON_GetNumberValue(cJSON_GetObjectItem(line, key));
}

static int read_lines(run *r, char *err) {
    cJSON_Delete(r->lines);
    r->lines = results_read(r->suite->all.results, r->read_before || ranks_id() != 0, err);
    r->read_before = 1;
    return r->lines ? 0 : -1;
}

static void tell_metrics(const cJSON *o) {
    char said[64];
    for (int k = 0; k < METRICS; k++)
        printf("%s%s", k ? ", " : "", report_metric(k, number(o, metric_rows[k].key), 0, said));
}

static void tell(const run *r, const suite_cell *c, const cJSON *line) {
    char took[32];
    const cJSON *seconds = cJSON_GetObjectItem(line, "seconds"),
                *sampled = cJSON_GetObjectItem(line, "sampled");
    printf("%d/%d %s: ", (int)(c - r->cells) + 1, r->n, c->id);
    tell_metrics(line);
    if (sampled) {
        printf("; %d samples ", c->samples);
        tell_metrics(sampled);
    }
    printf("; %s\n", report_duration(number(seconds, "train"), took));
    fflush(stdout);
}

/* RESULTS.cells/HASH-tTHREADS: other threads round otherwise, so the state of a cell is theirs
 * alone. */
typedef struct {
    char folder[PATH_LEN + 16], file[PATH_LEN + 64];
} state_name;
static state_name name_state(const run *r, const suite_cell *c) {
    state_name s;
    snprintf(s.folder, sizeof s.folder, "%s.cells", r->suite->all.results);
    snprintf(s.file, sizeof s.file, "%s/%016" PRIx64 "-t%d", s.folder, c->hash,
             r->suite->all.threads);
    return s;
}

/* Runs one cell that nobody else runs. 1: stopped. -1 and err: nothing more can be written. */
static int run_cell(run *r, const suite_cell *c, char *err) {
    cJSON *line = NULL;
    if (read_lines(r, err)) return -1;
    if (line_of(r, c)) return 0; /* somebody was faster */
    fprintf(stderr, "%d/%d %s: %d steps\n", (int)(c - r->cells) + 1, r->n, c->id, c->steps);
    state_name state = name_state(r, c);
    if (mkdir(state.folder, 0777) && errno != EEXIST)
        return fail(err, "%.400s: the folder for the state of cells cannot be made: %s",
                    state.folder, strerror(errno));
    int rc = suite_run(c, r->suite->all.threads, state.file, &r->images, &line, err);
    if (rc > 0) return 1;
    if (rc < 0) { /* a rate too high for one method must not end the others */
        fprintf(stderr, "metaperturb: %s: %s\n", c->id, err);
        r->failed++;
        return 0;
    }
    r->ran++;
    rc = results_append(r->suite->all.results, line, err);
    if (!rc) {
        tell(r, c, line);
        unlink(state.file);
        rmdir(state.folder); /* the last one takes the folder along */
    }
    cJSON_Delete(line);
    return rc;
}

/* Every missing cell in the suite's order, or those that are through before `end`. */
static int run_in_order(run *r, double end, char *err) {
    int rc = 0;
    for (int i = 0; i < r->n && !rc; i++) {
        const suite_cell *c = &r->cells[i];
        if (report_stop_asked()) rc = 1;
        if (rc || !c->hash || line_of(r, c)) continue;
        state_name state = name_state(r, c);
        double cost = end > 0 ? suite_cost(&r->costs, c, state.file, err) : 0;
        if (cost < 0) rc = -1;
        if (rc || (end > 0 && report_now() + cost > end) || !claims_take(r->claims, c->hash))
            continue;
        rc = run_cell(r, c, err);
        claims_leave(r->claims, c->hash);
    }
    return rc;
}

static int run_all(run *r, char *err) {
    double seconds = 3600 * r->suite->all.hours;
    r->claims = claims_open(r->suite->all.results, err);
    if (r->claims < 0) return -1;
    report_catch_signals();
    if (seconds > 0) {
        report_stop_after(seconds);
        int rc = run_in_order(r, report_now() + seconds, err);
        if (rc) return rc;
    }
    return run_in_order(r, 0, err);
}

static int count_done(const run *r) {
    int done = 0;
    for (int i = 0; i < r->n; i++) done += line_of(r, &r->cells[i]) != NULL;
    return done;
}

/* All ranks come here; each tells of its own failures, rank 0 of the whole. */
static int run_suite(run *r, char *err) {
    const suite_cell *without = NULL;
    int left_out = 0;
    for (int i = r->n - 1; i >= 0; i--)
        if (!r->cells[i].hash) without = &r->cells[i], left_out++;
    /* Those that miss a phi that is still being learned must not keep the others waiting. */
    if (without && ranks_id() == 0)
        fprintf(stderr, "%d of %d cells are left out, as files are missing: %s: %s\n", left_out,
                r->n, without->id, without->why);
    int rc = run_all(r, err), bad = rc < 0;
    if (!bad && without)
        bad = fail(
            err, "%d of %d cells were left out, as files are missing (-list tells all): %s: %.700s",
            left_out, r->n, without->id, without->why);
    if (!bad && r->failed)
        bad = fail(err, "%d cell%s could not be finished (see above); the others are in %s",
                   r->failed, r->failed > 1 ? "s" : "", r->suite->all.results);
    bad = ranks_agree(bad, err);
    char ignored[ERR_LEN];
    if (ranks_id() == 0 && !read_lines(r, ignored)) {
        int done = count_done(r);
        printf("%s%s: %d of %d cells are there%s\n", rc == 1 ? "stopped: " : "",
               r->suite->all.results, done, r->n, done < r->n ? "; the same command goes on" : "");
    }
    return bad;
}

static int list_cells(run *r, char *err) {
    double all = 0;
    for (int i = 0; i < r->n; i++) {
        const suite_cell *c = &r->cells[i];
        const cJSON *line = line_of(r, c);
        if (c->hash)
            printf("%016" PRIx64, c->hash);
        else
            printf("%16s", "-");
        printf(" %-7s %s, %d steps",
               !c->hash ? "unknown"
               : line   ? "done"
                        : "missing",
               c->id, c->steps);
        if (line) printf(": top-1 %.2f %%", 100 * number(line, "top1"));
        if (c->hash && !line) {
            char took[32];
            state_name state = name_state(r, c);
            double cost = suite_cost(&r->costs, c, state.file, err);
            if (cost < 0) return -1;
            printf(": about %s%s", report_duration(cost, took),
                   access(state.file, F_OK) ? "" : " more");
            all += cost;
        }
        printf("%s%s\n", c->why[0] ? ": " : "", c->why);
        fflush(stdout);
    }
    char took[32];
    printf("%d of %d cells are in %s", count_done(r), r->n, r->suite->all.results);
    if (all > 0)
        printf("; about %s for the others, one after the other with %d thread%s",
               report_duration(all, took), r->suite->all.threads,
               r->suite->all.threads > 1 ? "s" : "");
    printf("\n");
    return 0;
}

/* By its name, or by the beginning of its hash. */
static const suite_cell *find_cell(const run *r, const char *name, char *err) {
    const suite_cell *found = NULL;
    size_t n = strlen(name);
    for (int i = 0; i < r->n; i++) {
        char hash[20];
        snprintf(hash, sizeof hash, "%016" PRIx64, r->cells[i].hash);
        if (!strcmp(r->cells[i].id, name)) return &r->cells[i];
        if (n < 4 || strncmp(hash, name, n)) continue;
        if (found && found->hash != r->cells[i].hash)
            return fail_null(err, "-cell %s: %s and %s begin so: give more of the hash", name,
                             found->id, r->cells[i].id);
        found = &r->cells[i];
    }
    if (!found)
        fail(err,
             "-cell %.300s: no such cell; -list shows their hashes and names, "
             "TARGET/NETWORK/METHOD/SEED",
             name);
    return found;
}

/* The first figure that differs, or NULL. */
static const char *difference(const cJSON *a, const cJSON *b) {
    const cJSON *x;
    cJSON_ArrayForEach(x, a) {
        cJSON *pair[2] = {cJSON_CreateObject(), cJSON_CreateObject()};
        char *text[2];
        const cJSON *y = cJSON_GetObjectItem(b, x->string);
        cJSON_AddItemToObject(pair[0], x->string, cJSON_Duplicate(x, 1));
        if (y) cJSON_AddItemToObject(pair[1], x->string, cJSON_Duplicate(y, 1));
        for (int k = 0; k < 2; k++) text[k] = suite_run_figures(pair[k]);
        int same = text[0] && text[1] && !strcmp(text[0], text[1]);
        for (int k = 0; k < 2; k++) free(text[k]), cJSON_Delete(pair[k]);
        if (!same) return x->string;
    }
    return NULL;
}

static int run_again(run *r, const char *name, char *err) {
    const suite_cell *c = find_cell(r, name, err);
    cJSON *line = NULL;
    if (!c) return -1;
    if (!c->hash) {
        memcpy(err, c->why, ERR_LEN);
        return -1;
    }
    const cJSON *was = line_of(r, c);
    int told = results_whole(was, "threads"), threads = told > 0 ? told : r->suite->all.threads;
    omp_set_num_threads(threads);
    report_catch_signals();
    int rc = suite_run(c, threads, NULL, &r->images, &line, err);
    if (rc) {
        if (rc > 0) return fail(err, "%s: stopped", c->id);
    }
    tell(r, c, line);
    const char *other = was ? difference(was, line) : NULL;
    if (!was)
        printf("%s: no line to compare it with in %s; nothing was written\n", c->id,
               r->suite->all.results);
    else if (!other)
        printf("%s: the same as in %s, bit for bit (%d thread%s)\n", c->id, r->suite->all.results,
               threads, threads > 1 ? "s" : "");
    else {
        const char *commit = cJSON_GetStringValue(cJSON_GetObjectItem(was, "commit")),
                   *now = cJSON_GetStringValue(cJSON_GetObjectItem(line, "commit"));
        fail(err,
             "%s: \"%s\" is not what %s has (made by commit %s, this is %s; another processor too "
             "may round otherwise)",
             c->id, other, r->suite->all.results, commit ? commit : "unknown", now);
    }
    cJSON_Delete(line);
    return other ? -1 : 0;
}

static int serve(run *r, const compare_args *a, char *err) {
    r->suite = suite_file_read(a->suite, err);
    if (!r->suite) return -1;
    omp_set_num_threads(r->suite->all.threads);
    r->cells = suite_cells(r->suite, &r->n, err);
    if (!r->cells || read_lines(r, err)) return -1;
    if (a->cell) return run_again(r, a->cell, err);
    if (a->list && list_cells(r, err)) return -1;
    compare_source from = {r->suite, r->cells, r->n, r->lines};
    if (a->table && compare_table(&from, err)) return -1;
    return a->plot ? compare_plot(&from, a->plot, err) : 0;
}

int compare(const compare_args *a, char *err) {
    run r = {.claims = -1};
    if (ranks_open(err)) return -1;
    int alone = a->cell || a->list || a->table || a->plot, bad = 0;
    if (!alone || ranks_id() == 0) bad = serve(&r, a, err);
    bad = ranks_agree(bad,
                      err); /* before any rank trains: what is wrong for one is wrong for all */
    if (!alone && !bad) bad = run_suite(&r, err);
    suite_images_free(&r.images);
    suite_costs_free(&r.costs);
    suite_cells_free(r.cells, r.n);
    suite_file_free(r.suite);
    cJSON_Delete(r.lines);
    if (r.claims >= 0) close(r.claims);
    ranks_close();
    return bad;
}
