/* theta.h - all that a network learns, theta, as one array: for looking at a loss from another
 * place and coming back. */
#ifndef MP_THETA_H
#define MP_THETA_H
#include <darknet.h>

/* Weights, biases and scales of every layer that the engine trains; floats. */
size_t host_theta_len(const network *net);
void host_theta_get(const network *net, float *to);
void host_theta_set(network *net, const float *from);

/* Running statistics, of batch norm and [perturb], that the layers hold; floats. */
size_t host_running_len(const network *net);
void host_running_get(const network *net, float *to);
void host_running_set(network *net, const float *from);

/* way (=) P v: v is the gradient that the layers' updates hold (minus it, summed over the images of
 * a step; they are cleared), P how Adam's last step scaled a gradient: learning_rate= of the layer
 * / (sqrt(second moment) + eps), 0 where a layer takes no step yet. Returns the L2 norm. A network
 * that Adam trains; one that has taken a step. */
double host_theta_way(network *net, float *way);
/* If the gradient of the last step and those of the steps-1 after it had been larger by g, theta
 * would lie further by minus this much of P g, second moments held: the rate times what momentum
 * lets through, (1 - B1) / (1 - B1^t) of the gradient for one step, nearly `steps` for many. */
double host_theta_reach(network *net, int steps);
#endif
