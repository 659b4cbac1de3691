// Kernels that misbehave, for tests of what happens then. Rebuild: nvcc --ptx -arch=compute_75 faults.cu -o faults.ptx

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
