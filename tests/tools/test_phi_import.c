/* test_phi_import.c - files that PyTorch saved, and damaged, cut and malicious ones
 * (tests/lib/make_pth.py makes them): the 82 values or one sentence, never a crash, nothing run. */
#include "data_make.h"
#include "tools/phi_import.h"

static char script[8192];

static unsigned char *slurp(const char *path, size_t *n) {
    FILE *f = fopen(path, "rb");
    if (!f) m_die(path);
    unsigned char *p = malloc(1 << 20);
    *n = fread(p, 1, 1 << 20, f);
    fclose(f);
    return p;
}

static void whole_files(void) {
    static const char *const names[] = {"old.pth", "zip.pth", "zip_deflated.pth", "strided.pth"};
    size_t n;
    unsigned char *want = slurp("want.bin", &n);
    CHECK(n == PHI_LEN * sizeof(float), "%zu bytes", n);
    for (int i = 0; i < 4; i++) {
        float phi[PHI_LEN] = {0};
        int rc = phi_import(names[i], phi, err);
        CHECK(!rc, "%s: %s", names[i], err);
        CHECK(!memcmp(phi, want, sizeof phi), "%s: other values", names[i]);
    }
    free(want);
}

static void refused_files(void) {
    char line[512];
    FILE *f = fopen("refused.txt", "r");
    int n = 0;
    while (f && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = 0;
        char *words = strchr(line, ' ');
        if (!words) m_die(line);
        *words++ = 0;
        float phi[PHI_LEN] = {0}, none[PHI_LEN] = {0};
        err[0] = 0;
        int rc = phi_import(line, phi, err);
        CHECK(rc == -1, "%s was taken", line);
        CHECK(strstr(err, words), "%s: '%s' does not say '%s'", line, err, words);
        CHECK(strstr(err, line), "%s: '%s' does not name the file", line, err);
        CHECK(!strchr(err, '\n'), "%s: more than one line", line);
        CHECK(!memcmp(phi, none, sizeof phi), "%s: phi was touched", line);
        n++;
    }
    if (f) fclose(f);
    CHECK(n >= 36, "only %d files", n);
    CHECK(access("PWNED", F_OK), "code of a file was run");
}

/* Every cut is refused; a changed byte may hit a number, else it must be answered. */
static void cuts_and_changes(const char *name, int changes) {
    size_t n;
    unsigned char *p = slurp(name, &n);
    float phi[PHI_LEN];
    int taken = 0, silent = 0;
    for (size_t k = 0; k < n; k += 1 + m_rand() % 3) {
        m_put("cut.pth", p, k);
        taken += !phi_import("cut.pth", phi, err);
    }
    CHECK(!taken, "%s: %d cuts were taken", name, taken);
    for (int k = 0; k < changes; k++) {
        size_t at = m_rand() % n, other = m_rand() % n;
        unsigned char was = p[at];
        p[at] = (unsigned char)(k % 2 ? m_rand() : p[other]);
        m_put("changed.pth", p, n);
        err[0] = 0;
        silent += phi_import("changed.pth", phi, err) && !err[0];
        p[at] = was;
    }
    CHECK(!silent, "%s: %d changes were refused without a word", name, silent);
    free(p);
}

int main(void) {
    char command[16384];
    if (!getcwd(script, sizeof script - 32)) m_die("getcwd");
    strcat(script, "/tests/lib/make_pth.py");
    m_open();
    snprintf(command, sizeof command, "python3 '%s' .", script);
    if (system(command)) m_die(command);
    whole_files();
    refused_files();
    cuts_and_changes("old.pth", 4000);
    cuts_and_changes("zip.pth", 4000);
    CHECK(access("PWNED", F_OK), "code of a file was run");
    m_close();
    return t_done("test_phi_import");
}
