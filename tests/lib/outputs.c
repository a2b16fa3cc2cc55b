/* outputs.c - a program that uses libdarknet.so: OUTPUTS CFG WEIGHTS FOLDER. Drawn numbers (the
 * same each time) as a batch of one into FOLDER/input.bin; what the network makes of them into
 * FOLDER/head_L.bin for each [yolo] and [region] layer L, or FOLDER/output.bin where there is none:
 * float32. Under LD_PRELOAD the plug-in computes it. */
#include <darknet.h>

static void put(const char *folder, const char *name, const float *p, int n) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.bin", folder, name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(p, sizeof *p, (size_t)n, f) != (size_t)n || fclose(f)) exit(1);
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    network *net = load_network(argv[1], argv[2], 0);
    set_batch_network(net, 1);
    float *x = calloc((size_t)net->inputs, sizeof *x);
    unsigned state = 7;
    for (int k = 0; k < net->inputs; k++) {
        state = state * 1664525 + 1013904223;
        x[k] = (float)(state >> 8) / (float)(1 << 24);
    }
    put(argv[3], "input", x, net->inputs);
    float *p = network_predict(net, x);
    int heads = 0;
    for (int i = 0; i < net->n; i++) {
        const layer *l = &net->layers[i];
        char name[32];
        snprintf(name, sizeof name, "head_%d", i);
        if (l->type != YOLO && l->type != REGION) continue;
        put(argv[3], name, l->output, l->outputs);
        heads++;
    }
    if (!heads) put(argv[3], "output", p, net->outputs);
    free(x);
    free_network(net);
    return 0;
}
