/* video_opencv.cpp - see video_opencv.h; the only file that knows OpenCV, and the only C++. */
extern "C" {
#include "data/video_opencv.h"
}
#include <cstdlib>
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/imgproc.hpp>
#include <opencv2/videoio.hpp>

namespace {

struct reader {
    cv::VideoCapture from;
    cv::Mat bgr, rgb;
    bool ahead = false; /* a first frame has been read, and waits in bgr */
};

int no_words(int, const char *, const char *, const char *, int, void *) { return 0; }

/* Its errors come to us as exceptions and results; we say what there is to say. FFmpeg's own words
 * are switched off too, unless the user has set this. */
void be_quiet() {
    setenv("OPENCV_FFMPEG_LOGLEVEL", "-8", 0);
    cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
    cv::redirectError(no_words);
}

bool open_any(cv::VideoCapture &v, const char *name, int camera) {
    if (camera >= 0) return v.open(camera, cv::CAP_V4L2) || v.open(camera, cv::CAP_ANY);
    return v.open(name, cv::CAP_FFMPEG) || v.open(name, cv::CAP_GSTREAMER);
}

double known(double v) { return v > 0 && v < 1e9 ? v : 0; }

void *open(const char *name, int camera, video_facts *facts) {
    reader *r = nullptr;
    be_quiet();
    try {
        r = new reader;
        r->ahead = open_any(r->from, name, camera) && r->from.read(r->bgr);
        facts->rate = r->ahead ? known(r->from.get(cv::CAP_PROP_FPS)) : 0;
        facts->frames = r->ahead ? (long)known(r->from.get(cv::CAP_PROP_FRAME_COUNT)) : 0;
    } catch (const std::exception &) {
        if (r) r->ahead = false;
    }
    if (r && r->ahead) return r;
    delete r;
    return nullptr;
}

int read(void *video, int *w, int *h, unsigned char **rgb) {
    reader *r = static_cast<reader *>(video);
    try {
        bool there = r->ahead || r->from.read(r->bgr);
        r->ahead = false;
        if (!there || r->bgr.type() != CV_8UC3) return 0;
        cv::cvtColor(r->bgr, r->rgb, cv::COLOR_BGR2RGB);
    } catch (const std::exception &) {
        return 0;
    }
    *w = r->rgb.cols;
    *h = r->rgb.rows;
    *rgb = r->rgb.data;
    return 1;
}

void close(void *video) { delete static_cast<reader *>(video); }

void *create(const char *path, const char *codec, int w, int h, double rate) {
    cv::VideoWriter *to = nullptr;
    be_quiet();
    try {
        to = new cv::VideoWriter;
        int letters = cv::VideoWriter::fourcc(codec[0], codec[1], codec[2], codec[3]);
        if (to->open(path, cv::CAP_FFMPEG, letters, rate, cv::Size(w, h))) return to;
    } catch (const std::exception &) {}
    delete to;
    return nullptr;
}

int write(void *writer, int w, int h, unsigned char *rgb) {
    try {
        cv::Mat bgr;
        cv::cvtColor(cv::Mat(h, w, CV_8UC3, rgb), bgr, cv::COLOR_RGB2BGR);
        static_cast<cv::VideoWriter *>(writer)->write(bgr);
    } catch (const std::exception &) {
        return -1;
    }
    return 0;
}

void finish(void *writer) { delete static_cast<cv::VideoWriter *>(writer); }

int whole(const char *path, long frames) {
    try {
        cv::VideoCapture v;
        cv::Mat last;
        if (!v.open(path, cv::CAP_FFMPEG)) return 0;
        if ((long)v.get(cv::CAP_PROP_FRAME_COUNT) != frames) return 0;
        return v.set(cv::CAP_PROP_POS_FRAMES, (double)(frames - 1)) && v.read(last);
    } catch (const std::exception &) {
        return 0;
    }
}

} // namespace

extern "C" __attribute__((visibility("default")))
const video_calls video_opencv = {open, read, close, create, write, finish, whole};
