/* test_perturb_device.c - the loops that CUDA runs for the perturbation (ops/perturb_device.h), run
 * here one iteration after the other, against ops/perturb.h: outputs, tape, running statistics and
 * all gradients, for every kind of noise, odd sizes, one channel, one pixel, one picture. The order
 * of iterations is turned round in a second run, which must give the same bits: no iteration may
 * need another of its loop. */
#include "ops/perturb.h"
#include "sides.h"
#include <omp.h>

static int turned;
#define EACH(loop, n, job)                                                                    \
    do {                                                                                      \
        for (size_t i_ = 0, n_ = (n); i_ < n_; i_++) loop(turned ? n_ - 1 - i_ : i_, &(job)); \
    } while (0)
#define MARCH(kind, plan, job) march_cpu(march_block_##kind, &(plan), &(job), turned)
#include "march_cpu.h"
#include "ops/perturb_device_run.h"

/* Tape and work begin as garbage: whatever is read before it is written shows. */
static side loops(const perturb_args *a, const float *x, const float *dy, const float *phi, int add,
                  int frozen) {
    side r = side_new(a->s);
    size_t tape = 0, work = 0;
    perturb_job b = {
        .a = *a, .x = x, .phi = phi, .dy = dy, .y = r.y, .run_m = r.rm, .run_v = r.rv, .keep = 1};
    perturb_poly_of(&b.poly);
    device_layout(&b, NULL, &tape, NULL, &work);
    void *t = malloc(tape), *w = malloc(work);
    memset(t, 0xff, tape);
    memset(w, 0xff, work);
    device_layout(&b, t, &tape, w, &work);
    device_forward(&b);
    memset(w, 0xff, work);
    b.dx = r.dx;
    b.add_dx = add;
    b.dphi = frozen ? NULL : r.dphi;
    device_backward(&b);
    free(t);
    free(w);
    return r;
}

static void one(shape4 s, perturb_noise noise, int scale, int batch, float slope, float clip,
                int add) {
    static const char *const names[] = {"no noise", "noise", "mean", "unit", "gaussian"};
    size_t n = shape_len(s);
    float *x = normal(n, 1), *dy = normal(n, 2), *phi = normal(PHI_LEN, 3);
    for (int i = 0; i < PHI_LEN; i++) phi[i] *= 0.3f;
    perturb_args a = {.s = s,
                      .c_feature = 0.5f,
                      .h_feature = 1,
                      .t = 0.9f,
                      .clip = clip,
                      .two_sided = s.c % 2,
                      .slope = slope,
                      .noise = noise,
                      .scale = scale,
                      .batch_stats = batch,
                      .momentum = 0.1f,
                      .key = {1, 2},
                      .sd = 0.6f};
    side r = side_reference(&a, x, dy, phi, add);
    for (int frozen = 0; frozen < 2; frozen++) {
        side d = loops(&a, x, dy, phi, add, frozen);
        if (frozen) memcpy(d.dphi, r.dphi, sizeof d.dphi);
        side_compare(&d, &r, s, names[noise]);
        turned = 1;
        side t = loops(&a, x, dy, phi, add, frozen);
        turned = 0;
        if (frozen) memcpy(t.dphi, r.dphi, sizeof t.dphi);
        CHECK(!memcmp(t.y, d.y, n * sizeof *t.y) && !memcmp(t.dx, d.dx, n * sizeof *t.dx) &&
                  !memcmp(t.dphi, d.dphi, sizeof t.dphi),
              "%s, %dx%dx%dx%d: depends on the order of iterations", names[noise], s.n, s.h, s.w,
              s.c);
        side_free(&d);
        side_free(&t);
    }
    side_free(&r);
    free(x);
    free(dy);
    free(phi);
}

int main(void) {
    /* By loops alone: channels that are no fours; blocks of one, several tiles, of one and several
     * bands, with and without noise shared, two and four quads a thread; too many channels for a
     * block. */
    static const shape4 shapes[] = {{3, 9, 7, 5},   {1, 1, 1, 1},   {1, 8, 8, 1},   {4, 1, 6, 3},
                                    {2, 17, 3, 16}, {1, 33, 5, 20}, {2, 19, 32, 4}, {3, 5, 8, 64},
                                    {2, 6, 45, 64}, {2, 4, 8, 256}, {2, 3, 9, 132}, {2, 4, 4, 512},
                                    {1, 2, 3, 516}, {257, 9, 1, 4}};
    omp_set_num_threads(2);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        for (int noise = PERTURB_NOISE_NONE; noise <= PERTURB_NOISE_GAUSS; noise++)
            one(shapes[i], (perturb_noise)noise, 1, 1, 0, INFINITY, 0);
        one(shapes[i], PERTURB_NOISE_SAMPLE, 1, 0, 0.1f, INFINITY, 1);
        one(shapes[i], PERTURB_NOISE_SAMPLE, 0, 1, 1, 1.5f, 1);
        one(shapes[i], PERTURB_NOISE_NONE, 0, 0, 0, INFINITY, 0);
    }
    perturb_poly q;
    float slope;
    perturb_poly_of(&q);
    for (float v = -20; v < 20; v += 0.37f) {
        float got = dev_mean_softplus(&q, v, &slope), want = perturb_mean_softplus(v);
        CHECK(fabsf(got - want) <= 1e-6f * want, "E[softplus(%g)] %g, %g", (double)v, (double)got,
              (double)want);
    }
    return t_done("test_perturb_device");
}
