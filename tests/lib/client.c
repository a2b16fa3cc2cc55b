/* client.c - a program that uses libdarknet.so and knows nothing of metaperturb: the plug-in must
 * work under it by LD_PRELOAD.
 *
 *   client CFG WEIGHTS IMAGE          prints the network's outputs for the image, one a line
 *   client train CFG WEIGHTS IMAGE    then takes three training steps on that image as class 0, and
 * prints the losses */
#include <darknet.h>

int main(int argc, char **argv) {
    int train = argc > 1 && !strcmp(argv[1], "train");
    argv += train;
    if (argc - train != 4) return 2;
    network *net = load_network(argv[1], argv[2][0] == '-' ? NULL : argv[2], 0);
    image im = load_image_color(argv[3], 0, 0);
    image fit = letterbox_image(im, net->w, net->h);
    if (!train) set_batch_network(net, 1);
    float *X = calloc((size_t)net->inputs * (size_t)net->batch, sizeof(float));
    for (int b = 0; b < net->batch; b++)
        memcpy(X + (size_t)b * (size_t)net->inputs, fit.data, sizeof(float) * (size_t)net->inputs);
    float *p = network_predict(net, X);
    for (int k = 0; k < net->outputs; k++) printf("%.6f\n", (double)p[k]);
    for (int s = 0; train && s < 3; s++) {
        memcpy(net->input, X, sizeof(float) * (size_t)net->inputs * (size_t)net->batch);
        for (int b = 0; b < net->batch; b++)
            for (int k = 0; k < net->truths; k++) net->truth[b * net->truths + k] = k == 0;
        printf("loss %.6f\n", (double)(train_network_datum(net) / (float)net->batch));
    }
    if (train) save_weights(net, "client.weights");
    free(X);
    free_image(im);
    free_image(fit);
    free_network(net);
    return 0;
}
