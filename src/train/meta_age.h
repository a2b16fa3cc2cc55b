/* meta_age.h - with restart=: the losses by the age of theta, in META_AGES equal parts of its life;
 * with lookahead= the norms of phi's gradient too: means of the tasks' own. */
#ifndef MP_META_AGE_H
#define MP_META_AGE_H
#include "train/meta_run.h"

/* The step just made, added to r->since; / as the rows of the log have it. */
void meta_age_add(meta_run *r);
cJSON *meta_age_json(const meta_run *r);
/* One line: means since the line before, each beside the ages that it is of. */
void meta_age_print(meta_run *r);
/* Of the log's rows from number `from` on, means by age, as rows of meta_age_json. */
cJSON *meta_age_means(const meta_run *r, int from);
#endif
