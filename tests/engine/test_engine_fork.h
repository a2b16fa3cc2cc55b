/* test_engine_fork.h - what AlexeyAB's fork adds: activations, most of which need what they were
 * given for their gradient; strides of rows and columns, dilation, pooling, blurs; part of
 * test_engine.c. */

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
