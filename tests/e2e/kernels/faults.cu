// Kernels that misbehave or take their time, for tests of what happens then. Rebuild: nvcc --ptx -arch=compute_75 faults.cu -o faults.ptx

// Ends only when somebody writes to the flag, which nobody does, for inputs whose first byte is 1.
extern "C" __global__ void endless(unsigned char* data, volatile int* flag, int n) {
  if (n > 0 && data[0] == 1) {
    while (*flag == 0) {
    }
  }
}

// Writes far past its buffer, for inputs whose first byte is 1.
extern "C" __global__ void wild(unsigned char* data, int n) {
  if (n > 0 && data[0] == 1) data[1LL << 40] = 1;
}

// Steps a linear congruential generator from each byte: work enough that a burst lasts.
extern "C" __global__ void slow(unsigned char* data, int n, int steps) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) {
    unsigned int state = data[i];
    for (int step = 0; step < steps; ++step) state = state * 1664525u + 1013904223u + (state >> 7);
    data[i] = (unsigned char)(state >> 24);
  }
}
