/* results.h - a file of lines of JSON that many processes append to, and who of them computes what.
 *
 * Each line is written in one piece, under a lock, and synced. A piece without its line end, which
 * a death in the middle of writing may leave, is no line: readers pass over it, the next writer
 * cuts it off. So is a line that is damaged, or that lacks a figure. Who computes a cell holds a
 * lock on one byte of FILE.lock, which the system gives back however the process ends. */
#ifndef MP_RESULTS_H
#define MP_RESULTS_H
#include <cjson/cJSON.h>
#include <stdint.h>

/* All whole lines, in an array; empty where there is no file. Others are named on stderr, unless
 * quiet. NULL and err: no line is whole, so that this is another kind of file. */
cJSON *results_read(const char *path, int quiet, char *err);
/* 0, or -1 and err. The folder is made if it is missing. */
int results_append(const char *path, const cJSON *line, char *err);
/* The last line with this hash, or NULL. */
const cJSON *results_find(const cJSON *lines, uint64_t hash);
/* A whole number of a line: 0 where there is none, INT_MIN or INT_MAX where it is beyond them. */
int results_whole(const cJSON *line, const char *key);

int claims_open(const char *path,
                char *err);                 /* a descriptor, or -1 and err; path: of the results */
int claims_take(int claims, uint64_t hash); /* 1: ours from now on; 0: somebody else's */
void claims_leave(int claims, uint64_t hash);
#endif
