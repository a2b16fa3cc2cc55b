/* sample.h - from pixels to floats: resizing, cropping, turning, colours. Pure functions; inside
 * the room only.
 *
 * Planar output: X is (c, h, w) floats. A picture with another number of channels than c is
 * converted: gray is repeated, RGB becomes .299 R + .587 G + .114 B. */
#ifndef MP_DATA_SAMPLE_H
#define MP_DATA_SAMPLE_H
#include "data/batch.h"
#include "ops/rng.h"

typedef struct {
    int x, y, w, h;
} sample_box;
static inline sample_box sample_whole(const raster *r) { return (sample_box){0, 0, r->w, r->h}; }
sample_box sample_centre_square(const raster *r);
/* Where r lies in w x h when it is letterboxed. */
sample_box sample_letterboxed(const raster *r, int w, int h);

/* Part `from` of r, bilinear, corners on corners, into w x h pixels of a picture X with planes of
 * `plane` and rows of `row` floats. As Darknet's resize_image, but for its last row, which that
 * loses at some sizes (2 -> 42 rows, for one). */
void sample_resize(float *X, size_t plane, size_t row, const raster *r, sample_box from, int w,
                   int h, int c);

/* A picture fitted to w x h, in bytes, rounded: out is (h, w, c). */
void sample_fit_bytes(unsigned char *out, const raster *r, image_fit fit, int w, int h, int c);
/* w and h of r as it would be on gray, of the shape of w x h and as small as it can be. */
void sample_gray_shape(raster *r, int w, int h);

/* A (h, w, c) picture shifted by (dx, dy), black where nothing is left, then mirrored if flip. */
void sample_shift(float *X, const unsigned char *px, int w, int h, int c, int dx, int dy, int flip);

/* Darknet's rotate_crop_image, then mirrored if flip: the output pixel (x,y) shows what lies at
 *   turn by rad ((x - w/2 + dx) * aspect / scale, (y - h/2 + dy) / scale) + centre of r;  t.outside
 * (0: black) outside r. */
typedef struct {
    float rad, scale, dx, dy, aspect, outside;
} sample_turn;
void sample_rotate_crop(float *X, const raster *r, sample_turn t, int w, int h, int c, int flip);

/* Darknet's distort_image on (3, n): hue added, saturation and value multiplied, all kept in [0,1].
 */
void sample_distort(float *X, size_t n, float hue, float saturation, float exposure);

/* (c, n) pixels: Darknet's random_distort_image, of gray pictures only the exposure. Limits as in
 * augment (batch.h). */
void sample_random_colours(float *X, size_t n, int c, float most_hue, float most_saturation,
                           float most_exposure, rng_stream *rng);

/* Darknet's place_image: r scaled bilinearly to at.w x at.h and laid at (at.x, at.y) on gray 0.5;
 * what reaches out of w x h is cut off; then mirrored if flip. */
void sample_place(float *X, int w, int h, int c, const raster *r, sample_box at, int flip);

/* (c, h, w) pixels blurred by a Gaussian of `kernel` x `kernel` taps (odd), edges repeated; the
 * deviation is OpenCV's, .3 ((kernel - 1)/2 - 1) + .8. work: as many floats. */
void sample_blur(float *X, int w, int h, int c, int kernel, float *work);
/* Normal noise of deviation sd, kept in [0,1]. */
void sample_noise(float *X, size_t n, float sd, rng_stream *rng);

/* A square of `side` pixels about a random pixel, as far as it lies in the picture, becomes gray
 * 0.5. */
void sample_cutout(float *X, int w, int h, int c, int side, rng_stream *rng);

/* One image for training, as `a` asks for, but for its cutout. small: the picture fitted to w x h,
 * only read with a->crop_pad >= 0. */
void sample_augment(float *X, const raster *r, const unsigned char *small, const augment *a,
                    rng_stream *rng);
#endif
