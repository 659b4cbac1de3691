// Kernels that misbehave as only a card can, each for inputs whose first byte is 1. Rebuild: nvcc --ptx -arch=compute_75 card_faults.cu

// Reads four bytes at an odd address.
extern "C" __global__ void misaligned(unsigned char* data, int n) {
  if (n > 4 && data[0] == 1) data[0] = (unsigned char)*(volatile int*)(data + 1);
}

// What a failed assert comes to.
extern "C" __global__ void trap(unsigned char* data, int n) {
  if (n > 0 && data[0] == 1) __trap();
}

__device__ __noinline__ int deeper(volatile int* from, int depth) {
  volatile int frame[64];
  frame[depth & 63] = *from;
  return depth > 1000000 ? frame[0] : deeper(frame, depth + 1) + frame[depth & 63];
}

// Calls itself until the stack is used up.
extern "C" __global__ void overflow(unsigned char* data, int n) {
  volatile int first = n;
  if (n > 0 && data[0] == 1) data[0] = (unsigned char)deeper(&first, 0);
}
