/* phi_tool.c - see phi_tool.h; the pictures are in phi_plot.c. */
#include "tools/phi_tool.h"
#include "host/phi.h"
#include "tools/phi_import.h"
#include "tools/phi_measure.h"
#include "train/report.h"
#include <math.h>

static const char *const kernel_names[] = {"e1_self",  "e1_all",   "e2_self",  "e2_all",
                                           "kernel 1", "kernel 2", "kernel 3", "kernel 4"};

static void show_kernels(const float *phi, int from) {
    for (int k = from; k < from + 4; k++) {
        double sum = 0;
        for (int i = 0; i < 9; i++) sum += (double)phi[9 * k + i];
        char name[64];
        snprintf(name, sizeof name, "%s, sum %.4f", kernel_names[k], sum);
        printf("%-32s", name);
    }
    printf("\n");
    for (int y = 0; y < 3; y++) {
        for (int k = from; k < from + 4; k++) {
            for (int x = 0; x < 3; x++) printf("%9.5f", (double)phi[9 * k + 3 * y + x]);
            printf("     ");
        }
        printf("\n");
    }
}

static void show_values(const float *phi) {
    printf("noise, alpha = E2(relu(E1(x))):\n");
    show_kernels(phi, 0);
    printf("scale, s = sigmoid(w . [mean f, variance f, C/C_norm, H/H_norm]):\n");
    show_kernels(phi, 4);
    for (int k = 0; k < 10; k++) {
        char name[16] = "C";
        if (k == 9)
            strcpy(name, "H");
        else if (k < 8)
            snprintf(name, sizeof name, "%s %d", k < 4 ? "mean" : "var", k % 4 + 1);
        printf("  w %s %.5f%s", name, (double)phi[PHI_W + k], k == 4 || k == 9 ? "\n" : "");
    }
    for (int v = 0; v <= 4; v += 2) {
        noise_moments z = phi_noise(phi_flat_alpha(phi, v, v));
        printf("a flat map of %d: E[z] %.4f, sd[z]/E[z] %.4f, s %.4f\n", v, z.mean, z.sd / z.mean,
               phi_flat_scale(phi, v, 1, 1));
    }
}

static void show_measured(const phi_measured *m, cJSON *j) {
    cJSON *list = cJSON_AddArrayToObject(j, "layers");
    printf("%d images, training mode:\nlayer        map   mean s E[z]   sd[z]/E[z]   scale s "
           "(least, most)\n",
           m->images);
    for (int k = 0; k < m->layers; k++) {
        const phi_layer *l = &m->layer[k];
        char map[64];
        snprintf(map, sizeof map, "%dx%dx%d", l->w, l->h, l->c);
        printf("%5d %10s %13.4f %12.4f   %.4f (%.4f, %.4f)\n", l->layer, map, l->multiplier,
               l->noise, l->scale, l->scale_min, l->scale_max);
        cJSON *o = cJSON_CreateObject();
        cJSON_AddNumberToObject(o, "layer", l->layer);
        cJSON_AddNumberToObject(o, "channels", l->c);
        cJSON_AddNumberToObject(o, "height", l->h);
        cJSON_AddNumberToObject(o, "multiplier", l->multiplier);
        cJSON_AddNumberToObject(o, "noise", l->noise);
        cJSON_AddNumberToObject(o, "scale", l->scale);
        cJSON_AddItemToArray(list, o);
    }
    printf(" mean            %13.4f %12.4f\n", m->multiplier, m->noise);
    cJSON_AddNumberToObject(j, "multiplier", m->multiplier);
    cJSON_AddNumberToObject(j, "noise", m->noise);
}

int phi_show(const session_args *a, char *err) {
    float phi[PHI_LEN];
    phi_measured m = {0};
    if (phi_read(a->phi, phi, err)) return -1;
    int bad = a->cfg ? phi_measure(a, &m, err) : 0;
    if (!bad) {
        cJSON *j = cJSON_CreateObject(), *values = cJSON_AddArrayToObject(j, "phi");
        for (int k = 0; k < PHI_LEN; k++)
            cJSON_AddItemToArray(values, cJSON_CreateNumber((double)phi[k]));
        show_values(phi);
        if (a->cfg) show_measured(&m, j);
        bad = report_json(a->json, j, err);
        cJSON_Delete(j);
    }
    phi_measured_free(&m);
    return bad;
}

int phi_convert(const char *from, const char *to, char *err) {
    float phi[PHI_LEN];
    char note[ERR_LEN];
    if (phi_import(from, phi, err)) return -1;
    snprintf(note, sizeof note, "imported from %.200s", path_name(from));
    if (phi_write(to, phi, note, err)) return -1;
    printf("%s: 82 numbers of %s\n", to, from);
    return 0;
}
