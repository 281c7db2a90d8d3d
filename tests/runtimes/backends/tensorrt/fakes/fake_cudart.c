/* A libcudart on the host's memory: everything at once, and an account of what was not given back. */
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
static int given = 0, copies = 0;
static int mode(const char *word) { const char *found = getenv("FAKE_CUDART"); return found && strstr(found, word); }
int fake_given(void) { return given; }
int fake_copies(void) { return copies; }
const char *cudaGetErrorString(int code) { return code == 2 ? "out of memory" : "no CUDA-capable device is detected"; }
int cudaGetDeviceCount(int *count) { *count = mode("none") ? 0 : 1; return mode("broken") ? 100 : 0; }
int cudaDeviceGetAttribute(int *value, int which, int device) { *value = which == 75 ? 8 : 7; return device; }
int cudaGetDeviceProperties_v2(char *properties, int device) { strcpy(properties, "Fake Orin"); return device; }
int cudaMemGetInfo(size_t *free_bytes, size_t *total) {
  *free_bytes = mode("full") ? 8 << 20 : (size_t)6 << 30; *total = (size_t)8 << 30; return 0;
}
static int get(void **out, size_t size) { *out = calloc(1, size ? size : 1); given++; return 0; }
static int back(void *what) { free(what); given--; return 0; }
int cudaMalloc(void **out, size_t size) { return mode("oom") ? 2 : get(out, size); }
int cudaFree(void *what) { return back(what); }
int cudaHostAlloc(void **out, size_t size, unsigned flags) { return get(out, size) + (int)flags; }
int cudaFreeHost(void *what) { return back(what); }
int cudaStreamCreateWithFlags(void **out, unsigned flags) { return flags == 1 ? get(out, 1) : 1; }
int cudaStreamDestroy(void *stream) { return back(stream); }
int cudaStreamSynchronize(void *stream) { return stream && !mode("lost") ? 0 : 1; }
int cudaStreamWaitEvent(void *stream, void *event, unsigned flags) { return stream && event ? (int)flags : 1; }
int cudaDeviceSynchronize(void) { return 0; }
int cudaEventCreate(void **out) { return get(out, 1); }
int cudaEventDestroy(void *event) { return back(event); }
int cudaEventRecord(void *event, void *stream) { return event && stream ? 0 : 1; }
int cudaEventElapsedTime(float *ms, void *first, void *second) { *ms = 1.5f; return first && second ? 0 : 1; }
int cudaMemcpyAsync(void *target, const void *source, size_t size, int kind, void *stream) {
  if ((kind != 1 && kind != 2) || !stream) return 1;
  memcpy(target, source, size); copies++; return 0;
}
int cudaStreamBeginCapture(void *stream, int how) { return stream && how == 1 ? 0 : 1; }
int cudaStreamEndCapture(void *stream, void **graph) { return stream ? get(graph, 1) : 1; }
int cudaGraphInstantiateWithFlags(void **out, void *graph, unsigned long long flags) {
  return graph && !flags ? get(out, 1) : 1;
}
int cudaGraphLaunch(void *graph, void *stream) { return graph && stream ? 0 : 1; }
int cudaGraphDestroy(void *graph) { return back(graph); }
int cudaGraphExecDestroy(void *graph) { return back(graph); }
