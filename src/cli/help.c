/* help.c - see help.h. */
#include "cli/help.h"
#include "base/error.h"
#include "base/library.h"
#include "base/nearest.h"
#include "cli/commands.h"
#include "cli/complete.h"
#include "cli/environment.h"
#include "cli/file_kinds.h"
#include "cli/manual.h"
#include "cli/options.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int help_group(const char *group) {
    int any = 0;
    for (int i = 0; commands_at(i); i++) {
        if (strcmp(commands_at(i)->group, group)) continue;
        if (any++) putchar('\n');
        commands_help(commands_at(i));
    }
    return any;
}

/* docs/NAME or docs/NAME.md. */
static FILE *open_page(const char *name, char path[PATH_LEN]) {
    char file[PATH_LEN];
    size_t n = strlen(name);
    int whole = n > 3 && !strcmp(name + n - 3, ".md");
    if (strchr(name, '/') || n > 200) return NULL;
    snprintf(file, sizeof file, "docs/%s%s", name, whole ? "" : ".md");
    return library_find_shared(path, file) ? fopen(path, "re") : NULL;
}

static int print_page(FILE *f) {
    char line[4096];
    while (fgets(line, sizeof line, f)) fputs(line, stdout);
    return fclose(f);
}

static void name_page(const char *page) {
    char path[PATH_LEN];
    FILE *f = page ? open_page(page, path) : NULL;
    if (!f) return;
    fclose(f);
    printf("\nMore: metaperturb help %s.md\n", page);
}

static void print_environment(void) {
    for (int i = 0; environment_at(i); i++)
        printf("  %s\n      %s\n", environment_at(i)->name, environment_at(i)->what);
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The pages that are there, sorted. */
static void print_pages(void) {
    char path[PATH_LEN], *names[100];
    int n = 0;
    DIR *d = library_find_shared(path, "docs") ? opendir(path) : NULL;
    for (struct dirent *f; d && n < 100 && (f = readdir(d));) {
        size_t len = strlen(f->d_name);
        if (len < 4 || strcmp(f->d_name + len - 3, ".md")) continue;
        if ((names[n] = strndup(f->d_name, len - 3))) n++;
    }
    if (d) closedir(d);
    qsort(names, (size_t)n, sizeof *names, by_name);
    printf(n ? "  pages:      " : "");
    for (int i = 0; i < n; i++) {
        printf(" %s", names[i]);
        free(names[i]);
    }
    if (n) putchar('\n');
}

static void print_topics(void) {
    printf("metaperturb help TOPIC tells what is known of one of these:\n  groups:     ");
    for (int i = 0; commands_group_at(i); i++) printf(" %s", commands_group_at(i)->name);
    printf(" (or GROUP COMMAND)\n  files:      ");
    for (int i = 0; file_kind_at(i); i++) printf(" %s", file_kind_at(i)->word);
    printf("\n  environment\n");
    print_pages();
}

static int unknown(const char *topic, char *err) {
    nearest n = {topic, NULL, 99};
    for (int i = 0; commands_group_at(i); i++) nearest_consider(&n, commands_group_at(i)->name);
    for (int i = 0; file_kind_at(i); i++) nearest_consider(&n, file_kind_at(i)->word);
    nearest_consider(&n, "environment");
    return fail(err, "help knows no topic \"%.100s\"; %s%s%s`metaperturb help` lists them", topic,
                n.name ? "did you mean " : "", n.name ? n.name : "", n.name ? "? " : "");
}

static int topic(const char *name, char *err) {
    char path[PATH_LEN];
    int any = help_group(name);
    const char *page = any ? commands_group(name)->page : NULL;
    const file_kind *k = file_kind_named(name);
    if (k) {
        printf("%s%s: %s\n", any ? "\n" : "", k->word, k->what);
        if (!page) page = k->page;
    } else if (!strcmp(name, "environment")) {
        print_environment();
        any = 1;
    }
    if (any || k) {
        name_page(page);
        return 0;
    }
    FILE *f = open_page(name, path);
    return f ? print_page(f) : unknown(name, err);
}

int help(int argc, char **argv, char *err) {
    int words;
    if (argc == 0) {
        commands_list(stdout);
        putchar('\n');
        print_topics();
        return 0;
    }
    if (!strcmp(argv[0], "-complete")) {
        complete(argc - 1, argv + 1);
        return 0;
    }
    if (!strcmp(argv[0], "-man") && argc <= 2) return manual(argv[1], err);
    if (argc == 1) return topic(argv[0], err);
    /* As in a command line, argv[-1] in the place of the program's name. */
    const command *c = argc == 2 ? commands_find(3, argv - 1, &words) : NULL;
    if (!c || words != 3)
        return fail(err,
                    "help %.100s %.100s: there is no such command; `metaperturb help` lists "
                    "all of them",
                    argv[0], argv[1]);
    commands_help(c);
    return 0;
}
