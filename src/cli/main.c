/* main.c - the commands, in Darknet's grammar. */
#include "cli/options.h"
#include "train/classifier.h"
#include "train/meta.h"
#include "train/phi_tool.h"
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static classifier_args classifier_args_of(const options *o) {
    return (classifier_args){
        .data = o->positional[0], .cfg = o->positional[1], .weights = o->positional[2], .image = o->positional[3],
        .phi = o->phi, .backup = o->backup, .json = o->json, .seed = o->seed, .seed_given = o->seed_given,
        .threads = o->threads, .clear = o->clear, .skip_bad = o->skip_bad, .samples = o->samples, .every = o->every,
        .top = o->top,
    };
}

static int run_train(const options *o, char *err) {
    classifier_args a = classifier_args_of(o);
    return classifier_train(&a, err);
}

static int run_valid(const options *o, char *err) {
    classifier_args a = classifier_args_of(o);
    return classifier_valid(&a, err);
}

static int run_predict(const options *o, char *err) {
    classifier_args a = classifier_args_of(o);
    return classifier_predict(&a, err);
}

static int run_meta(const options *o, char *err) {
    meta_args a = {
        .meta = o->positional[0], .json = o->json, .out = o->out, .seed = o->seed, .seed_given = o->seed_given,
        .threads = o->threads, .skip_bad = o->skip_bad, .steps = o->steps, .resume = o->resume,
    };
    return meta_train(&a, err);
}

static int phi_args(const options *o, classifier_args *a, char *err) {
    *a = classifier_args_of(o);
    a->phi = o->positional[0];
    a->cfg = o->positional[1];
    a->weights = o->positional[2];
    a->data = o->positional[3];
    if (o->n_positional == 1 || o->n_positional == 4) return 0;
    snprintf(err, ERR_LEN, "to measure a phi, name all three behind it: CFG WEIGHTS DATA");
    return -1;
}

static int run_phi_show(const options *o, char *err) {
    classifier_args a;
    return phi_args(o, &a, err) ? -1 : phi_show(&a, err);
}

static int run_phi_plot(const options *o, char *err) {
    classifier_args a;
    return phi_args(o, &a, err) ? -1 : phi_plot(&a, o->out, err);
}

static int run_phi_import(const options *o, char *err) { return phi_convert(o->positional[0], o->positional[1], err); }

static const struct {
    const char *group, *name, *usage, *what;
    unsigned id;
    int min, max;
    int (*run)(const options *o, char *err);
} commands[] = {
    {"classifier", "train", "DATA CFG [WEIGHTS]", "train a network", CMD_TRAIN, 2, 3, run_train},
    {"classifier", "valid", "DATA CFG WEIGHTS", "accuracy, NLL and ECE on all test images", CMD_VALID, 3, 3, run_valid},
    {"classifier", "predict", "DATA CFG WEIGHTS IMAGE", "the classes of one image", CMD_PREDICT, 4, 4, run_predict},
    {"meta", "train", "META", "learn phi over several tasks", CMD_META, 1, 1, run_meta},
    {"phi", "show", "PHI [CFG WEIGHTS DATA]", "its numbers, and what it does to a network's feature maps", CMD_PHI, 1, 4,
     run_phi_show},
    {"phi", "plot", "PHI [CFG WEIGHTS DATA]", "pictures of the same", CMD_PHI_PLOT, 1, 4, run_phi_plot},
    {"phi", "import", "FILE.pth PHI", "from a file that PyTorch saved", CMD_PHI, 2, 2, run_phi_import},
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static void usage(FILE *f) {
    fprintf(f, "metaperturb: MetaPerturb for Darknet networks\n\n");
    for (int i = 0; i < COMMANDS; i++) {
        fprintf(f, "  metaperturb %s %s %s\n      %s\n", commands[i].group, commands[i].name, commands[i].usage,
                commands[i].what);
    }
    fprintf(f, "\nmetaperturb GROUP COMMAND --help lists the options of one.\n");
}

static int is_help(const char *s) { return !strcmp(s, "--help") || !strcmp(s, "-help") || !strcmp(s, "-h"); }

int main(int argc, char **argv) {
    char err[ERR_LEN] = "";
    options o;
    if (argc >= 2 && is_help(argv[1])) {
        usage(stdout);
        return 0;
    }
    for (int i = 0; i < COMMANDS; i++) {
        if (argc < 3 || strcmp(argv[1], commands[i].group) || strcmp(argv[2], commands[i].name)) continue;
        int bad = options_parse(&o, commands[i].id, commands[i].min, commands[i].max, argc - 3, argv + 3, err);
        if (bad || o.help) {
            if (bad) fprintf(stderr, "metaperturb: %s\n", err);
            else {
                printf("metaperturb %s %s %s\n    %s\n", commands[i].group, commands[i].name, commands[i].usage,
                       commands[i].what);
                options_help(commands[i].id);
            }
            return bad ? 2 : 0;
        }
        omp_set_num_threads(o.threads);
        if (!commands[i].run(&o, err)) return 0;
        fflush(stdout);
        fprintf(stderr, "metaperturb: %s\n", err);
        return 1;
    }
    usage(stderr);
    return 2;
}
