#include <vector>

#include "bench/card/figures.hpp"
#include "common/io/clock.hpp"
#include "gpu-worker/devices/cuda/stream_manager.hpp"

namespace sublet::bench {
namespace {

using namespace cuda;

constexpr std::size_t kBytes = 8U << 20U;
constexpr int kPieces = 64;

/// Multiplies and adds `steps` times in place.
constexpr const char* kWork = R"(.version 7.0
.target sm_75
.address_size 64
.visible .entry work(.param .u64 data, .param .u32 steps) {
  .reg .pred %p<2>; .reg .b32 %r<8>; .reg .b64 %rd<4>;
  ld.param.u64 %rd1, [data];
  ld.param.u32 %r1, [steps];
  mov.u32 %r2, %ctaid.x;
  mov.u32 %r3, %ntid.x;
  mov.u32 %r4, %tid.x;
  mad.lo.u32 %r5, %r2, %r3, %r4;
  mul.wide.u32 %rd2, %r5, 4;
  add.s64 %rd3, %rd1, %rd2;
  ld.global.u32 %r6, [%rd3];
AGAIN:
  mad.lo.u32 %r6, %r6, 1664525, 1013904223;
  sub.u32 %r1, %r1, 1;
  setp.ne.u32 %p1, %r1, 0;
  @%p1 bra AGAIN;
  st.global.u32 [%rd3], %r6;
  ret;
}
)";

void check(const Driver& driver, Status status) {
  if (status != kSuccess) {
    fmt::print(stderr, "card_bench: {}\n", driver.text(status));
    std::exit(1);
  }
}

/// What each stream works on.
struct Lane {
  StreamPointer stream;
  OwnedMemory card;
  OwnedHostMemory host;
};

class Work {
 public:
  Work(DriverRef driver, FunctionHandle function) : driver_(std::move(driver)), function_(function) {}

  void copy_in(const Lane& lane) const {
    check(*driver_, driver_->copy_to_device_async(lane.card.get(), lane.host.get(), kBytes, lane.stream));
  }
  void copy_out(const Lane& lane) const {
    check(*driver_, driver_->copy_to_host_async(lane.host.get(), lane.card.get(), kBytes, lane.stream));
  }
  void compute(const Lane& lane) const {
    DeviceAddress data = lane.card.get();
    std::uint32_t steps = steps_;
    void* arguments[] = {&data, &steps};
    check(*driver_, driver_->launch_kernel(function_, kBytes / 4 / 256, 1, 1, 256, 1, 1, 0, lane.stream, arguments, nullptr));
  }
  template <class Queue>
  [[nodiscard]] double seconds(const Lane& lane, Queue queue) const {
    const Instant begin = io::now();
    queue();
    check(*driver_, driver_->stream_synchronize(lane.stream));
    return std::chrono::duration<double>(io::now() - begin).count();
  }
  /// Makes the kernel as long as one of the copies.
  void balance(const Lane& lane) {
    static_cast<void>(seconds(lane, [&] { compute(lane); }));
    const double copy = seconds(lane, [&] { copy_in(lane); });
    steps_ = 1'000;
    const double kernel = seconds(lane, [&] { compute(lane); });
    steps_ = std::max<std::uint32_t>(1, static_cast<std::uint32_t>(1'000 * copy / kernel));
  }

 private:
  DriverRef driver_;
  FunctionHandle function_;
  std::uint32_t steps_ = 1'000;
};

}  // namespace

void print_overlap() {
  StreamManager manager;
  const DriverRef driver = must(Driver::load());
  ModuleHandle handle = nullptr;
  check(*driver, driver->module_load_data_ex(&handle, kWork, 0, nullptr, nullptr));
  const OwnedModule module(driver, handle);
  FunctionHandle function = nullptr;
  check(*driver, driver->module_enumerate_functions(&function, 1, handle));
  Work work(driver, function);
  std::vector<Lane> lanes;
  for (int i = 0; i < 4; ++i) {
    DeviceAddress address = 0;
    void* memory = nullptr;
    check(*driver, driver->mem_alloc(&address, kBytes));
    check(*driver, driver->mem_host_alloc(&memory, kBytes, 0));
    lanes.push_back({manager.native(manager.create_stream()), {driver, address}, {driver, memory}});
  }
  work.balance(lanes[0]);
  const auto run = [&](std::size_t streams) {
    const Instant begin = io::now();
    for (int piece = 0; piece < kPieces; ++piece) {
      const Lane& lane = lanes[static_cast<std::size_t>(piece) % streams];
      work.copy_in(lane);
      work.compute(lane);
      work.copy_out(lane);
    }
    manager.sync_all_streams();
    return std::chrono::duration<double, std::milli>(io::now() - begin).count();
  };
  static_cast<void>(run(4));
  const double one = run(1);
  for (const std::size_t streams : {1U, 2U, 4U}) {
    const double took = run(streams);
    fmt::print("Q11  {} of {} MiB in, a kernel as long, out, on {} streams: {:7.1f} ms, {:.2f} x\n", kPieces, kBytes >> 20U, streams, took,
               one / took);
  }
}

}  // namespace sublet::bench
