/* manual.c - see manual.h; in the macros that man reads. */
#include "cli/manual.h"
#include "base/commit.h"
#include "base/error.h"
#include "cli/commands.h"
#include "cli/environment.h"
#include "cli/file_kinds.h"
#include "cli/options.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { COLUMNS = 72 };

/* One word: what roff would read as its own is quoted. */
static int put_word(const char *w, size_t len, int first) {
    if (first && (*w == '.' || *w == '\'')) fputs("\\&", stdout);
    for (size_t i = 0; i < len; i++) {
        if (w[i] == '\\')
            fputs("\\e", stdout);
        else if (w[i] == '-')
            fputs("\\-", stdout);
        else if (w[i] == '\'')
            fputs("\\(aq", stdout);
        else if (w[i] == '`')
            fputs("\\(ga", stdout);
        else
            putchar(w[i]);
    }
    return (int)len;
}

/* A paragraph's text in lines that are not too long; each run of white space is one. */
static void put_text(const char *s) {
    int column = 0;
    while (*(s += strspn(s, " \n"))) {
        size_t len = strcspn(s, " \n");
        if (column && column + (int)len + 1 > COLUMNS) {
            putchar('\n');
            column = 0;
        } else if (column) {
            putchar(' ');
            column++;
        }
        column += put_word(s, len, column == 0);
        s += len;
    }
    putchar('\n');
}

static void put_bold(const char *s) {
    fputs("\\fB", stdout);
    put_word(s, strlen(s), 0);
    fputs("\\fR", stdout);
}

static void put_upper(const char *s) {
    for (; *s; s++) putchar(toupper((unsigned char)*s));
}

static void put_head(const char *group, const char *what) {
    printf(".\\\" made by `metaperturb help \\-man`: change the tables in src/cli\n");
    fputs(".TH METAPERTURB", stdout);
    if (group) {
        fputs("\\-", stdout);
        put_upper(group);
    }
    printf(" 1 %s \"metaperturb %s\" \"metaperturb\\(aqs manual\"\n.SH NAME\nmetaperturb",
           program_date(), program_version());
    printf("%s%s \\- ", group ? "\\-" : "", group ? group : "");
    put_text(what);
}

static void put_usage(const command *c) {
    fputs("\\fBmetaperturb ", stdout);
    printf("%s%s%s\\fR ", c->group, *c->name ? " " : "", c->name);
    put_text(c->usage);
}

static void put_options(const command *c) {
    option_text t;
    for (int k = 0; options_text(c->id, k, &t); k++) {
        printf(".TP\n");
        put_bold(t.name);
        if (t.value) {
            fputs(" \\fI", stdout);
            put_word(t.value, strlen(t.value), 0);
            fputs("\\fR", stdout);
        }
        putchar('\n');
        put_text(t.help);
    }
}

static void put_kinds(const char *usage) {
    for (int i = 0; file_kind_at(i); i++) {
        const file_kind *k = file_kind_at(i);
        if (usage && !strstr(usage, k->word)) continue;
        printf(".TP\n");
        put_bold(k->word);
        putchar('\n');
        put_text(k->what);
    }
}

static void put_see_also(const char *page) {
    printf(".SH SEE ALSO\n");
    if (page) {
        printf(".BR metaperturb (1),\n.br\nmetaperturb help %s.md\n", page);
        return;
    }
    for (int i = 0; commands_group_at(i); i++)
        printf(".BR metaperturb\\-%s (1),\n", commands_group_at(i)->name);
    printf(".BR darknet (1)\n");
}

static void put_group(const command_group *g) {
    char usages[2000] = "";
    put_head(g->name, g->what);
    printf(".SH SYNOPSIS\n");
    for (int i = 0, n = 0; commands_at(i); i++) {
        if (strcmp(commands_at(i)->group, g->name)) continue;
        if (n++) printf(".br\n");
        put_usage(commands_at(i));
        size_t len = strlen(usages);
        snprintf(usages + len, sizeof usages - len, " %s", commands_at(i)->usage);
    }
    printf(".SH DESCRIPTION\n");
    for (int i = 0; commands_at(i); i++) {
        const command *c = commands_at(i);
        if (strcmp(c->group, g->name)) continue;
        printf(".SS \"metaperturb %s%s%s\"\n", c->group, *c->name ? " " : "", c->name);
        put_text(c->what);
        put_options(c);
    }
    printf(".SH FILES\n");
    put_kinds(usages);
    put_see_also(g->page);
}

static const char about[] =
    "metaperturb trains, tests and converts networks whose cfg files are those of the Darknet "
    "framework or of its YOLOv4 fork: classifiers and detectors. It adds MetaPerturb: noise on a "
    "network's feature maps, in sections [perturb] of a cfg. The noise is made by 82 numbers, "
    "called phi, which are learned once over several data sets and then used in any network.";
static const char asks[] =
    "Each command has a page of its own group, and --help after it lists its options. Options "
    "may stand anywhere after the command's words; --seed is -seed. metaperturb help TOPIC tells "
    "of a group, a kind of file, the environment, or prints a page about one subject.";

static void put_section(const char *title, const char *const (*rows)[2], int n) {
    printf(".SH %s\n", title);
    for (int i = 0; i < n; i++) {
        printf(".TP\n");
        put_bold(rows[i][0]);
        putchar('\n');
        put_text(rows[i][1]);
    }
}

static void put_overview(void) {
    static const char *const ends[][2] = {
        {"0", "All was done, and standard output could be written."},
        {"1", "The command failed: one sentence on standard error says why."},
        {"2", "The command line is wrong; nothing was done."}};
    static const char *const places[][2] = {
        {"../share/metaperturb", "from the program's folder: cfg and cfg_meta (networks, suites, a "
                                 "phi that is ready for use), scripts that make data sets of "
                                 "folders, and docs"},
        {"../lib/metaperturb", "or where metaperturb --plugin points to: libmetaperturb.so, which "
                               "LD_PRELOAD puts under any program that uses libdarknet.so"}};
    put_head(NULL, "train, test and convert Darknet networks, with learned noise");
    printf(".SH SYNOPSIS\n\\fBmetaperturb\\fR \\fIGROUP\\fR [\\fICOMMAND\\fR] "
           "\\fIARGUMENT\\fR... [\\fIOPTION\\fR]...\n.br\n"
           "\\fBmetaperturb help\\fR [\\fITOPIC\\fR]\n.br\n"
           "\\fBmetaperturb \\-\\-version\\fR | \\fB\\-\\-plugin\\fR | \\fB\\-\\-help\\fR\n");
    printf(".SH DESCRIPTION\n");
    put_text(about);
    printf(".PP\n");
    put_text(asks);
    printf(".SH COMMANDS\n");
    for (int i = 0; commands_at(i); i++) {
        printf(".TP\n");
        put_usage(commands_at(i));
        put_text(commands_at(i)->what);
    }
    printf(".SH ARGUMENTS\n");
    put_kinds(NULL);
    put_section("FILES", places, 2);
    printf(".SH ENVIRONMENT\n");
    for (int i = 0; environment_at(i); i++) {
        printf(".TP\n");
        put_bold(environment_at(i)->name);
        putchar('\n');
        put_text(environment_at(i)->what);
    }
    put_section("EXIT STATUS", ends, 3);
    put_see_also(NULL);
}

int manual(const char *group, char *err) {
    const command_group *g = group ? commands_group(group) : NULL;
    if (group && !g) return fail(err, "help -man %.100s: there is no such group", group);
    if (g)
        put_group(g);
    else
        put_overview();
    return 0;
}
