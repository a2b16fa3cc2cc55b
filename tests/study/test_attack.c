/* test_attack.c - balls, steps and projections against their definitions, and the gradient that an
 * attack follows against difference quotients of the loss it reports, with and without noise. */
#include "test.h"
#include "study/attack.h"
#include <omp.h>
#include <unistd.h>

enum { D = 300 };
static const char *const names[] = {"linf", "l2", "l1"};

static double distance2(const float *a, const float *b) {
    double s = 0;
    for (int i = 0; i < D; i++) s += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    return s;
}

static int in_picture(const float *x, const float *delta) {
    for (int i = 0; i < D; i++)
        if (!(x[i] + delta[i] >= -1e-6F && x[i] + delta[i] <= 1 + 1e-6F)) return 0;
    return 1;
}

/* The projection lies in the ball, and no other point of the ball, random or moved a little from
 * it, is nearer to where it came from. The picture is gray, far from its borders, so that they play
 * no part. */
static void projection(ball_kind k, rng_stream *r) {
    float x[D], from[D], to[D], other[D], scratch[D];
    float eps = k == BALL_LINF ? 0.05F : k == BALL_L2 ? 0.4F : 3;
    for (int i = 0; i < D; i++) {
        x[i] = 0.5F;
        from[i] = to[i] = 0.08F * rng_normal(r);
    }
    CHECK(ball_norm(k, from, D) > (double)eps, "%s: nothing to project", names[k]);
    ball_project(k, to, x, D, eps, scratch);
    CHECK(fabs(ball_norm(k, to, D) - (double)eps) < 1e-5 * (double)eps, "%s: |delta| %g, eps %g",
          names[k], ball_norm(k, to, D), (double)eps);
    double least = distance2(from, to);
    int nearer = 0;
    for (int n = 0; n < 200; n++) {
        ball_random(k, other, x, D, eps, r);
        float t = n % 2 ? 1 : 0.01F;
        for (int i = 0; i < D; i++)
            other[i] = to[i] + t * (other[i] - to[i]); /* in the ball: it is convex */
        nearer += distance2(from, other) < least - 1e-7;
    }
    CHECK(nearer == 0, "%s: %d points of the ball are nearer", names[k], nearer);
    memcpy(other, to, sizeof to);
    ball_project(k, other, x, D, eps * 1.001F, scratch);
    CHECK(distance2(other, to) < 1e-12, "%s: a point of the ball moved", names[k]);
}

static void steps_and_starts(ball_kind k, rng_stream *r) {
    float x[D], delta[D] = {0}, g[D], scratch[D], far = 0;
    double before[D];
    for (int i = 0; i < D; i++) {
        x[i] = i % 3 ? rng_uniform(r, 0.2F, 0.8F) : (float)(i % 2); /* some at the border */
        g[i] = i % 7 ? rng_normal(r) : 0;
    }
    ball_step(k, delta, g, x, D, 0.1F, scratch);
    CHECK(fabs(ball_norm(k, delta, D) - 0.1) < 1e-5, "%s: a step of length %g", names[k],
          ball_norm(k, delta, D));
    double up = 0;
    for (int i = 0; i < D; i++) up += (double)delta[i] * (double)g[i];
    CHECK(up > 0, "%s: not uphill", names[k]);
    if (k == BALL_L1) {
        int moved = 0, stuck = 0;
        for (int i = 0; i < D; i++) {
            moved += delta[i] != 0;
            stuck += x[i] + delta[i] > 1 || x[i] + delta[i] < 0;
        }
        CHECK(moved == D / 100 && stuck == 0, "l1: %d coordinates moved, %d out of the picture",
              moved, stuck);
    }
    for (int i = 0; i < D; i++) before[i] = (double)delta[i];
    memset(g, 0, sizeof g);
    ball_step(k, delta, g, x, D, 0.1F, scratch);
    CHECK(t_rel(delta, before, D) == 0, "%s: a step without a slope", names[k]);
    for (int n = 0; n < 50; n++) {
        ball_random(k, delta, x, D, 0.3F, r);
        float norm = (float)ball_norm(k, delta, D);
        if (norm > far) far = norm;
        CHECK(norm <= 0.3001F && in_picture(x, delta), "%s: a start outside", names[k]);
    }
    CHECK(far > 0.15F, "%s: starts reach only %g of 0.3", names[k], (double)far);
    for (int i = 0; i < D; i++) delta[i] = rng_normal(r);
    ball_project(k, delta, x, D, 50, scratch);
    CHECK(in_picture(x, delta), "%s: projected out of the picture", names[k]);
}

static const char *const cfg =
    "[net]\nbatch=3\nheight=9\nwidth=9\nchannels=3\nlearning_rate=.1\nmax_batches=10\n[meta_shared]"
    "\ntrain=1\nanneal=0\n"
    "[convolutional]\nbatch_normalize=1\nfilters=6\nsize=3\npad=1\nactivation=tanh\n"
    "[convolutional]\nbatch_normalize=1\nfilters=6\nsize=3\npad=1\nactivation=linear\n[shortcut]"
    "\nfrom=-2\nactivation=linear\n"
    "[perturb]\nactivation=tanh\n[dropout]\nprobability=0.3\n[convolutional]\nfilters=5\nsize="
    "3\nstride=2\nactivation=tanh\n[perturb]\n"
    "[avgpool]\n[connected]\noutput=4\nactivation=linear\n[softmax]\n";

/* Along 8 random directions the loss of each image must change as its part of g says. */
static void gradient(int samples) {
    enum { B = 3, IN = 9 * 9 * 3, OUT = 4 };
    char path[] = "/tmp/mp_test_attack_XXXXXX", err[ERR_LEN] = "";
    FILE *f = fdopen(mkstemp(path), "w");
    fputs(cfg, f);
    fclose(f);
    cfg_file *c = cfg_read(path, err);
    network *net = c ? host_open(c, 1, err) : NULL;
    unlink(path);
    CHECK(net != NULL, "%s", err);
    if (!net) exit(t_done("test_attack"));
    host_init(net, 3);
    rng_stream r = rng_open(rng_key(9, RNG_TEST, 0, 0));
    float *phi = host_phi(host_of(net)), X[B * IN], Y[B * IN], g[B * IN], unused[B * IN],
          truth[B * OUT] = {0}, dir[IN];
    double loss[B], up[B], down[B];
    for (int k = 0; k < PHI_LEN; k++) phi[k] = 0.3F * rng_normal(&r);
    for (int i = 0; i < B * IN; i++) X[i] = rng_uniform(&r, 0, 1);
    for (int i = 0; i < B; i++) truth[i * OUT + i] = 1;
    attack_gradient(net, X, truth, samples, 77, g, loss);
    for (int n = 0; n < 8; n++) {
        const float h = 2e-3F;
        for (int i = 0; i < IN; i++) dir[i] = rng_normal(&r);
        for (int i = 0; i < B * IN; i++) Y[i] = X[i] + h * dir[i % IN];
        attack_gradient(net, Y, truth, samples, 77, unused, up);
        for (int i = 0; i < B * IN; i++) Y[i] = X[i] - h * dir[i % IN];
        attack_gradient(net, Y, truth, samples, 77, unused, down);
        for (int i = 0; i < B; i++) {
            double said = 0, size = 0, found = (up[i] - down[i]) / (2 * (double)h);
            for (int k = 0; k < IN; k++) {
                said += (double)g[i * IN + k] * (double)dir[k];
                size += (double)g[i * IN + k] * (double)g[i * IN + k];
            }
            CHECK(fabs(said - found) < 0.01 * sqrt(size) + 1e-4,
                  "samples %d, image %d: slope %g, difference quotient %g, |g| %g", samples, i,
                  said, found, sqrt(size));
        }
    }
    CHECK(loss[0] > 0 && loss[0] != loss[1], "losses %g %g", loss[0], loss[1]);
    host_close(net);
    cfg_free(c);
}

int main(void) {
    rng_stream r = rng_open(rng_key(4, RNG_TEST, 0, 0));
    omp_set_num_threads(2);
    for (int k = 0; k < 3; k++) {
        projection((ball_kind)k, &r);
        steps_and_starts((ball_kind)k, &r);
    }
    gradient(0);
    gradient(3);
    return t_done("test_attack");
}
