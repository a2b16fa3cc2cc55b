/* meta_age.c - see meta_age.h */
#include "train/meta_age.h"
#include "train/meta_norm.h"

enum { NUMBERS = sizeof(meta_age_sum) / sizeof(double) };
static const char *const names[NUMBERS] = {"tasks", "theta_loss", "phi_loss", "direct", "mixed"};

/* direct and mixed belong to lookahead=. */
static int numbers(const meta_run *r) { return r->m->lookahead ? NUMBERS : NUMBERS - 2; }

static int first_age(const meta_run *r, int part) {
    return (int)(((int64_t)r->m->restart * part + META_AGES - 1) / META_AGES);
}

static void add_step(const meta_run *r, meta_age_sum sums[META_AGES]) {
    int starts;
    for (int k = 0; k < r->n; k++) {
        int64_t age = meta_age(r->m, k, r->step - 1, &starts); /* r->step counts this one already */
        meta_age_sum *s = &sums[age * META_AGES / r->m->restart];
        s->tasks++;
        s->theta_loss += r->rows[k].theta_loss;
        s->phi_loss += r->rows[k].phi_loss;
        s->direct += meta_log_norm(r->rows[k].gradient);
        s->mixed += meta_log_norm(r->rows[k].mixed);
    }
}

/* Of ages that no task had, nothing is said. */
static cJSON *rows_of(const meta_run *r, const meta_age_sum sums[META_AGES]) {
    cJSON *all = cJSON_CreateArray();
    for (int i = 0; i < META_AGES; i++) {
        const double *v = (const double *)&sums[i];
        if (v[0] <= 0) continue;
        cJSON *o = cJSON_CreateObject();
        cJSON_AddNumberToObject(o, "from", first_age(r, i));
        cJSON_AddNumberToObject(o, names[0], v[0]);
        for (int k = 1; k < numbers(r); k++) cJSON_AddNumberToObject(o, names[k], v[k] / v[0]);
        cJSON_AddItemToArray(all, o);
    }
    return all;
}

void meta_age_add(meta_run *r) { add_step(r, r->since); }

cJSON *meta_age_json(const meta_run *r) {
    meta_age_sum sums[META_AGES] = {0};
    add_step(r, sums);
    return rows_of(r, sums);
}

void meta_age_print(meta_run *r) {
    const char *between = "  by age of theta:";
    for (int i = 0; i < META_AGES; i++) {
        const meta_age_sum *s = &r->since[i];
        if (s->tasks <= 0) continue;
        printf("%s %d-%d: train %.4f, validation %.4f", between, first_age(r, i),
               first_age(r, i + 1) - 1, s->theta_loss / s->tasks, s->phi_loss / s->tasks);
        if (r->m->lookahead)
            printf(", direct %.2e, mixed %.2e", s->direct / s->tasks, s->mixed / s->tasks);
        between = ";";
    }
    printf("\n");
    memset(r->since, 0, sizeof r->since);
}

cJSON *meta_age_means(const meta_run *r, int from) {
    meta_age_sum sums[META_AGES] = {0};
    const cJSON *row, *part;
    int at = 0;
    cJSON_ArrayForEach(row, r->log) {
        if (at++ < from) continue;
        cJSON_ArrayForEach(part, cJSON_GetObjectItem(row, "ages")) {
            int i = 0;
            double first = cJSON_GetNumberValue(cJSON_GetObjectItem(part, "from"));
            double tasks = cJSON_GetNumberValue(cJSON_GetObjectItem(part, names[0]));
            while (i < META_AGES - 1 && first_age(r, i) < first) i++;
            double *v = (double *)&sums[i];
            v[0] += tasks;
            for (int k = 1; k < numbers(r); k++)
                v[k] += tasks * cJSON_GetNumberValue(cJSON_GetObjectItem(part, names[k]));
        }
    }
    return rows_of(r, sums);
}
