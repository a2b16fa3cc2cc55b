/* video_opencv.h - what video.c asks of OpenCV, whose C++ is a library of its own,
 * metaperturb-video.so: no other command loads it. */
#ifndef MP_VIDEO_OPENCV_H
#define MP_VIDEO_OPENCV_H

/* rate: frames a second, 0: not known; frames: how many, 0: not known. */
typedef struct {
    double rate;
    long frames;
} video_facts;

/* Nothing here prints. A file or an address, or with camera >= 0 the camera of that number. */
typedef struct {
    /* NULL: cannot be opened, or nothing in it can be decoded. */
    void *(*open)(const char *name, int camera, video_facts *facts);
    /* 1: *rgb is the next frame, w x h, valid until the next call; 0: there is none. */
    int (*read)(void *video, int *w, int *h, unsigned char **rgb);
    void (*close)(void *video);
    /* codec: four letters. NULL: not to be had, or the file cannot be written. */
    void *(*create)(const char *path, const char *codec, int w, int h, double rate);
    int (*write)(void *writer, int w, int h, unsigned char *rgb); /* 0, or -1 */
    void (*finish)(void *writer);
    /* Can the last of so many frames of the file be read? */
    int (*whole)(const char *path, long frames);
} video_calls;
#endif
