/* test_engine_nodes.h - softmax, dropout, perturb, carrying data, replanning, refusals; part of
 * test_engine.c. */

static void test_softmax(void) {
    enum { B = 3, C = 7 };
    char err[1024];
    engine *e = engine_new();
    add_input(e, 1, 1, C);
    float temperature = 2.5f;
    int hot = add_softmax(e, 0, temperature, 0), quiet = add_softmax(e, 0, 1, 1);
    CHECK(engine_plan(e, B, 1, 1, 1, err, sizeof err) == 0, "%s", err);
    engine_wants_input_delta(e, 1);
    float x[B * C], truth[B * C] = {0}, d[B * C], y[B * C], extra[B * C];
    double p[B * C], want[B * C], loss = 0;
    for (int i = 0; i < B * C; i++) x[i] = (float)(300 * rnd()), extra[i] = (float)rnd();
    x[3] = x[5] = 290;
    for (int b = 0; b < B; b++) truth[b * C + (b * 3 + 3) % C] = .75f, truth[b * C + 1] = .25f;
    for (int b = 0; b < B; b++) {
        double sum = 0;
        for (int c = 0; c < C; c++) sum += exp(x[b * C + c] / temperature);
        for (int c = 0; c < C; c++) p[b * C + c] = exp(x[b * C + c] / temperature) / sum;
        for (int c = 0; c < C; c++) {
            loss -= truth[b * C + c] * log(fmax(p[b * C + c], 1e-12));
            want[b * C + c] = truth[b * C + c] - p[b * C + c] + extra[b * C + c];
        }
    }
    engine_mode m = {.keep = 1};
    engine_begin(e);
    engine_import(e, 0, x);
    engine_set_truth(e, truth);
    run_forward(e, &m);
    engine_import_delta(e, hot, extra);
    run_backward(e, &m);
    engine_export(e, hot, y);
    engine_export_delta(e, 0, d, 0);
    CHECK(t_rel(y, p, B * C) <= TOL, "softmax off by %g", t_rel(y, p, B * C));
    CHECK(t_rel(d, want, B * C) <= TOL, "delta through the softmax off by %g",
          t_rel(d, want, B * C));
    CHECK(fabs(engine_loss(e, hot) - loss) <= TOL * loss, "loss %g, want %g", engine_loss(e, hot),
          loss);
    CHECK(engine_loss(e, quiet) == 0, "a softmax with noloss has loss %g", engine_loss(e, quiet));
    engine_begin(e);
    engine_set_truth(e, NULL);
    run_forward(e, &m);
    run_backward(e, &m);
    engine_export_delta(e, 0, d, 0);
    CHECK(engine_loss(e, hot) == 0 && size_of(d, B * C) == 0, "no truth, but a loss or a delta");
    x[2] = NAN;
    engine_import(e, 0, x);
    engine_set_truth(e, truth);
    run_forward(e, &m);
    CHECK(isnan(engine_loss(e, hot)), "a NaN logit gives loss %g", engine_loss(e, hot));
    engine_free(e);
}

/* Sums of squares of the caller's arrays, shorter and longer than what one iteration of a device
 * adds up. */
static void test_squares(void) {
    static float a[3], b[9001];
    double want = 0;
    engine *e = engine_new();
    for (int i = 0; i < 3; i++) a[i] = (float)(i + 1), want += (double)a[i] * (double)a[i];
    for (int i = 0; i < 9001; i++)
        b[i] = (float)(i % 101) - 50, want += (double)b[i] * (double)b[i];
    engine_span spans[] = {{a, 3}, {b, 9001}};
    double got = engine_squares(e, spans, 2);
    CHECK(got == want, "squares %g, want %g", got, want);
    CHECK(engine_squares(e, spans, 0) == 0, "squares of nothing");
    engine_free(e);
}

static void test_dropout(void) {
    enum { B = 3, H = 5, W = 7, C = 9, N = B * H * W * C };
    char err[1024];
    static float x[N], y[N], y2[N], r[N], d[N];
    engine *e = engine_new();
    add_input(e, H, W, C);
    add_dropout(e, 0, .25f);
    add_dropout(e, 0, .25f);
    add_route(e, (int[]){1, 0}, 2); /* a second reader: the input's delta must add up */
    CHECK(engine_plan(e, B, H, W, 1, err, sizeof err) == 0, "%s", err);
    engine_wants_input_delta(e, 1);
    engine_mode m = {.keep = 1, .dropout = 1, .seed = 5, .draw = 9};
    int zeros = 0, bad = 0, differ = 0, wrong = 0;
    float k = 1 / (1 - .25f), *both = malloc(2 * N * sizeof *both);
    for (int i = 0; i < N; i++) x[i] = (float)(rnd() + 2), r[i] = (float)(rnd() + 2);
    for (int i = 0; i < 2 * N; i++) both[i] = (float)rnd();
    engine_begin(e);
    engine_import(e, 0, x);
    run_forward(e, &m);
    engine_import_delta(e, 1, r);
    run_backward(e, &m);
    engine_export(e, 1, y);
    engine_export(e, 2, y2);
    engine_export_delta(e, 0, d, 0);
    for (int i = 0; i < N; i++) {
        zeros += y[i] == 0;
        bad += y[i] != 0 && y[i] != k * x[i];
        differ += (y[i] == 0) != (y2[i] == 0);
        wrong += d[i] != (y[i] == 0 ? 0 : k * r[i]);
    }
    CHECK(bad == 0 && wrong == 0, "%d outputs, %d deltas are neither dropped nor scaled by 1/(1-p)",
          bad, wrong);
    CHECK(fabs(zeros / (double)N - .25) < .06, "%d of %d dropped", zeros, N);
    CHECK(differ > N / 8, "two dropout nodes share their noise");
    m.draw = 10;
    run_forward(e, &m);
    engine_export(e, 1, y2);
    differ = 0;
    for (int i = 0; i < N; i++) differ += (y[i] == 0) != (y2[i] == 0);
    CHECK(differ > N / 8, "two draws share their noise");
    m.draw = 9;
    engine_begin(e);
    run_forward(e, &m);
    engine_export(e, 1, y2);
    CHECK(memcmp(y, y2, sizeof y) == 0, "the same draw differs");
    engine_import_delta(e, 3, both);
    run_backward(e, &m);
    engine_export_delta(e, 0, d, 0);
    for (int b = 0; b < B; b++)
        for (int i = 0; i < N / B; i++) {
            float mine = y[b * N / B + i] == 0 ? 0 : k * both[b * 2 * N / B + i],
                  other = both[b * 2 * N / B + N / B + i];
            bad += !(fabsf(d[b * N / B + i] - (mine + other)) <= 1e-6f);
        }
    CHECK(bad == 0, "%d deltas are not the sum of both readers", bad);
    m.dropout = 0;
    run_forward(e, &m);
    engine_export(e, 1, y);
    CHECK(memcmp(x, y, sizeof y) == 0, "inactive dropout changes values");
    free(both);
    engine_free(e);
}

/* On the CPU the node runs that very code; a device has its own. */
static int same(const float *got, const float *want, size_t n) {
    double *w = doubles(want, n), err = t_rel(got, w, n);
    free(w);
    return getenv("METAPERTURB_GPU") ? err <= TOL : memcmp(got, want, n * sizeof *got) == 0;
}

/* The node must hand ops/perturb.h exactly the arguments that the mode asks for. NHWC = NCHW here
 * only for W,C order, so everything goes through the engine's own output buffers. */
static void test_perturb(void) {
    enum { B = 3, H = 4, W = 5, C = 6, N = B * H * W * C };
    static float x[N], r[N], want[N], dz[N], eps[N], got[N], wantc[N];
    float phi[PHI_LEN], rm[C * PERTURB_K], rv[C * PERTURB_K], rm2[C * PERTURB_K],
        rv2[C * PERTURB_K];
    /* From 16 on, the kinds other than the paper's: of each a pass that stands for the mean, then
     * one with noise. */
    static const perturb_noise others[6] = {PERTURB_NOISE_NONE, PERTURB_NOISE_GAUSS,
                                            PERTURB_NOISE_MEAN, PERTURB_NOISE_MEAN,
                                            PERTURB_NOISE_NONE, PERTURB_NOISE_UNIT};
    for (int k = 0; k < 22; k++) {
        int other = k >= 16, gaussian = k == 16 || k == 17;
        char err[1024];
        double dphi[PHI_LEN] = {0}, dphi2[PHI_LEN] = {0};
        for (int i = 0; i < PHI_LEN; i++) phi[i] = (float)(.3 * rnd());
        for (int i = 0; i < C * PERTURB_K; i++)
            rm[i] = rm2[i] = (float)rnd(), rv[i] = rv2[i] = (float)(rnd() + 1.5);
        for (int i = 0; i < N; i++)
            x[i] = (float)(2 * rnd()), r[i] = (float)rnd(), eps[i] = (float)rnd();
        engine_perturb d = {phi,
                            dphi,
                            rm,
                            rv,
                            8,
                            16,
                            .9f,
                            .1f,
                            (k & 4) != 0,
                            (k & 3) != 3,
                            (k & 3) != 2,
                            k & 1 ? ACT_RELU : ACT_LINEAR,
                            .8f};
        if (other) d.noise = PERTURB_KIND_GAUSSIAN + (k - 16) / 2, d.scale = 1;
        engine_mode m = {.keep = 1,
                         .perturb_batch = k < 8 || other,
                         .phi_grads = k != 5,
                         .t = .7f,
                         .seed = 3,
                         .draw = 11,
                         .noise = (other ? !(k & 1) : k & 4) ? PERTURB_NOISE_MEAN
                                                             : PERTURB_NOISE_SAMPLE};
        perturb_args a = {{B, H, W, C},
                          C / 8.f,
                          H / 16.f,
                          .7f,
                          (k < 8 || other || k & 4) && !gaussian ? .9f : INFINITY,
                          1,
                          1,
                          other     ? others[k - 16]
                          : d.noise ? m.noise
                                    : PERTURB_NOISE_NONE,
                          d.scale && !gaussian,
                          k < 8 || other,
                          .1f,
                          k & 8 ? eps : NULL,
                          rng_key(3, RNG_NOISE, 11, 1),
                          .8f};
        engine *e = engine_new();
        add_input(e, H, W, C);
        int node = add_perturb(e, 0, &d);
        CHECK(engine_plan(e, B, H, W, 1, err, sizeof err) == 0, "%s", err);
        if (k & 8) engine_set_eps(e, node, eps);
        engine_wants_input_delta(e, 1);
        engine_begin(e);
        engine_import(e, 0, x);
        run_forward(e, &m);
        engine_import_delta(e, node, r);
        float *scratch = malloc((perturb_scratch_len(a.s, 64) + 1) * sizeof *scratch);
        float *tape = malloc((perturb_tape_len(a.s) + 1) * sizeof *tape), *in = malloc(sizeof x);
        memcpy(in, engine_output(e, 0), sizeof x);
        perturb_forward(want, tape, rm2, rv2, in, phi, &a, scratch);
        act_forward(want, want, N, d.activation);
        CHECK(same(engine_output(e, node), want, N), "perturb forward, case %d", k);
        engine_read(e, NULL);
        CHECK(same(rm, rm2, C * PERTURB_K) && same(rv, rv2, C * PERTURB_K),
              "running statistics, case %d", k);
        /* r to NHWC by the engine itself (test_carry checks that), through the input's buffer. */
        engine *t = engine_new();
        add_input(t, H, W, C);
        CHECK(engine_plan(t, B, H, W, 0, err, sizeof err) == 0, "%s", err);
        engine_import(t, 0, r);
        act_backward(dz, engine_output(t, 0), NULL, want, N, d.activation);
        perturb_backward(want, 0, k != 5 ? dphi2 : NULL, dz, tape, in, phi, &a, scratch);
        run_backward(e, &m);
        engine_export_delta(e, 0, got, 0);
        engine_import(t, 0, got);
        memcpy(wantc, engine_output(t, 0), sizeof wantc);
        CHECK(same(wantc, want, N), "perturb backward, case %d", k);
        engine_read(e, dphi);
        float few[PHI_LEN], few2[PHI_LEN];
        for (int i = 0; i < PHI_LEN; i++) few[i] = (float)dphi[i], few2[i] = (float)dphi2[i];
        CHECK(same(few, few2, PHI_LEN), "dphi, case %d", k);
        double all = 0;
        for (int i = 0; i < PHI_LEN; i++) all += fabs(dphi[i]);
        CHECK(size_of(got, N) > 0 && (k == 5 || gaussian) == (all == 0),
              "dphi is there when asked for, case %d", k);
        free(scratch), free(tape), free(in);
        engine_free(t);
        engine_free(e);
    }
}

static void test_carry(void) {
    static const shape4 shapes[] = {{1, 1, 1, 1},    {2, 3, 5, 1}, {3, 1, 1, 7},
                                    {2, 17, 33, 18}, {1, 5, 4, 3}, {2, 16, 16, 16}};
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
        char err[1024];
        shape4 s = shapes[k];
        size_t len = shape_len(s), bad = 0;
        engine *e = engine_new();
        add_input(e, s.h, s.w, s.c);
        int f = add_foreign(e, (int[]){0}, 1, s.h, s.w, s.c);
        CHECK(engine_plan(e, s.n, s.h, s.w, 1, err, sizeof err) == 0, "%s", err);
        float *x = floats(len, 1, 0), *y = floats(len, 0, 0);
        engine_import(e, 0, x);
        for (int n = 0; n < s.n; n++)
            for (int c = 0; c < s.c; c++)
                for (int h = 0; h < s.h; h++)
                    for (int w = 0; w < s.w; w++) {
                        bad += x[((n * s.c + c) * s.h + h) * s.w + w] !=
                               engine_output(e, 0)[((n * s.h + h) * s.w + w) * s.c + c];
                    }
        CHECK(bad == 0, "shape %zu: %zu values in the wrong place", k, bad);
        engine_export(e, 0, y);
        CHECK(memcmp(x, y, len * sizeof *x) == 0, "shape %zu: round trip", k);
        engine_begin(e);
        engine_import_delta(e, f, x);
        engine_import_delta(e, f, x);
        engine_export_delta(e, f, y, 0);
        engine_export_delta(e, f, y, 1);
        for (size_t i = 0; i < len; i++) bad += y[i] != 4 * x[i];
        CHECK(bad == 0, "shape %zu: deltas do not add", k);
        engine_set_foreign(e, f, s.h + 1, s.w, s.c);
        CHECK(engine_plan(e, s.n, s.h, s.w, 1, err, sizeof err) == 0 &&
                  engine_shape(e, f).h == s.h + 1,
              "foreign resized");
        free(x), free(y);
        engine_free(e);
    }
}

/* All outputs and updates of one training pass, hashed. */
static uint64_t hash_pass(graph *g, engine *e, const float *x, const float *r) {
    uint64_t h = 1469598103934665603u;
    engine_mode m = {.keep = 1, .bn_batch = 1, .theta_grads = 1};
    engine_read(e, NULL);
    for (int i = 1; i < g->n; i++)
        if (g->t[i].nw) memset(g->t[i].p.weight_updates, 0, g->t[i].nw * sizeof(float));
    engine_changed(e, NULL);
    float *dx = pass(g, e, &m, x, r, g->n - 1);
    free(dx);
    engine_read(e, NULL);
    for (int i = 1; i < g->n; i++) {
        const unsigned char *p = (const unsigned char *)engine_output(e, i);
        for (size_t k = 0; k < shape_len(engine_shape(e, i)) * sizeof(float); k++)
            h = (h ^ p[k]) * 1099511628211u;
        p = (const unsigned char *)g->t[i].p.weight_updates;
        for (size_t k = 0; k < g->t[i].nw * sizeof(float); k++) h = (h ^ p[k]) * 1099511628211u;
    }
    return h;
}

static void test_repeat_and_replan(void) {
    char err[1024];
    graph g = small_net("replan");
    engine *e = build(&g, 1);
    float *x = floats(per_image(&g.t[0]) * 9, 1, 0), *r = floats(per_image(&g.t[5]) * 9, 1, 0);
    uint64_t first = hash_pass(&g, e, x, r);
    for (int i = 0; i < 5; i++)
        CHECK(hash_pass(&g, e, x, r) == first, "run %d differs from the first", i);
    size_t bytes = engine_bytes(e);
    const float *where = engine_output(e, 1);
    CHECK(engine_plan(e, 4, 6, 5, 0, err, sizeof err) == 0 &&
              engine_plan(e, 4, 6, 5, 1, err, sizeof err) == 0,
          "%s", err);
    CHECK(engine_bytes(e) == bytes && engine_output(e, 1) == where,
          "switching to inference and back allocates");
    g.batch = 9;
    CHECK(engine_plan(e, 9, 6, 5, 1, err, sizeof err) == 0 && engine_shape(e, 3).n == 9, "%s", err);
    uint64_t nine = hash_pass(&g, e, x, r);
    g.batch = 4;
    CHECK(engine_plan(e, 4, 6, 5, 1, err, sizeof err) == 0, "%s", err);
    CHECK(hash_pass(&g, e, x, r) == first && nine != first, "after another batch size and back");
    engine_free(e);
    e = engine_new();
    for (int i = 0; i < g.n; i++) add_node(e, &g.t[i]);
    CHECK(engine_plan(e, 4, 6, 5, 0, err, sizeof err) == 0 &&
              engine_bytes(e) < (getenv("CUDA_SIM_NO_NHWC") ? bytes : bytes / 2),
          "inference holds training memory");
    CHECK(engine_plan(e, 4, 6, 5, 1, err, sizeof err) == 0, "%s", err);
    CHECK(hash_pass(&g, e, x, r) == first, "a fresh engine differs");
    free(x), free(r);
    drop(&g, e);
}

static void refuse(engine *e, int h, int w, const char *word) {
    char err[1024] = "";
    CHECK(engine_plan(e, 1, h, w, 0, err, sizeof err) == -1 && strstr(err, word),
          "wanted \"%s\", got \"%s\"", word, err);
    engine_free(e);
}

static engine *start(int h, int w, int c) {
    engine *e = engine_new();
    add_input(e, h, w, c);
    return e;
}

static void test_refusals(void) {
    char err[1024];
    float dummy[64] = {0};
    engine_params p = {dummy, dummy, dummy, dummy, dummy, dummy, dummy, dummy};
    engine *e = start(8, 8, 3);
    add_conv(e, 0, &(engine_op){.filters = 4, .size = 3, .stride = 1, .groups = 2, .p = p});
    refuse(e, 8, 8, "groups=2");
    e = start(8, 8, 3);
    add_conv(e, 0,
             &(engine_op){.filters = 4, .size = 5, .stride = 1, .pad = 1, .groups = 1, .p = p});
    refuse(e, 2, 8, "larger picture");
    e = start(8, 8, 3);
    add_maxpool(e, 0, 2, 2, 4);
    refuse(e, 8, 8, "padding=4");
    e = start(8, 8, 3);
    add_maxpool(e, 0, 3, 1, 0);
    refuse(e, 2, 2, "does not fit");
    e = start(8, 8, 3);
    add_maxpool(e, 0, 2, 2, 1);
    add_route(e, (int[]){0, 1}, 2);
    refuse(e, 8, 8, "node 2: a route cannot join");
    e = start(8, 8, 3);
    add_foreign(e, (int[]){0}, 1, 4, 8, 3);
    add_shortcut(e, 0, 1, 1, 1, ACT_LINEAR);
    refuse(e, 8, 8, "same stride");
    e = start(8, 8, 3);
    add_softmax(e, 0, 1, 0);
    refuse(e, 8, 8, "1x1 map");
    e = start(2, 2, 3);
    add_connected(e, 0, 5, 0, ACT_LINEAR, &p);
    CHECK(engine_plan(e, 1, 2, 2, 0, err, sizeof err) == 0, "%s", err);
    refuse(e, 4, 4, "made for 12 inputs");
}
