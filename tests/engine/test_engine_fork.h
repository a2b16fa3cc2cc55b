/* test_engine_fork.h - activations of AlexeyAB's fork, most of which need what they were given for
 * their gradient; part of test_engine.c. */

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
