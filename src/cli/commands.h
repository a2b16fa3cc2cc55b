/* commands.h - all commands, in Darknet's grammar: what both programs know of them. */
#ifndef MP_COMMANDS_H
#define MP_COMMANDS_H
#include <stdio.h>

enum { ANY_NUMBER = 1 << 30 };

/* name "": the group is the command. min, max: of arguments that are no options. id: CMD_... of
 * options.h. writes: which of them it writes, as digits. */
typedef struct {
    const char *group, *name, *usage, *what;
    unsigned id;
    int min, max;
    const char *writes;
} command;

/* what: of its page; page: of docs/. */
typedef struct {
    const char *name, *what, *page;
} command_group;

/* NULL after the last; NULL: there is no such group. */
const command *commands_at(int i);
const command_group *commands_group_at(int i);
const command_group *commands_group(const char *name);

/* The command that argv[1], or argv[1] and argv[2], name; *words: how many of argv are its own, the
 * program's name among them. NULL. */
const command *commands_find(int argc, char **argv, int *words);
/* All commands, for --help; what one of them takes. */
void commands_list(FILE *f);
void commands_help(const command *c);
/* Three lines on stderr about an unknown command, with what may have been meant. */
void commands_unknown(int argc, char **argv);
#endif
