/* test_trailer.c - trailers whose chunks are not this network's: refused, with nothing changed. */
#include "test.h"
#include "host/net_internal.h"
#include "base/files.h"

static const char *const text =
    "[net]\nbatch=1\nheight=4\nwidth=4\nchannels=3\nadam=1\nlearning_rate=.1\nmax_batches=10\n["
    "meta_shared]\ntrain=1\n"
    "[convolutional]\nbatch_normalize=1\nfilters=4\nsize=3\npad=1\nactivation=linear\n[perturb]"
    "\nactivation=relu\n"
    "[batchnorm]\n[avgpool]\n[connected]\noutput=2\nactivation=linear\n[softmax]\n";
static char file[64], other[64];

static network *open_net(uint64_t seed) {
    char err[ERR_LEN] = "";
    cfg_file *c = cfg_read_text("trailer.cfg", text, err);
    network *net = c ? host_open(c, 1, err) : NULL;
    cfg_free(c);
    CHECK(net != NULL, "%s", err);
    if (!net) exit(t_done("test_trailer"));
    host_init(net, seed);
    host_net *h = host_of(net);
    for (int i = 0; i < 4; i++) h->perturb[0].mean[i] = (float)(seed + 10 * (unsigned)i);
    return net;
}

static size_t trailer_at(const unsigned char *p, size_t n) {
    for (size_t i = 0; i + 8 <= n; i++)
        if (!memcmp(p + i, "MPTRAIL1", 8)) return i;
    return n;
}

/* The file with chunk `tag` `more` bytes longer (or shorter), or left out (more 0), whole by its
 * lengths and checksum. */
static void write_changed(const char *tag, int more) {
    char err[ERR_LEN] = "";
    size_t n, from;
    unsigned char *p = file_slurp(file, &n, err), *q = calloc(1, n + 64);
    CHECK(p && q, "%s", err);
    size_t head = trailer_at(p, n), at = head + WEIGHTS_TRAILER_HEAD, to = at;
    int found = 0;
    memcpy(q, p, head);
    for (from = at; from < n;) {
        uint64_t len, now;
        memcpy(&len, p + from + 4, sizeof len);
        int mine = !memcmp(p + from, tag, 4);
        found |= mine;
        now = mine ? len + (uint64_t)(int64_t)more : len;
        if (!mine || more) {
            memcpy(q + to, p + from, 12 + (size_t)(now < len ? now : len));
            memcpy(q + to + 4, &now, sizeof now);
            to += 12 + (size_t)now;
        }
        from += 12 + (size_t)len;
    }
    CHECK(found, "the file has no chunk %s", tag);
    weights_trailer_head(q + head, q + at, to - at);
    file_out o;
    CHECK(!file_out_open(&o, other, err) && fwrite(q, 1, to, o.f) == to && !file_out_close(&o, err),
          "%s", err);
    free(p);
    free(q);
}

static void refuses(const char *tag, int more, const char *words) {
    char err[ERR_LEN] = "";
    network *net = open_net(7);
    host_net *h = host_of(net);
    host_progress before = {.average = 2, .seconds = 3, .known = 1};
    float phi[PHI_LEN], mean[4], weights[8];
    *host_progress_of(h) = before;
    memcpy(phi, h->phi, sizeof phi);
    memcpy(mean, h->perturb[0].mean, sizeof mean);
    memcpy(weights, net->layers[0].weights, sizeof weights);
    write_changed(tag, more);
    CHECK(host_load(net, other, 0, err) == -1 && strstr(err, words), "%s %+d: \"%s\"", tag, more,
          err);
    CHECK(!memcmp(phi, h->phi, sizeof phi), "%s %+d: phi was changed", tag, more);
    CHECK(!memcmp(mean, h->perturb[0].mean, sizeof mean), "%s %+d: [perturb] was changed", tag,
          more);
    CHECK(!memcmp(weights, net->layers[0].weights, sizeof weights), "%s %+d: weights were changed",
          tag, more);
    CHECK(h->seed == 7 && host_progress_of(h)->known, "%s %+d: the run was changed", tag, more);
    host_close(net);
}

int main(void) {
    static const char misfit[] = "its trailer does not fit this network";
    char err[ERR_LEN] = "";
    snprintf(file, sizeof file, "/tmp/mp_trailer_%d", (int)getpid());
    snprintf(other, sizeof other, "%s_b", file);
    network *net = open_net(5), *back = open_net(6);
    *host_progress_of(host_of(net)) = (host_progress){.average = 1, .seconds = 2, .known = 1};
    CHECK(!host_save(net, file, 1, err), "%s", err);
    CHECK(!host_load(back, file, 0, err), "%s", err);
    CHECK(!memcmp(host_of(net)->phi, host_of(back)->phi, sizeof host_of(net)->phi), "phi");
    CHECK(host_of(back)->seed == 5 && host_progress_of(host_of(back))->known, "seed, progress");
    for (int more = -4; more <= 4; more += 8) {
        refuses("PHI ", more, misfit);
        refuses("RUNS", more, "of other [perturb] layers");
        refuses("BNRM", more, misfit);
        refuses("STEP", more, misfit);
        refuses("LOOP", more, misfit);
        refuses("OPTM", more, "its optimizer state does not fit");
    }
    refuses("STEP", 0, misfit);
    write_changed("OPTM", 4);
    CHECK(!host_load(back, other, HOST_CLEAR, err), "-clear does not look at it: %s", err);
    write_changed("BNRM", 0);
    CHECK(!host_load(back, other, 0, err), "a file without BNRM: %s", err);
    host_close(net);
    host_close(back);
    unlink(file);
    unlink(other);
    return t_done("test_trailer");
}
