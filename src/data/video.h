/* video.h - videos, frame by frame: files, addresses (rtsp://..., http://...) and cameras, by
 * OpenCV. */
#ifndef MP_VIDEO_H
#define MP_VIDEO_H
#include "data/dataset.h"

typedef struct video video;
/* name: a file or an address; a number, or /dev/video and a number: that camera. NULL and err: no
 * such file or camera, nothing that can be decoded, or this build has no OpenCV. */
video *video_open(const char *name, char *err);
/* 1: *r is the next frame (RGB; the video keeps its pixels, until the next call), which may be
 * drawn on. 0: there is none. */
int video_read(video *v, raster *r);
void video_close(video *v);
int video_is_camera(const video *v);
double video_rate(const video *v); /* frames a second; 0: not known */
long video_frames(const video *v); /* 0: not known; of some files an estimate */

/* A video that is whole or not there at all: H.264 or MPEG-4 in .mp4, Motion JPEG in .avi. */
typedef struct video_out video_out;
/* Before anything is opened: does the path end in .mp4 or .avi? 0, or -1 and err. */
int video_out_check(const char *path, char *err);
/* Sides must be even in most formats: of odd ones the last column and row are repeated. */
video_out *video_out_open(const char *path, int w, int h, double rate, char *err);
int video_out_write(video_out *o, const raster *r, char *err);
/* Ends the file and gives it its name. 0, or -1 and err: it could not be written whole. */
int video_out_close(video_out *o, char *err);
void video_out_abort(video_out *o); /* NULL: nothing */
#endif
