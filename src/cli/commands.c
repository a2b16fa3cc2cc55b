/* commands.c - see commands.h */
#include "cli/commands.h"
#include "cli/options.h"
#include "base/nearest.h"
#include <string.h>

static const command commands[] = {
    {"classifier", "train", "DATA CFG [WEIGHTS]", "train a network", CMD_TRAIN, 2, 3, ""},
    {"classifier", "valid", "DATA CFG WEIGHTS", "accuracy, NLL and ECE on all test images",
     CMD_VALID, 3, 3, ""},
    {"classifier", "predict", "DATA CFG WEIGHTS IMAGE...",
     "the classes of images (names, a folder, a .txt list, or - for paths on standard input)",
     CMD_PREDICT, 4, ANY_NUMBER, ""},
    {"classifier", "attack", "DATA CFG WEIGHTS",
     "accuracy on test images changed to mislead it (PGD)", CMD_ATTACK, 3, 3, ""},
    {"detector", "train", "DATA CFG [WEIGHTS]", "train a network with [yolo] or [region] layers",
     CMD_DET_TRAIN, 2, 3, ""},
    {"detector", "valid", "DATA CFG WEIGHTS",
     "the boxes of all test images, in files as Darknet writes them", CMD_DET_VALID, 3, 3, ""},
    {"detector", "test", "DATA CFG WEIGHTS IMAGE...",
     "the boxes of images (as classifier predict), printed and drawn", CMD_DET_TEST, 4, ANY_NUMBER,
     ""},
    {"detector", "demo", "DATA CFG WEIGHTS VIDEO|CAMERA",
     "the boxes of a video file, an address (rtsp://...) or a camera (0, 1, ..., /dev/video0)",
     CMD_DET_DEMO, 4, 4, ""},
    {"detector", "map", "DATA CFG WEIGHTS",
     "average precision, precision and recall on all test images", CMD_DET_MAP, 3, 3, ""},
    {"detector", "calc_anchors", "DATA", "sizes for anchors= from the boxes of the train list",
     CMD_DET_ANCHORS, 1, 1, ""},
    {"meta", "train", "META", "learn phi over several tasks", CMD_META, 1, 1, ""},
    {"compare", "", "SUITE", "train and test many networks, and tell what a method gains",
     CMD_COMPARE, 1, 1, ""},
    {"bench", "step", "CFG", "time training steps", CMD_BENCH_STEP, 1, 1, ""},
    {"bench", "meta", "CFG", "time steps of meta-training: theta's and phi's, one task",
     CMD_BENCH_META, 1, 1, ""},
    {"bench", "predict", "CFG", "time forward passes", CMD_BENCH_PREDICT, 1, 1, ""},
    {"bench", "data", "DATA CFG", "time the making of batches alone", CMD_BENCH_DATA, 2, 2, ""},
    {"cfg", "attach", "IN.cfg OUT.cfg", "put [perturb] into a cfg", CMD_CFG_ATTACH, 2, 2, "1"},
    {"cfg", "detach", "IN.cfg OUT.cfg", "take [perturb] out of a cfg", CMD_CFG_DETACH, 2, 2, "1"},
    {"cfg", "check", "CFG", "every problem of a cfg, with its line", CMD_CFG_CHECK, 1, 1, ""},
    {"weights", "info", "FILE [CFG]", "header, layers, sizes, and what does not fit", CMD_W_INFO, 1,
     2, ""},
    {"weights", "partial", "CFG WEIGHTS OUT N", "the weights of the first N layers", CMD_W_PARTIAL,
     4, 4, "2"},
    {"weights", "fold", "CFG WEIGHTS OUT.cfg OUT.weights -calibrate DATA",
     "a trained network with [perturb] as a plain one", CMD_W_FOLD, 4, 4, "23"},
    {"weights", "export", "CFG WEIGHTS OUT.onnx", "the network as an ONNX model", CMD_W_EXPORT, 3,
     3, "2"},
    {"phi", "show", "PHI [CFG WEIGHTS DATA]",
     "its numbers, and what it does to a network's feature maps", CMD_PHI, 1, 4, ""},
    {"phi", "plot", "PHI [CFG WEIGHTS DATA]", "pictures of the same", CMD_PHI_PLOT, 1, 4, ""},
    {"phi", "import", "FILE.pth PHI", "from a file that PyTorch saved", CMD_PHI_IMPORT, 2, 2, "1"},
};
static const command_group groups[] = {
    {"classifier", "train and test networks that tell classes apart", "training"},
    {"detector", "train and test networks that find boxes", "detectors"},
    {"meta", "learn phi over several tasks", "meta"},
    {"phi", "look at a phi, and read the authors'", "meta"},
    {"cfg", "change and check cfg files", "cfg"},
    {"weights", "look into, cut, fold and export weights files", "weights"},
    {"compare", "train and test many networks, methods and seeds", "compare"},
    {"bench", "time training steps, forward passes and batches", "speed"},
};
enum {
    COMMANDS = sizeof commands / sizeof *commands,
    GROUPS = sizeof groups / sizeof *groups,
    NAME = 64
};

const command *commands_at(int i) { return i < COMMANDS ? &commands[i] : NULL; }
const command_group *commands_group_at(int i) { return i < GROUPS ? &groups[i] : NULL; }

const command_group *commands_group(const char *name) {
    for (int i = 0; i < GROUPS; i++)
        if (!strcmp(groups[i].name, name)) return &groups[i];
    return NULL;
}

const command *commands_find(int argc, char **argv, int *words) {
    for (int i = 0; i < COMMANDS; i++) {
        const command *c = &commands[i];
        *words = c->name[0] ? 3 : 2;
        if (argc >= *words && !strcmp(argv[1], c->group) &&
            (!c->name[0] || !strcmp(argv[2], c->name)))
            return c;
    }
    return NULL;
}

static void full_name(const command *c, char out[NAME]) {
    snprintf(out, NAME, "%s%s%s", c->group, c->name[0] ? " " : "", c->name);
}

void commands_list(FILE *f) {
    fprintf(f, "metaperturb: MetaPerturb for Darknet networks\n\n");
    for (int i = 0; i < COMMANDS; i++) {
        char name[NAME];
        full_name(&commands[i], name);
        fprintf(f, "  metaperturb %s %s\n      %s\n", name, commands[i].usage, commands[i].what);
    }
    fprintf(f, "\nmetaperturb --version; metaperturb --plugin: the library for LD_PRELOAD=.\n"
               "metaperturb help TOPIC tells of a group, a kind of file, a page.\n"
               "metaperturb GROUP COMMAND --help lists the options of one.\n");
}

void commands_help(const command *c) {
    char name[NAME];
    full_name(c, name);
    printf("metaperturb %s %s\n    %s\n", name, c->usage, c->what);
    options_help(c->id);
}

/* The names of a group's commands; 0: there is no such group. */
static int names_of(const char *group, char *out, size_t len) {
    size_t n = 0;
    for (int i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i].group, group)) continue;
        n += (size_t)snprintf(out + n, len - n, "%s%s", n ? ", " : "", commands[i].name);
    }
    return n > 0;
}

void commands_unknown(int argc, char **argv) {
    char said[2 * NAME], names[256], all[COMMANDS][NAME];
    int two = argc > 2 && argv[2][0] != '-';
    snprintf(said, sizeof said, "%.60s%s%.60s", argv[1], two ? " " : "", two ? argv[2] : "");
    nearest n = {said, NULL, 99}, alone = {argv[1], NULL, 99};
    for (int i = 0; i < COMMANDS; i++) {
        full_name(&commands[i], all[i]);
        nearest_consider(&n, all[i]);
        nearest_consider(&alone, commands[i].group);
    }
    fprintf(stderr, "metaperturb: there is no command \"%s\"\n", said);
    if (n.name)
        fprintf(stderr, "did you mean \"metaperturb %s\"?\n", n.name);
    else if (alone.name && names_of(alone.name, names, sizeof names))
        fprintf(stderr, "\"metaperturb %s\" takes one of: %s\n", alone.name, names);
    else
        fprintf(stderr,
                "a command is a group and a name, such as \"metaperturb classifier train\"\n");
    fprintf(stderr, "metaperturb --help lists all of them\n");
}
