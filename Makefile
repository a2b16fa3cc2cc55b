# metaperturb: `make` builds build/metaperturb, what it loads, and build/libmetaperturb.so; `make help` lists the rest.
VERSION  = 0.9
DATE     = 2026-12-01
CC      ?= gcc
DARKNET ?= /usr/lib/darknet
BUILD   ?= build
EXTRA   ?=
# As in packages, so that tests see what it stops: a call that may write beyond its array.
FORTIFY  = $(if $(findstring _FORTIFY_SOURCE,$(CPPFLAGS) $(CFLAGS)),,-D_FORTIFY_SOURCE=2)
OPTIMIZE ?= -O3 $(FORTIFY)
WARN     = -Wall -Wextra -Wpedantic -Wno-unused-parameter -Wno-format-truncation
# -ffp-contract=fast: fused multiply-add where the CPU has it; -O3 and never -Ofast, so that NaN checks work.
# Before these come CPPFLAGS and CFLAGS of whoever builds, and LDFLAGS where something is linked.
FLAGS    = $(EXTRA) -std=c11 -D_GNU_SOURCE $(OPTIMIZE) -g -fPIC -fopenmp -ffp-contract=fast -fno-math-errno -fno-trapping-math \
           -fvisibility=hidden $(WARN) -Isrc -isystem $(DARKNET)/include -MMD -MP
COMPILE  = $(CC) $(CPPFLAGS) $(CFLAGS) $(FLAGS)
# MPI for meta-training on several machines, in a library of its own; libzip for PyTorch files: the program alone, not the library that others preload.
MPI_CFLAGS := $(shell pkg-config --cflags ompi-c)
MPI_LIBS   := $(shell pkg-config --libs ompi-c)
# OpenCV for `detector demo`, in a library of its own too, where it and a C++ compiler are found; without the sanitizers of EXTRA.
# WITH_VIDEO=yes or no: it must be built, it must not.
WITH_VIDEO ?= $(if $(and $(shell pkg-config --exists opencv4 && echo yes),$(shell command -v $(CXX))),yes,no)
$(if $(filter-out yes no,$(WITH_VIDEO)),$(error WITH_VIDEO=$(WITH_VIDEO): must be yes or no))
VIDEO      := $(if $(filter yes,$(WITH_VIDEO)),$(BUILD)/metaperturb-video.so)
VIDEO_CXXFLAGS = $(CPPFLAGS) $(CXXFLAGS) -std=c++17 -O2 -g -fPIC -fvisibility=hidden -Wall -Wextra -Isrc $(patsubst -I%,-isystem %,$(shell pkg-config --cflags opencv4)) -MMD -MP
VIDEO_LIBS     = $(shell pkg-config --libs-only-L opencv4) -lopencv_videoio -lopencv_imgproc -lopencv_core
LDLIBS   = -L$(DARKNET) -Wl,-rpath,$(DARKNET) -ldarknet -ldnnl -ljpeg -lpng -lcjson -lz -lpthread -lm
ROOMS    = base ops engine host data train study tools cli

SRC     := $(filter-out src/train/ranks_mpi.c,$(foreach r,$(ROOMS),$(wildcard src/$(r)/*.c src/$(r)/*/*.c)))
CUDASRC := $(wildcard src/engine/cuda/*.c)
ifneq ($(GPU),1)
SRC     := $(filter-out $(CUDASRC),$(SRC))
endif
OBJ     := $(SRC:src/%.c=$(BUILD)/%.o)

# GPU=1: the second table, on CUDA, cuDNN and cuBLAS. SIM=1 beside it: the same code on the tests' stand-in for these (tests/cuda_sim).
CUDA    ?= /usr/local/cuda
NVCC    ?= $(or $(wildcard $(CUDA)/bin/nvcc),nvcc)
ARCHS   ?= 75 80 86 89 90
NVFLAGS  = -std=c++17 -O3 -lineinfo -Isrc -Xcompiler -Wall,-Wextra,-fPIC,-fvisibility=hidden $(foreach a,$(ARCHS),-gencode arch=compute_$(a),code=sm_$(a)) \
           -gencode arch=compute_$(lastword $(ARCHS)),code=compute_$(lastword $(ARCHS))
ifeq ($(GPU),1)
FLAGS   += -DMP_GPU -isystem $(CUDA)/include
ifeq ($(SIM),1)
OBJ     += $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/cuda_sim/*.c))
else
OBJ     += $(patsubst src/%.cu,$(BUILD)/%.o,$(wildcard src/*/*.cu src/*/*/*.cu))
LDLIBS  += -L$(CUDA)/lib64 -Wl,-rpath,$(CUDA)/lib64 -lcudart -lcudnn -lcublas -lstdc++
endif
endif
LIBOBJ  := $(filter-out $(BUILD)/cli/main.o $(BUILD)/cli/host_main.o,$(OBJ)) $(BUILD)/onnx/onnx.pb-c.o
# The program that is called: commands that need no network, without Darknet's library and all it brings. It starts metaperturb-host.
THINOBJ := $(patsubst %,$(BUILD)/%.o,cli/main cli/commands cli/complete cli/convert cli/environment cli/file_kinds cli/help cli/manual cli/options cli/output base/commit base/error base/files base/keys base/library base/nearest base/path \
             host/weights_file host/weights_info) $(filter $(BUILD)/host/cfg%,$(OBJ))
PLUGOBJ := $(filter-out $(BUILD)/data/video.o $(BUILD)/cli/% $(BUILD)/train/% $(BUILD)/study/% $(BUILD)/tools/%,$(OBJ))
REF     := $(patsubst tests/lib/%.c,$(BUILD)/tests/%.o,$(wildcard tests/lib/ref_*.c))
# A test lies in the folder of the room it tests; its program in build/tests, under its name alone.
TESTDIRS = $(ROOMS:%=tests/%)
TESTSRC := $(foreach d,$(TESTDIRS),$(wildcard $d/test_*.c))
TESTS   := $(patsubst %.c,$(BUILD)/tests/%,$(notdir $(TESTSRC)))
vpath %.c $(TESTDIRS) tests/lib

all: $(BUILD)/metaperturb $(BUILD)/metaperturb-host $(BUILD)/metaperturb-mpi.so $(BUILD)/libmetaperturb.so $(VIDEO)

$(BUILD)/metaperturb: $(THINOBJ)
	$(CC) $(CFLAGS) $(EXTRA) $(LDFLAGS) -o $@ $^ -lz -lm

$(BUILD)/metaperturb-host: $(LIBOBJ) $(BUILD)/cli/host_main.o
	$(COMPILE) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/metaperturb-mpi.so: $(BUILD)/train/ranks_mpi.o
	$(CC) $(CFLAGS) $(EXTRA) $(LDFLAGS) -shared -o $@ $^ $(MPI_LIBS)

$(BUILD)/metaperturb-video.so: $(BUILD)/data/video_opencv.o
	$(CXX) $(CXXFLAGS) $(LDFLAGS) -shared -Wl,--no-undefined -o $@ $^ $(VIDEO_LIBS)

$(BUILD)/data/video_opencv.o: src/data/video_opencv.cpp Makefile
	@mkdir -p $(@D)
	$(CXX) $(VIDEO_CXXFLAGS) -c -o $@ $<

$(BUILD)/libmetaperturb.so: $(PLUGOBJ)
	$(COMPILE) $(LDFLAGS) -shared -Wl,--no-undefined -o $@ $^ $(LDLIBS)

$(BUILD)/train/ranks_mpi.o: FLAGS += $(MPI_CFLAGS)
$(BUILD)/metaperturb-host $(BUILD)/tests/%: LDLIBS += -lzip -lprotobuf-c

# The state of the sources, for --version and the lines of `compare`.
$(BUILD)/commit_name.h: FORCE
	@mkdir -p $(@D)
	@printf '#define VERSION_NAME "%s"\n#define DATE_NAME "%s"\n#define COMMIT_NAME "%s"\n' "$(VERSION)" "$(DATE)" "$${COMMIT_NAME:-$$(git describe --always --dirty --abbrev=10 --exclude '*' 2>/dev/null || echo unknown)}" >$@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
$(BUILD)/base/commit.o: $(BUILD)/commit_name.h
$(BUILD)/base/commit.o: FLAGS += -I$(BUILD)

include install.mk

# ONNX's own description of its files, as C: for the program alone.
PROTO := $(firstword $(wildcard /usr/include/onnx/onnx.proto /usr/local/include/onnx/onnx.proto))
$(BUILD)/onnx/onnx.pb-c.h: $(PROTO)
	@mkdir -p $(@D)
	protoc-c --proto_path=$(dir $(PROTO)) --c_out=$(@D) $(PROTO)
$(BUILD)/onnx/onnx.pb-c.o: $(BUILD)/onnx/onnx.pb-c.h
	$(CC) -O2 -g -fPIC $(CPPFLAGS) $(CFLAGS) -c -o $@ $(@D)/onnx.pb-c.c
$(BUILD)/tools/onnx_graph.o: $(BUILD)/onnx/onnx.pb-c.h
$(BUILD)/tools/onnx_graph.o: FLAGS += -isystem $(BUILD)

$(BUILD)/%.o: src/%.c Makefile
	@mkdir -p $(@D)
	$(COMPILE) -c -o $@ $<

# With and without a GPU in one folder: what differs is built again.
$(BUILD)/table: FORCE
	@mkdir -p $(@D)
	@echo "$(GPU) $(SIM)" | cmp -s - $@ || echo "$(GPU) $(SIM)" >$@
$(BUILD)/engine/device.o: $(BUILD)/table

$(BUILD)/%.o: src/%.cu $(wildcard src/ops/*.h src/engine/*.h src/engine/*/*.h) Makefile
	@mkdir -p $(@D)
	$(NVCC) $(NVFLAGS) --threads 0 -c -o $@ $<
# Divisions and roots within two units in the last place: eight a number in the noise, and checked at 1e-5 (tests/gpu_perturb).
$(BUILD)/ops/perturb_cuda.o: NVFLAGS += -prec-div=false -prec-sqrt=false

$(BUILD)/tests/cuda_sim/%.o: tests/cuda_sim/%.c tests/cuda_sim/sim.h tests/lib/march_cpu.h $(wildcard src/ops/*.h src/engine/*.h src/engine/*/*.h) Makefile
	@mkdir -p $(@D)
	$(COMPILE) -Wno-unused-function -Itests/lib -Itests/cuda_sim -c -o $@ $<

# What the tests link: everything but main, the whole of it, so that the catching of the host's functions is there too.
$(BUILD)/all.a: $(LIBOBJ)
	rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/tests/ref_%.o: tests/lib/ref_%.c Makefile
	@mkdir -p $(@D)
	$(COMPILE) -c -o $@ $<

# src/ops once more, without vectors or versions for newer processors, every name with portable_ before it: what tests/ops/test_portable
# holds the fast one against.
PORTABLE := $(patsubst src/%.c,$(BUILD)/portable/%.o,$(wildcard src/ops/*.c))
$(BUILD)/portable/%.o: src/%.c Makefile
	@mkdir -p $(@D)
	$(COMPILE) -DMP_PORTABLE -O1 -fno-tree-vectorize -c -o $@ $<

$(BUILD)/portable.o: $(PORTABLE)
	$(LD) -r -o $@ $^
	nm -g --defined-only $@ | awk '{ print $$3, "portable_" $$3 }' >$@.names
	objcopy --redefine-syms=$@.names $@

$(BUILD)/tests/test_portable: $(BUILD)/portable.o
$(BUILD)/tests/test_portable: MORE = $(BUILD)/portable.o

$(BUILD)/tests/%: %.c $(REF) $(BUILD)/all.a Makefile
	@mkdir -p $(@D)
	$(COMPILE) $(LDFLAGS) -Itests/lib -o $@ $< $(REF) $(MORE) -Wl,--whole-archive $(BUILD)/all.a -Wl,--no-whole-archive $(LDLIBS)

# src/ops and its kernels alone: runs where no host is installed.
$(BUILD)/tests/gpu_perturb: tests/ops/gpu_perturb.c $(filter $(BUILD)/ops/%,$(OBJ)) Makefile
	@mkdir -p $(@D)
	$(COMPILE) $(LDFLAGS) -Itests/lib -o $@ $< $(filter %.o,$^) -L$(CUDA)/lib64 -Wl,-rpath,$(CUDA)/lib64 -lcudart -lstdc++ -lm

# One libFuzzer program for each reader of files; tests/fuzz/fuzz.sh builds them with clang and the sanitizers, and runs them.
FUZZ := $(patsubst tests/fuzz/fuzz_%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
$(BUILD)/fuzz/%: tests/fuzz/fuzz_%.c tests/fuzz/fuzz.h $(BUILD)/all.a Makefile
	@mkdir -p $(@D)
	$(COMPILE) $(LDFLAGS) -fsanitize=fuzzer -o $@ $< -Wl,--whole-archive $(BUILD)/all.a -Wl,--no-whole-archive $(LDLIBS) -lzip -lprotobuf-c
fuzz_targets: $(FUZZ)

fuzz:
	tests/fuzz/fuzz.sh

test_programs: $(TESTS)
tests: all test_programs
ifeq ($(GPU)$(SIM),1)
tests: $(BUILD)/tests/gpu_perturb
endif

# What tests/engine/gpu.sh runs, where nvcc and cuDNN are: the CUDA back end for devices, and for the tests' stand-in.
# It reads the logs: warnings are failures there.
cuda:
ifneq ($(and $(shell command -v $(NVCC)),$(wildcard $(CUDA)/include/cudnn.h /usr/include/cudnn.h)),)
	@mkdir -p build/gpu build/sim
	-@$(MAKE) -s BUILD=build/gpu GPU=1 all tests 2>build/gpu/make.log
	-@$(MAKE) -s BUILD=build/sim GPU=1 SIM=1 all tests 2>build/sim/make.log
endif

test: tests cuda
	@scripts/run_tests.sh

# Style, lengths, and what clang-tidy finds: clang-format-19 and clang-tidy-19. `format` sets the style.
lint:
	@tests/lib/lint.sh
# Planted bugs, each of which must turn the test red that its patch names.
mutants: tests
	@tests/mutants/mutants.sh
format:
	clang-format-19 -i $$(find src tests -name '*.[ch]' -o -name '*.cpp' -o -name '*.cu' -o -name '*.inc')

# Each room may include only itself and the rooms above it.
layers:
	@scripts/check_layers.sh

asan tsan:
	tests/sanitize/sanitize.sh $@ all

clean:
	rm -rf $(BUILD)

help:
	@echo "make            build/metaperturb, what it loads, and build/libmetaperturb.so"
	@echo "make tests      the test programs"
	@echo "make test       the same, and runs all tests; scripts/test.sh installs what is missing before"
	@echo "make lint       style, lengths and what is prone to bugs: clang-format-19, clang-tidy-19"
	@echo "make mutants    planted bugs (tests/mutants/*.patch) must turn the tests red that they name"
	@echo "make format     the style, set: clang-format-19"
	@echo "make layers     check that no room includes one below it"
	@echo "make asan, tsan C and end-to-end tests with AddressSanitizer and UBSan, or ThreadSanitizer"
	@echo "make fuzz       every reader of files against bytes that nobody wrote, FUZZ_SECONDS each"
	@echo "make GPU=1      the same program with CUDA, cuDNN and cuBLAS (CUDA=/usr/local/cuda)"
	@echo "make install    everything to PREFIX (/usr/local), below DESTDIR; make uninstall takes it away: docs/install.md"
	@echo "make clean      remove $(BUILD)"

-include $(OBJ:.o=.d) $(BUILD)/train/ranks_mpi.d $(BUILD)/data/video_opencv.d $(BUILD)/tests/gpu_perturb.d $(PORTABLE:.o=.d) $(REF:.o=.d) $(TESTS:=.d)
.PHONY: all install uninstall manual tests test_programs cuda test lint mutants format layers asan tsan fuzz fuzz_targets clean help FORCE
.SECONDARY:
