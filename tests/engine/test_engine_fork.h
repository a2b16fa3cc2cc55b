/* test_engine_fork.h - what AlexeyAB's fork adds: activations, most of which need what they were
 * given for their gradient; strides of rows and columns, dilation, pooling, blurs; weighted sums,
 * learned vectors, maps times factors; part of test_engine.c. */

static void test_input_activations(void) {
    static const act_kind acts[] = {ACT_MISH,  ACT_SWISH, ACT_HARD_MISH,
                                    ACT_RELU6, ACT_GELU,  ACT_REVLEAKY};
    static const int channels[] = {3, 16, 20};
    if (engine_on_gpu()) {
        SKIP("a GPU does not train these yet");
        return;
    }
    for (size_t a = 0; a < sizeof acts / sizeof *acts; a++)
        for (int c = 0; c < 3; c++)
            for (int k = 0; k < 6; k++) {
                char name[64];
                snprintf(name, sizeof name, "%s, %d channels, kind %d", act_name(acts[a]),
                         channels[c], k);
                graph g = {.name = name, .n = 4, .h = 5, .w = 3, .c = 3, .batch = 3, .sample = 24};
                g.t[1] = (tnode)CONV_(0, channels[c], 3, 1, 1, 1, 1, ACT_LINEAR);
                tnode kinds[] = {
                    CONV_(1, 4, 3, 1, 1, 1, 0, 0),
                    CONV_(1, channels[c], 3, 1, 1, 1, 1, 0),
                    {.kind = FC, .in = {1}, .n = 5},
                    {.kind = ADD, .in = {1, 1}, .alpha = 1, .beta = 1},
                    {.kind = ADD, .in = {1, 1}, .alpha = .5f, .beta = -2},
                    {.kind = ACT, .in = {1}},
                };
                g.t[2] = kinds[k];
                g.t[2].act = acts[a];
                g.t[3] = (tnode)CONV_(2, 3, 1, 1, 0, 1, 0, ACT_LINEAR);
                check_graph(g, k % 2, TOL);
            }
}

static void test_fork_nodes(void) {
    static const struct {
        int h, w, c;
        tnode t;
    } cases[] = {
        {7, 9, 3, {.kind = CONV, .n = 4, .size = 3, .stride = 1, .sx = 2, .pad = 1, .bn = 1}},
        {7, 9, 3, {.kind = CONV, .n = 4, .size = 1, .stride = 3, .sx = 1, .act = ACT_LEAKY}},
        {8, 9, 4, {.kind = CONV, .n = 6, .size = 3, .stride = 1, .dil = 2, .pad = 2, .groups = 2}},
        {9, 7, 16, {.kind = CONV, .n = 8, .size = 3, .stride = 2, .dil = 3, .pad = 3, .bn = 1}},
        {9, 11, 2, {.kind = CONV, .n = 3, .size = 5, .stride = 1, .sx = 3, .dil = 2, .pad = 4}},
        {9, 8, 6, {.kind = CONV, .n = 6, .size = 3, .stride = 1, .dil = 2, .pad = 2, .groups = 6}},
        {7, 9, 5, {.kind = MAX, .size = 3, .stride = 1, .sx = 2, .pad = 2}},
        {7, 9, 5, {.kind = MAX, .size = 2, .stride = 2, .sx = 1, .pad = 1}},
        {5, 4, 7, {.kind = MAX, .size = 1, .stride = 1, .own = 2}},
        {5, 4, 7, {.kind = MAX, .size = 1, .stride = 1, .own = 7}},
        {5, 6, 3, {.kind = MAX, .size = 3, .stride = 1, .pad = 2, .zero = 1}},
        {5, 6, 3, {.kind = MAX, .size = 2, .stride = 1, .pad = 1, .zero = 1}},
        {7, 9, 5, {.kind = LOCAL_AVG, .size = 3, .stride = 1, .pad = 2}},
        {7, 9, 5, {.kind = LOCAL_AVG, .size = 2, .stride = 2, .pad = 1}},
        {7, 9, 17, {.kind = LOCAL_AVG, .size = 4, .stride = 3, .sx = 1, .pad = 0}},
        {7, 9, 5, {.kind = BLUR, .size = 3, .stride = 2}},
        {6, 9, 5, {.kind = BLUR, .size = 3, .stride = 1, .sx = 2}},
        {7, 9, 5, {.kind = BLUR, .size = 2, .stride = 2}},
        {1, 2, 3, {.kind = BLUR, .size = 3, .stride = 1}},
        {6, 9, 2, {.kind = REORG, .stride = 3}},
        {4, 6, 5, {.kind = REORG, .stride = 2}},
        {7, 19, 5, {.kind = ACT, .act = ACT_NORM_CHAN}},
        {3, 5, 17, {.kind = ACT, .act = ACT_NORM_CHAN_SOFTMAX}},
        {3, 5, 6, {.kind = ACT, .act = ACT_NORM_CHAN_SOFTMAX_MAXVAL}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int again = 0; again < 2; again++) { /* alone; after another reader of its input */
            char name[80];
            snprintf(name, sizeof name, "test_fork_nodes case %zu", i);
            graph g = {.name = name, .n = 3, .h = cases[i].h, .w = cases[i].w, .c = 3, .batch = 2};
            g.t[1] = (tnode)CONV_(0, cases[i].c, 3, 1, 1, 1, 0, ACT_LINEAR);
            g.t[2] = cases[i].t;
            g.t[2].in[0] = 1;
            if (again) {
                g.t[3] = (tnode){.kind = ACT, .in = {1}, .act = ACT_TANH};
                g.t[4] = (tnode){.kind = AVG, .in = {3}};
                g.t[5] = (tnode){.kind = AVG, .in = {2}};
                g.t[6] = (tnode){.kind = CAT, .in = {4, 5}, .n_in = 2};
                g.n = 7;
            }
            check_graph(g, 1, TOL);
        }
}

static const char *norm_name(sum_norm n) {
    return n == SUM_RELU ? "relu" : n == SUM_SOFTMAX ? "softmax" : "plain";
}

/* Inputs with as many channels, with fewer and with more; one of them twice, or the first again. */
static void test_weighted_sums(void) {
    static const int ins[][3] = {{1, 2, 3}, {3, 4, 1}, {4, 3, 4}, {2, 1, 2}, {1, 0, 2}};
    static const act_kind acts[] = {ACT_LINEAR, ACT_MISH, ACT_LEAKY};
    for (int norm = SUM_PLAIN; norm <= SUM_SOFTMAX; norm++)
        for (int each = 0; each < 2; each++)
            for (size_t k = 0; k < sizeof ins / sizeof *ins; k++) {
                char name[64];
                snprintf(name, sizeof name, "sum %zu, %s%s", k, norm_name((sum_norm)norm),
                         each ? ", each channel" : "");
                graph g = {.name = name, .n = 7, .h = 4, .w = 5, .c = 5, .batch = 3, .sample = 30};
                g.t[1] = (tnode)CONV_(0, 5, 3, 1, 1, 1, 0, ACT_TANH);
                g.t[2] = (tnode)CONV_(0, 5, 1, 1, 0, 1, 1, ACT_LEAKY);
                g.t[3] = (tnode)CONV_(1, 3, 3, 1, 1, 1, 0, ACT_TANH);
                g.t[4] = (tnode)CONV_(2, 7, 1, 1, 0, 1, 0, ACT_LINEAR);
                tnode t = {.kind = SUM, .n_in = 2 + (k < 4), .norm = (sum_norm)norm};
                memcpy(t.in, ins[k], sizeof t.in);
                t.n = each ? t.in[0] == 4 ? 7 : t.in[0] == 3 ? 3 : 5 : 1;
                t.act = acts[k % 3];
                g.t[5] = t;
                g.t[6] = (tnode)CONV_(5, 4, 1, 1, 0, 1, 0, ACT_LINEAR);
                check_graph(g, (int)k % 2, TOL);
            }
    graph one = {.name = "sum of one channel", .n = 4, .h = 4, .w = 5, .c = 5, .batch = 2};
    one.t[1] = (tnode)CONV_(0, 1, 3, 1, 1, 1, 0, ACT_TANH);
    one.t[2] = (tnode)CONV_(0, 1, 3, 1, 1, 1, 0, ACT_TANH);
    one.t[3] = (tnode){.kind = SUM, .in = {1, 2}, .n_in = 2, .n = 1, .norm = SUM_RELU};
    check_graph(one, 0, TOL);
}

static void test_implicit(void) {
    graph g = {.name = "implicit", .n = 9, .h = 4, .w = 5, .c = 3, .batch = 3};
    g.t[1] = (tnode){.kind = IMP, .h = 1, .wd = 1, .c = 3};
    g.t[2] = (tnode){.kind = TIMES, .in = {1, 0}, .act = ACT_LEAKY};
    g.t[3] = (tnode){.kind = AVG, .in = {2}};
    g.t[4] = (tnode){.kind = ADD, .in = {3, 1}};
    g.t[5] = (tnode){.kind = FC, .in = {4}, .n = 6, .act = ACT_TANH};
    g.t[6] = (tnode){.kind = IMP, .h = 3, .wd = 1, .c = 2};
    g.t[7] = (tnode){.kind = FC, .in = {6}, .n = 6, .act = ACT_TANH};
    g.t[8] = (tnode){.kind = ADD, .in = {5, 7}};
    check_graph(g, 0, TOL);
}

/* One factor a channel, one a pixel, one a number. */
static void test_factors(void) {
    for (int k = 0; k < 6; k++) {
        graph g = {.name = k > 2    ? k > 3 ? "a number added to each channel" : "factors last"
                           : k == 0 ? "a factor for each channel"
                           : k == 1 ? "a factor for each pixel"
                                    : "a factor for each number",
                   .n = 5,
                   .h = 4,
                   .w = 5,
                   .c = 3,
                   .batch = 3};
        g.t[1] = (tnode)CONV_(0, 4, 3, 1, 1, 1, 0, ACT_TANH);
        g.t[2] = k == 0 || k > 2 ? (tnode){.kind = AVG, .in = {1}}
                                 : (tnode)CONV_(1, k == 1 ? 1 : 4, 1, 1, 0, 1, 0, ACT_LOGISTIC);
        g.t[3] = (tnode){.kind = TIMES, .in = {2, 1}, .act = ACT_LEAKY, .stride = k > 3};
        if (k == 3 || k == 4) g.t[3].in[0] = 1, g.t[3].in[1] = 2, g.t[3].n = 1;
        g.t[4] = (tnode)CONV_(3, 3, 1, 1, 0, 1, 0, ACT_LINEAR);
        check_graph(g, 0, TOL);
    }
}
