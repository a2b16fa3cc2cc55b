/* file_kinds.c - see file_kinds.h. */
#include "cli/file_kinds.h"
#include <stddef.h>
#include <string.h>
#include <strings.h>

static const file_kind kinds[] = {
    {"DATA", "data", "a data set: its lists of images, its classes, lines of KEY=VALUE",
     "training"},
    {"CFG", "cfg",
     "a network, in Darknet's sections, with [perturb] and [meta_shared] where wanted", "cfg"},
    {"WEIGHTS", "weights|backup|conv.+([0-9])",
     "the weights of a network, as Darknet keeps them, with what is ours after its last byte; "
     "NAME.backup: of a training that can go on",
     "weights"},
    {"IMAGE", "jpg|jpeg|png|bmp|JPG|JPEG|PNG|BMP|txt",
     "an image; also a folder of them, a list of paths (.txt), or - for paths on standard input",
     "training"},
    {"VIDEO", "mp4|avi|mkv|mov|webm",
     "a video file, an address (rtsp://...) or a camera (0, 1, ..., /dev/video0)", "detectors"},
    {"META", "meta", "a meta-training: the network, its tasks, the phi to learn", "meta"},
    {"PHI", "phi", "82 numbers that make the noise, as text", "meta"},
    {"SUITE", "suite", "networks, methods, data sets and seeds to compare", "compare"},
    {"ONNX", "onnx", "a network for other programs, as ONNX Runtime or OpenCV", "onnx"},
    {"PTH", "pth|pt", "what PyTorch saved", "meta"},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

const file_kind *file_kind_at(int i) { return i < KINDS ? &kinds[i] : NULL; }

/* Is it one of the endings, up to len? */
static int is_ending(const file_kind *k, const char *name, size_t len) {
    for (const char *e = k->endings; e; e = strchr(e, '|')) {
        if (*e == '|') e++;
        if (strcspn(e, "|") == len && !strncasecmp(e, name, len)) return 1;
    }
    return 0;
}

const file_kind *file_kind_of(const char *word) {
    if (*word == '[') word++;
    size_t len = strcspn(word, "].|, ");
    int dot = word[len] == '.' && word[len + 1] != '.';
    for (int i = 0; i < KINDS; i++) {
        const file_kind *k = &kinds[i];
        if (dot ? is_ending(k, word + len + 1, strcspn(word + len + 1, "] "))
                : strlen(k->word) == len && !strncmp(k->word, word, len))
            return k;
    }
    return NULL;
}

const file_kind *file_kind_named(const char *name) {
    for (int i = 0; i < KINDS; i++)
        if (!strcasecmp(kinds[i].word, name) || is_ending(&kinds[i], name, strlen(name)))
            return &kinds[i];
    return NULL;
}
