/* test_engine_ref.h - windows, blurs and activations over channels of the second engine; part of
 * test_engine.c. */

/* The largest or the mean of a window. */
static double ref_pool(const tnode *t, const tnode *a, int b, int c, int y, int x) {
    double most = -INFINITY, sum = 0, n = 0;
    for (int j = 0; j < t->size; j++)
        for (int i = 0; i < t->size; i++) {
            int iy = y * t->stride + j - t->pad / 2, ix = x * step_x(t) + i - t->pad / 2;
            if (iy < 0 || ix < 0 || iy >= a->h || ix >= a->wd) continue;
            double v = at(a, b, c, iy, ix);
            most = v > most ? v : most;
            sum += v;
            n++;
        }
    return t->kind == LOCAL_AVG ? sum / n : t->zero && at(a, b, c, y, x) < most ? 0 : most;
}

static double ref_channels(const tnode *t, const tnode *a, int b, int c, int y, int x) {
    double most = 0, sum = 1e-4, v = at(a, b, c, y, x);
    for (int k = 0; k < a->c && t->act == ACT_NORM_CHAN_SOFTMAX_MAXVAL; k++)
        if (!k || at(a, b, k, y, x) > most) most = at(a, b, k, y, x);
    for (int k = 0; k < a->c; k++) {
        double u = at(a, b, k, y, x);
        sum += t->act != ACT_NORM_CHAN ? exp(u - most) : u > 0 ? u : 0;
    }
    return (t->act != ACT_NORM_CHAN ? exp(v - most) : v > 0 ? v : 0) / sum;
}

static double ref_blur(const tnode *t, const tnode *a, int b, int c, int y, int x) {
    static const double three[] = {1, 2, 1}, two[] = {1, 1};
    const double *w = t->size == 3 ? three : two;
    double sum = 0;
    for (int j = 0; j < t->size; j++)
        for (int i = 0; i < t->size; i++) {
            int iy = y * t->stride + j - (t->size == 3), ix = x * step_x(t) + i - (t->size == 3);
            if (iy >= 0 && ix >= 0 && iy < a->h && ix < a->wd)
                sum += w[j] * w[i] * at(a, b, c, iy, ix) / (t->size == 3 ? 16 : 4);
        }
    return sum;
}
