/* commit.c - see commit.h; make writes commit_name.h, and again only when it changes. */
#include "base/commit.h"
#include "commit_name.h"

const char *program_commit(void) { return COMMIT_NAME; }
const char *program_version(void) { return VERSION_NAME; }
const char *program_date(void) { return DATE_NAME; }
