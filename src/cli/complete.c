/* complete.c - see complete.h. */
#include "cli/complete.h"
#include "cli/commands.h"
#include "cli/file_kinds.h"
#include "cli/options.h"
#include <stdio.h>
#include <string.h>

static void offer(const char *word, const char *begun) {
    if (!strncmp(word, begun, strlen(begun))) puts(word);
}

static void offer_groups(const char *begun) {
    static const char *const alone[] = {"--help", "--version", "--plugin"};
    for (int i = 0; commands_group_at(i); i++) offer(commands_group_at(i)->name, begun);
    offer("help", begun);
    for (size_t i = 0; *begun == '-' && i < sizeof alone / sizeof *alone; i++)
        offer(alone[i], begun);
}

static void offer_names(const char *group, const char *begun) {
    for (int i = 0; commands_at(i); i++)
        if (!strcmp(commands_at(i)->group, group)) offer(commands_at(i)->name, begun);
}

static void offer_topics(const char *begun) {
    for (int i = 0; commands_group_at(i); i++) offer(commands_group_at(i)->name, begun);
    for (int i = 0; file_kind_at(i); i++) offer(file_kind_at(i)->word, begun);
    offer("environment", begun);
}

/* -seed is --seed too. */
static void offer_options(unsigned command, const char *begun) {
    int two = !strncmp(begun, "--", 2);
    option_text t;
    for (int k = 0; options_text(command, k, &t); k++) {
        char word[64];
        snprintf(word, sizeof word, "%s%s", two ? "-" : "", t.name);
        offer(word, begun);
    }
    offer("--help", begun);
}

static void offer_files(const char *word) {
    const file_kind *k = file_kind_of(word);
    if (k)
        printf("files %s\n", k->endings);
    else if (!strncmp(word, "DIR", 3))
        puts("folders");
    else if (!strncmp(word, "FILE", 4) || !strncmp(word, "[FILE", 5))
        puts("files");
}

/* Of a usage such as "DATA CFG WEIGHTS IMAGE...", the word for the argument n. */
static void offer_argument(const char *usage, int n) {
    for (const char *w = usage; *w && *w != '-';) {
        size_t len = strcspn(w, " ");
        int many = len > 3 && !strncmp(w + len - 3, "...", 3);
        if (n-- == 0 || many) {
            char word[64];
            snprintf(word, sizeof word, "%.*s", (int)len, w);
            offer_files(word);
            return;
        }
        w += len + (w[len] == ' ');
        w += strspn(w, "[");
    }
}

/* The option that a word names, and whether it takes a value. */
static int takes_value(unsigned command, const char *word, option_text *t) {
    if (!strncmp(word, "--", 2)) word++;
    for (int k = 0; options_text(command, k, t); k++)
        if (!strcmp(t->name, word)) return t->value != NULL;
    return 0;
}

static void offer_for(const command *c, int argc, char **argv) {
    const char *begun = argv[argc - 1];
    option_text t;
    int n = 0;
    for (int i = 0; i < argc - 1; i++) {
        if (argv[i][0] != '-' || !argv[i][1]) {
            n++;
        } else if (takes_value(c->id, argv[i], &t)) {
            if (++i == argc - 1) { /* it is the value that is begun */
                if (t.is_file || !strcmp(t.value, "DIR")) offer_files(t.value);
                return;
            }
        }
    }
    if (*begun == '-')
        offer_options(c->id, begun);
    else
        offer_argument(c->usage, n);
}

void complete(int argc, char **argv) {
    int words;
    if (argc < 1) return;
    const char *begun = argv[argc - 1];
    if (argc == 1) {
        offer_groups(begun);
        return;
    }
    int asks = !strcmp(argv[0], "help");
    if (asks && argc == 2) offer_topics(begun);
    if (asks && argc == 3) offer_names(argv[1], begun);
    if (asks) return;
    /* As in a command line, where the program's name comes first; the last word is not whole. */
    char *line[4] = {NULL, argv[0], argc > 2 ? argv[1] : NULL, NULL};
    const command *c = commands_find(argc > 2 ? 3 : 2, line, &words);
    if (c)
        offer_for(c, argc - words + 1, argv + words - 1);
    else if (argc == 2)
        offer_names(argv[0], begun);
}
