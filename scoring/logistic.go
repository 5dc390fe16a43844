package scoring

// #cgo LDFLAGS: -lm
// #include <math.h>
// static void logistic(float *x, int n) {
//   for (int i = 0; i < n; i++) {
//     float v = 1.0f / (1.0f + expf(-fabsf(x[i])));
//     x[i] = x[i] < 0.0f ? 1.0f - v : v;
//   }
// }
import "C"

import "unsafe"

// logistic replaces each x by 1/(1+e^-x), as ONNX Runtime's trees do. It is written in
// C because its bits must be those of the C library's expf.
func logistic(x []float32) {
	C.logistic((*C.float)(unsafe.Pointer(unsafe.SliceData(x))), C.int(len(x)))
}
