/* ball.h - what an attack needs of the norms: the ball of radius eps around a picture, the steepest
 * step, a random start.
 *
 * Every function works on d numbers of one picture. PGD: Madry et al., "Towards deep learning
 * models resistant to adversarial attacks", ICLR 2018. The step in L1 goes along the hundredth part
 * of the coordinates with the steepest slope: Tramer and Boneh, "Adversarial training and
 * robustness for multiple perturbations", NeurIPS 2019 (SLIDE). */
#ifndef MP_BALL_H
#define MP_BALL_H
#include "ops/rng.h"
#include <stddef.h>

typedef enum { BALL_LINF, BALL_L2, BALL_L1 } ball_kind;

/* The norm of v. */
double ball_norm(ball_kind k, const float *v, size_t d);

/* delta (+=) a step of length `length` (in the norm) that increases, to first order, what has
 * gradient g. x: the picture, x + delta in [0,1]; in L1 coordinates that the border keeps from
 * moving are passed over. A gradient of zeros: no step. scratch: d floats. */
void ball_step(ball_kind k, float *delta, const float *g, const float *x, size_t d, float length,
               float *scratch);

/* delta (=) the nearest point of the ball of radius eps (Euclidean distance), then x + delta
 * clipped to [0,1], which stays in the ball for x in [0,1]. scratch: d floats. L1: Duchi et al.,
 * ICML 2008, by sorting. */
void ball_project(ball_kind k, float *delta, const float *x, size_t d, float eps, float *scratch);

/* delta (=) a random point of the ball, in [0,1] with x. */
void ball_random(ball_kind k, float *delta, const float *x, size_t d, float eps, rng_stream *r);
#endif
