/* test_engine_cases.h - the cases of test_engine.c; included there once, split for length only. */

#define CONV_(in_, n_, k_, s_, p_, g_, bn_, a_) \
    {.kind = CONV,                              \
     .in = {in_},                               \
     .n = n_,                                   \
     .size = k_,                                \
     .stride = s_,                              \
     .pad = p_,                                 \
     .groups = g_,                              \
     .bn = bn_,                                 \
     .act = a_}

static void test_linear(void) {
    static const struct {
        int h, w, c, batch;
        tnode t;
    } cases[] = {
        {7, 5, 3, 2, CONV_(0, 4, 3, 1, 1, 1, 0, ACT_LEAKY)},
        {7, 5, 3, 2, CONV_(0, 4, 3, 1, 1, 1, 1, ACT_RELU)},
        {6, 9, 4, 3, CONV_(0, 6, 3, 2, 1, 2, 1, ACT_LEAKY)},
        {5, 5, 6, 2, CONV_(0, 6, 3, 1, 1, 6, 1, ACT_LINEAR)},
        {8, 6, 5, 2, CONV_(0, 7, 1, 2, 0, 1, 1, ACT_RELU)},
        {7, 7, 3, 2, CONV_(0, 2, 1, 2, 1, 1, 0, ACT_LINEAR)},
        {9, 8, 1, 2, CONV_(0, 1, 5, 3, 2, 1, 0, ACT_TANH)},
        {9, 8, 1, 2, CONV_(0, 1, 5, 3, 2, 1, 1, ACT_LOGISTIC)},
        {2, 3, 2, 2, CONV_(0, 3, 5, 1, 2, 1, 1, ACT_LEAKY)},
        {1, 1, 3, 1, CONV_(0, 2, 1, 1, 0, 1, 0, ACT_ELU)},
        {1, 1, 1, 1, CONV_(0, 1, 3, 1, 1, 1, 0, ACT_LINEAR)},
        {1, 1, 3, 1, CONV_(0, 2, 3, 1, 1, 1, 1, ACT_RELIE)},
        {4, 4, 16, 2, CONV_(0, 16, 3, 1, 1, 1, 1, ACT_RELU)},
        {5, 4, 17, 2, CONV_(0, 33, 1, 1, 0, 1, 1, ACT_RELU)},
        {5, 6, 16, 1, CONV_(0, 32, 3, 2, 1, 1, 1, ACT_LINEAR)},
        {7, 7, 4, 2, CONV_(0, 4, 2, 2, 0, 2, 0, ACT_LOGGY)},
        {6, 7, 2, 2, CONV_(0, 3, 4, 3, 1, 1, 1, ACT_RAMP)},
        {11, 6, 8, 2, CONV_(0, 5, 3, 2, 0, 1, 0, ACT_HARDTAN)},
        {8, 8, 16, 2, CONV_(0, 24, 1, 2, 0, 1, 0, ACT_LEAKY)},
        {3, 5, 4, 4, {.kind = FC, .in = {0}, .n = 6, .act = ACT_LEAKY}},
        {3, 5, 4, 7, {.kind = FC, .in = {0}, .n = 5, .bn = 1, .act = ACT_RELU}},
        {1, 1, 20, 9, {.kind = FC, .in = {0}, .n = 10, .act = ACT_LINEAR}},
        {1, 1, 7, 1, {.kind = FC, .in = {0}, .n = 1, .act = ACT_TANH}},
        {2, 2, 1, 9, {.kind = FC, .in = {0}, .n = 17, .bn = 1, .act = ACT_TANH}},
        {5, 3, 3, 2, {.kind = BN, .in = {0}}},
        {1, 1, 16, 6, {.kind = BN, .in = {0}}},
        {9, 7, 1, 3, {.kind = BN, .in = {0}}},
        {4, 5, 24, 3, {.kind = BN, .in = {0}}},
        /* Large enough for oneDNN's other kernels and for all threads. */
        {20, 20, 16, 2, CONV_(0, 32, 3, 2, 1, 1, 1, ACT_RELU)},
        {16, 16, 32, 2, CONV_(0, 64, 1, 2, 0, 1, 1, ACT_LEAKY)},
        {33, 31, 3, 2, CONV_(0, 16, 3, 1, 1, 1, 0, ACT_LEAKY)},
        {14, 14, 32, 2, CONV_(0, 32, 3, 1, 1, 32, 1, ACT_RELU)},
        {12, 12, 24, 2, CONV_(0, 48, 3, 1, 1, 3, 0, ACT_LINEAR)},
        {7, 7, 64, 3, {.kind = FC, .in = {0}, .n = 40, .act = ACT_RELU}},
        /* So many rows that a device adds them up in four stages, the last of each not full. */
        {97, 89, 1, 1, {.kind = BN, .in = {0}}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[80];
        graph g = {.name = name,
                   .n = 2,
                   .h = cases[i].h,
                   .w = cases[i].w,
                   .c = cases[i].c,
                   .batch = cases[i].batch};
        g.t[1] = cases[i].t;
        snprintf(name, sizeof name, "test_linear case %zu (%dx%dx%d, batch %d)", i, g.h, g.w, g.c,
                 g.batch);
        g.sample = g.h * g.w * g.c > 1500 ? 24 : 0;
        check_graph(g, 1, TOL);
        check_graph(g, 0, TOL);
    }
}

static void test_others(void) {
    static const struct {
        int h, w, c, batch;
        tnode t;
    } cases[] = {
        {6, 6, 3, 2, {.kind = MAX, .size = 2, .stride = 2, .pad = 1}},
        {7, 5, 17, 2, {.kind = MAX, .size = 2, .stride = 2, .pad = 1}},
        {5, 7, 2, 1, {.kind = MAX, .size = 2, .stride = 1, .pad = 1}},
        {7, 7, 4, 2, {.kind = MAX, .size = 3, .stride = 2, .pad = 2}},
        {1, 1, 3, 2, {.kind = MAX, .size = 2, .stride = 2, .pad = 1}},
        {6, 9, 1, 1, {.kind = MAX, .size = 3, .stride = 3, .pad = 0}},
        {3, 3, 2, 1, {.kind = MAX, .size = 5, .stride = 1, .pad = 4}},
        {8, 6, 3, 1, {.kind = MAX, .size = 4, .stride = 3, .pad = 3}},
        {5, 3, 70, 2, {.kind = AVG}},
        {1, 1, 1, 1, {.kind = AVG}},
        {9, 8, 3, 1, {.kind = AVG}},
        {3, 2, 5, 2, {.kind = UP, .stride = 2, .scale = 1}},
        {2, 3, 1, 1, {.kind = UP, .stride = 3, .scale = .5f}},
        {4, 4, 3, 2, {.kind = UP, .stride = 1, .scale = 1}},
        {5, 3, 3, 2, {.kind = ACT, .act = ACT_TANH}},
        {4, 3, 2, 2, {.kind = ACT, .act = ACT_LEAKY}},
        {3, 3, 2, 2, {.kind = CAT, .n_in = 2}},
        {3, 4, 2, 2, {.kind = ADD, .act = ACT_RELU}},
        {3, 4, 2, 2, {.kind = ADD, .act = ACT_LOGISTIC}},
        {3, 4, 2, 2, {.kind = ADD, .alpha = .5f, .beta = -2, .act = ACT_LEAKY}},
        {3, 4, 2, 2, {.kind = ADD, .alpha = 0, .beta = .25f, .act = ACT_TANH}},
        {3, 4, 2, 2, {.kind = ADD, .alpha = 1.5f, .beta = 1, .act = ACT_LINEAR}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[80];
        graph g = {.name = name,
                   .n = 2,
                   .h = cases[i].h,
                   .w = cases[i].w,
                   .c = cases[i].c,
                   .batch = cases[i].batch};
        g.t[1] = cases[i].t;
        snprintf(name, sizeof name, "test_others case %zu (%dx%dx%d, batch %d)", i, g.h, g.w, g.c,
                 g.batch);
        check_graph(g, 1, TOL);
    }
    /* Darknet's shortcut between unequal maps: `from` larger, smaller, with fewer and with more
     * channels. */
    for (int k = 0; k < 16; k++) {
        graph g = {.name = k < 8 ? "unequal shortcut" : "weighted unequal shortcut",
                   .n = 4,
                   .h = 6,
                   .w = 8,
                   .c = 3,
                   .batch = 2};
        g.t[1] = (tnode)CONV_(0, k & 1 ? 5 : 2, 3, k & 4 ? 1 : 2, 1, 1, 0, ACT_LINEAR);
        g.t[2] = (tnode)CONV_(0, 3, 3, 1, 1, 1, 0, ACT_LEAKY);
        g.t[3] = (tnode){.kind = ADD,
                         .in = {k & 2 ? 1 : 2, k & 2 ? 2 : 1},
                         .act = k & 1 ? ACT_LEAKY : ACT_TANH,
                         .alpha = k & 8 ? .7f : 1,
                         .beta = k & 8 ? -1.3f : 1};
        check_graph(g, 1, TOL);
    }
}

/* One output read by a route, a shortcut, a 1x1 convolution (and by pooling, upsampling, batch norm
 * ...) in every order of the readers: the first writes the delta, the others add, whatever their
 * kind. */
static void test_deltas(void) {
    static const tnode readers[] = {
        CONV_(1, 3, 1, 1, 0, 1, 0, ACT_LEAKY),
        {.kind = ADD, .in = {1, 0}, .act = ACT_RELU},
        {.kind = CAT, .in = {1, 1}, .n_in = 2},
        {.kind = MAX, .in = {1}, .size = 3, .stride = 1, .pad = 2},
        {.kind = BN, .in = {1}},
        {.kind = ACT, .in = {1}, .act = ACT_TANH},
        {.kind = UP, .in = {1}, .stride = 1, .scale = 2},
        CONV_(1, 2, 3, 1, 1, 1, 1, ACT_RELU),
        {.kind = ADD, .in = {0, 1}, .alpha = -.5f, .beta = 2, .act = ACT_TANH},
    };
    static const int perm[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                   {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (int set = 0; set < 9; set += 3)
        for (int p = 0; p < 6; p++) {
            char name[80];
            snprintf(name, sizeof name, "test_deltas readers %d.. order %d", set, p);
            graph g = {.name = name, .n = 6, .h = 4, .w = 5, .c = 3, .batch = 2};
            g.t[1] = (tnode)CONV_(0, 3, 3, 1, 1, 1, 1, ACT_LEAKY);
            for (int i = 0; i < 3; i++) g.t[2 + i] = readers[set + perm[p][i]];
            g.t[5] = (tnode){.kind = CAT, .in = {2, 3, 4}, .n_in = 3};
            check_graph(g, 1, TOL);
        }
    graph g = {.name = "dense and average readers", .n = 5, .h = 4, .w = 4, .c = 2, .batch = 3};
    g.t[1] = (tnode)CONV_(0, 4, 3, 1, 1, 1, 0, ACT_TANH);
    g.t[2] = (tnode){.kind = FC, .in = {1}, .n = 3, .act = ACT_LEAKY};
    g.t[3] = (tnode){.kind = AVG, .in = {1}};
    g.t[4] = (tnode){.kind = CAT, .in = {2, 3}, .n_in = 2};
    check_graph(g, 1, TOL);
}

static graph small_net(const char *name) {
    graph g = {.name = name, .n = 6, .h = 6, .w = 5, .c = 3, .batch = 4};
    g.t[1] = (tnode)CONV_(0, 8, 3, 1, 1, 1, 1, ACT_RELU);
    g.t[2] = (tnode)CONV_(1, 8, 3, 1, 1, 1, 1, ACT_LINEAR);
    g.t[3] = (tnode){.kind = ADD, .in = {2, 1}, .act = ACT_RELU};
    g.t[4] = (tnode){.kind = MAX, .in = {3}, .size = 2, .stride = 2, .pad = 1};
    g.t[5] = (tnode){.kind = FC, .in = {4}, .n = 5, .act = ACT_LINEAR};
    return g;
}

/* A sum passes its delta on by sharing: every activation before it and behind it. */
static void test_sums(void) {
    static const act_kind acts[] = {ACT_LINEAR, ACT_LEAKY, ACT_RELU, ACT_TANH};
    static const int channels[] = {3, 16, 20};
    for (int a = 0; a < 4; a++)
        for (int s = 0; s < 4; s++)
            for (int c = 0; c < 3; c++) {
                graph g = {.name = "sum", .n = 5, .h = 4, .w = 3, .c = 3, .batch = 3, .sample = 24};
                g.t[1] = (tnode)CONV_(0, channels[c], 3, 1, 1, 1, 1, ACT_LEAKY);
                g.t[2] = (tnode)CONV_(1, channels[c], 3, 1, 1, 1, 1, 0);
                g.t[2].act = acts[a];
                g.t[3] = (tnode){.kind = ADD, .in = {2, 1}, .act = acts[s]};
                g.t[4] = (tnode)CONV_(3, 4, 1, 1, 0, 1, 0, ACT_LEAKY);
                check_graph(g, (a + s + c) % 2, TOL);
            }
}

/* One pass with r as the last delta; returns the input's delta (malloc'd). */
static float *pass(graph *g, engine *e, const engine_mode *m, const float *x, const float *r,
                   int from) {
    float *dx = floats(per_image(&g->t[0]) * (size_t)g->batch, 0, 0);
    engine_begin(e);
    engine_import(e, 0, x);
    run_forward(e, m);
    engine_import_delta(e, from, r);
    run_backward(e, m);
    engine_export_delta(e, 0, dx, 0);
    return dx;
}

static double size_of(const float *p, size_t n) {
    double s = 0;
    for (size_t i = 0; i < n; i++) s += fabs(p[i]);
    return s;
}

static void test_modes(void) {
    graph g = small_net("modes");
    engine *e = build(&g, 1);
    engine_mode m = {.keep = 1, .theta_grads = 1};
    size_t in = per_image(&g.t[0]) * (size_t)g.batch, out = per_image(&g.t[5]) * (size_t)g.batch;
    float *x = floats(in, 1, 0), *r = floats(out + 4000, 1, 0);
    float *none = pass(&g, e, &m, x, r, 5);
    CHECK(size_of(none, in) == 0, "the input's delta is not computed unless wanted");
    CHECK(engine_wants_input_delta(e, 1) == 0 && engine_wants_input_delta(e, 1) == 1,
          "old setting");
    float *full = pass(&g, e, &m, x, r, 5);
    CHECK(size_of(full, in) > 0, "asked for after the plan");
    engine_read(e, NULL);
    for (int i = 1; i < g.n; i++)
        if (g.t[i].nw) memset(g.t[i].p.weight_updates, 0, g.t[i].nw * sizeof(float));
    memset(g.t[1].p.scale_updates, 0, 8 * sizeof(float));
    memset(g.t[5].p.bias_updates, 0, 5 * sizeof(float));
    engine_changed(e, NULL);
    m.theta_grads = 0;
    float *frozen = pass(&g, e, &m, x, r, 5);
    CHECK(memcmp(full, frozen, in * sizeof *full) == 0, "frozen parameters change the delta");
    engine_read(e, NULL);
    CHECK(size_of(g.t[1].p.weight_updates, g.t[1].nw) +
                  size_of(g.t[5].p.weight_updates, g.t[5].nw) + size_of(g.t[1].p.scale_updates, 8) +
                  size_of(g.t[5].p.bias_updates, 5) ==
              0,
          "theta_grads=0 left updates");
    /* A delta given in the middle: later nodes have none and stay untouched. */
    m.theta_grads = 1;
    float *middle = pass(&g, e, &m, x, r, 3);
    engine_read(e, NULL);
    CHECK(size_of(g.t[5].p.weight_updates, g.t[5].nw) == 0,
          "the connected layer behind the delta was touched");
    CHECK(size_of(g.t[2].p.weight_updates, g.t[2].nw) > 0 && size_of(middle, in) > 0,
          "nodes before it were not");
    float *late = floats(out, 1, 0), *sum = malloc(out * sizeof *sum);
    memcpy(sum, late, out * sizeof *sum);
    engine_export_delta(e, 5, sum, 1);
    CHECK(memcmp(sum, late, out * sizeof *sum) == 0, "adding an unwritten delta");
    engine_export_delta(e, 5, sum, 0);
    CHECK(size_of(sum, out) == 0, "an unwritten delta reads as zero");
    free(x), free(r), free(none), free(full), free(frozen), free(middle), free(late), free(sum);
    drop(&g, e);
}

static void test_fold(void) {
    for (int a = 0; a < ACT_COUNT && !act_over_channels((act_kind)a); a++)
        for (int fc = 0; fc < 2; fc++) {
            graph g = {.name = act_name((act_kind)a), .n = 2, .h = 6, .w = 5, .c = 3, .batch = 2};
            g.t[1] = (tnode)CONV_(0, 9, 3, 1, 1, 1, 1, 0);
            g.t[1].act = (act_kind)a;
            if (fc) g.t[1].kind = FC;
            engine *e = build(&g, 1);
            size_t len = per_image(&g.t[1]) * (size_t)g.batch,
                   in = per_image(&g.t[0]) * (size_t)g.batch;
            float *x = floats(in, 1, 0), *y = malloc(len * sizeof *y);
            for (int round = 0; round < 3; round++) {
                engine_mode keep = {.keep = 1}, fold = {0};
                engine_import(e, 0, x);
                run_forward(e, &keep);
                engine_export(e, 1, y);
                double *want = doubles(y, len);
                run_forward(e, &fold);
                engine_export(e, 1, y);
                double err = t_rel(y, want, len);
                /* A stair has jumps: a value on the edge may fall to either side. */
                if (a != ACT_STAIR)
                    CHECK(err <= TOL, "folded %s differs by %g (round %d)", g.name, err, round);
                free(want);
                if (round == 1) { /* a pass in training moves the rolling statistics: no word from
                                     the caller */
                    engine_mode train = {.keep = 1, .bn_batch = 1};
                    run_forward(e, &train);
                    continue;
                }
                engine_read(e, NULL);
                g.t[1].p.weights[0] += 1, g.t[1].p.scales[1] *= 2,
                    g.t[1].p.rolling_variance[2] += 3;
                engine_changed(e, NULL);
            }
            free(x), free(y);
            drop(&g, e);
        }
}

/* mean / sd = 3000, and a first row that is nothing like the rest. The reference gets the same
 * float inputs.
 */
static void test_far_mean(void) {
    for (int k = 0; k < 4; k++) {
        graph g = {.name = "far mean",
                   .n = 2,
                   .h = k > 1 ? 90 : 9,
                   .w = k > 1 ? 80 : 7,
                   .c = k == 2 ? 19 : 3,
                   .batch = 3};
        g.t[1] = (tnode){.kind = BN};
        engine *e = build(&g, 1);
        size_t len = per_image(&g.t[0]) * (size_t)g.batch;
        float *x = floats(len, 1, k & 1 ? 0 : 3000), *r = floats(len, 1, 0),
              *dx = malloc(len * sizeof *dx);
        size_t map = (size_t)(g.h * g.w);
        if (k & 1) x[0] = x[map] = x[2 * map] = 5000;
        free(g.t[0].y);
        g.t[0].y = doubles(x, len);
        engine_mode m = {.keep = 1, .bn_batch = 1, .theta_grads = 1};
        engine_wants_input_delta(e, 1);
        engine_begin(e);
        engine_import(e, 0, x);
        run_forward(e, &m);
        engine_import_delta(e, 1, r);
        run_backward(e, &m);
        engine_read(e, NULL);
        ref_forward(&g, 0, 2);
        check_outputs(&g, e, TOL);
        CHECK(t_rel(g.t[1].p.rolling_variance, g.t[1].rv, (size_t)g.c) <= TOL,
              "rolling variance, far mean %d", k);
        engine_export_delta(e, 0, dx, 0);
        /* The exact gradient, from the reference's own statistics: dx = k*(r - mean(r) -
         * xh*mean(r*xh)). */
        size_t hw = (size_t)g.h * (size_t)g.w, im = per_image(&g.t[0]);
        double *want = calloc(len, sizeof *want), n = (double)hw * g.batch;
        for (int c = 0; c < g.c; c++) {
            double mr = 0, mx = 0, mean = 0, var = 0;
            for (size_t i = 0; i < len; i++)
                if ((int)(i % im / hw) == c) mean += g.t[0].y[i] / n;
            for (size_t i = 0; i < len; i++)
                if ((int)(i % im / hw) == c) var += pow(g.t[0].y[i] - mean, 2) / n;
            double inv = 1 / sqrt(var + 1e-5);
            for (size_t i = 0; i < len; i++)
                if ((int)(i % im / hw) == c) {
                    mr += r[i] / n;
                    mx += r[i] * (g.t[0].y[i] - mean) * inv / n;
                }
            for (size_t i = 0; i < len; i++)
                if ((int)(i % im / hw) == c) {
                    want[i] = g.t[1].g[c] * inv * (r[i] - mr - (g.t[0].y[i] - mean) * inv * mx);
                }
        }
        double err = t_rel(dx, want, len);
        CHECK(err <= TOL, "far mean %d: delta off by %g", k, err);
        free(x), free(r), free(dx), free(want);
        drop(&g, e);
    }
}
