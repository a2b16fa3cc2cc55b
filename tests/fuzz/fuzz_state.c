/* fuzz_state.c - the state of a meta-training run, into a run of one task. A mutation is given its
 * right length and checksum most of the time, else nothing behind the check of them would be
 * reached. */
#include "fuzz.h"
#include "train/meta_run.h"

enum { HEAD = 20 }; /* "MPSTATE1", crc32, length of what follows */

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed) {
    size = LLVMFuzzerMutate(data, size, most);
    if (size < HEAD || seed % 8 == 0) return size;
    uint64_t n = size - HEAD;
    uint32_t crc = file_crc32(data + HEAD, n);
    memcpy(data + 8, &crc, sizeof crc);
    memcpy(data + 12, &n, sizeof n);
    return size;
}

static void open_run(meta_run *r, char *err) {
    static const meta_args args = {.meta = "tests/fuzz/state.meta"};
    static meta_task_run task;
    r->a = &args;
    r->m = meta_file_read(args.meta, err);
    if (!r->m || r->m->n != 1) abort();
    r->n = 1;
    r->steps = r->m->steps;
    r->seed = r->m->seed;
    r->tasks = &task;
    task.mine = 1;
    task.c.cfg = cfg_read(r->m->cfg, err);
    task.c.net = task.c.cfg ? host_open(task.c.cfg, 1, err) : NULL;
    if (!task.c.net) abort();
    task.c.h = host_of(task.c.net);
    r->json = cJSON_CreateObject();
    r->log = cJSON_AddArrayToObject(r->json, "log");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static meta_run r;
    char err[ERR_LEN] = "", path[4096];
    if (!r.m) open_run(&r, err);
    fuzz_named(path, "x.state", data, size);
    snprintf(r.out, sizeof r.out, "%.*s", (int)(strlen(path) - strlen(".state")), path);
    if (meta_state_load(&r, err)) fuzz_refused(err);
    return 0;
}
