#include <cstring>
#include <optional>
#include <vector>

#include "bench/card/figures.hpp"
#include "common/io/clock.hpp"
#include "gpu-worker/devices/cuda/handles.hpp"

namespace sublet::bench {
namespace {

using namespace cuda;

DriverRef driver;

void check(Status status, const char* what) {
  if (status != kSuccess) {
    fmt::print(stderr, "card_bench: {}: {}\n", what, driver->text(status));
    std::exit(1);
  }
}

OwnedMemory on_card(std::size_t bytes) {
  DeviceAddress address = 0;
  check(driver->mem_alloc(&address, bytes), "memory");
  return {driver, address};
}

OwnedHostMemory pinned(std::size_t bytes) {
  void* memory = nullptr;
  check(driver->mem_host_alloc(&memory, bytes, 0), "pinned memory");
  std::memset(memory, 255, bytes);
  return {driver, memory};
}

struct Lane {
  OwnedMemory raw, decoded, smooth, encoded;
  OwnedHostMemory in, out;
  OwnedStream stream;
  OwnedGraph graph;
  OwnedGraphExec exec;
};

FunctionHandle kernel(ModuleHandle module, std::string_view wanted) {
  std::vector<FunctionHandle> functions(3);
  check(driver->module_enumerate_functions(functions.data(), 3, module), "kernels");
  for (FunctionHandle function : functions) {
    const char* name = nullptr;
    driver->function_get_name(&name, function);
    if (name == wanted) {
      return function;
    }
  }
  return nullptr;
}

GraphNodeHandle add_kernel(GraphHandle graph, GraphNodeHandle after, FunctionHandle function, unsigned blocks,
                           std::vector<void*> arguments) {
  KernelNode node;
  node.function = function;
  node.grid_x = blocks;
  node.block_x = 256;
  node.arguments = arguments.data();
  GraphNodeHandle added = nullptr;
  check(driver->graph_add_kernel_node(&added, graph, &after, 1, &node), "a kernel node");
  return added;
}

/// @param group  segments that share a copy each way; their kernels are branches of one graph
Lane make_lane(ModuleHandle module, ContextHandle context, std::size_t segment, std::size_t group) {
  const std::size_t bytes = segment * group;
  Lane lane{.raw = on_card(bytes),
            .decoded = on_card(bytes * 4),
            .smooth = on_card(bytes * 4),
            .encoded = on_card(bytes),
            .in = pinned(bytes),
            .out = pinned(bytes),
            .stream = {},
            .graph = {},
            .exec = {}};
  StreamPointer stream = nullptr;
  check(driver->stream_create_with_priority(&stream, kStreamNonBlocking, 0), "a stream");
  lane.stream = OwnedStream(driver, stream);
  GraphHandle graph = nullptr;
  check(driver->graph_create(&graph, 0), "a graph");
  lane.graph = OwnedGraph(driver, graph);
  Copy3d in;
  in.from_host = lane.in.get();
  in.to_kind = MemoryKind::device;
  in.to_device = lane.raw.get();
  in.bytes = bytes;
  GraphNodeHandle copied = nullptr;
  check(driver->graph_add_copy_node(&copied, graph, nullptr, 0, &in, context), "a copy node");
  int n = static_cast<int>(segment);
  float threshold = 0.1F;
  const auto blocks = static_cast<unsigned>((segment + 255) / 256);
  std::vector<GraphNodeHandle> ends;
  for (std::size_t i = 0; i < group; ++i) {
    DeviceAddress raw = lane.raw.get() + i * segment;
    DeviceAddress decoded = lane.decoded.get() + i * segment * 4;
    DeviceAddress smooth = lane.smooth.get() + i * segment * 4;
    DeviceAddress encoded = lane.encoded.get() + i * segment;
    GraphNodeHandle last = add_kernel(graph, copied, kernel(module, "decode"), blocks, {&raw, &decoded, &n});
    last = add_kernel(graph, last, kernel(module, "denoise"), blocks, {&decoded, &smooth, &n, &threshold});
    ends.push_back(add_kernel(graph, last, kernel(module, "encode"), blocks, {&smooth, &encoded, &n}));
  }
  Copy3d out;
  out.from_kind = MemoryKind::device;
  out.from_device = lane.encoded.get();
  out.to_host = lane.out.get();
  out.bytes = bytes;
  GraphNodeHandle copied_back = nullptr;
  check(driver->graph_add_copy_node(&copied_back, graph, ends.data(), ends.size(), &out, context), "a copy node");
  GraphExecHandle exec = nullptr;
  check(driver->graph_instantiate(&exec, graph, 0), "a graph");
  lane.exec = OwnedGraphExec(driver, exec);
  return lane;
}

}  // namespace

double handwritten_rate(const Burst& burst, std::size_t group) {
  driver = must(Driver::load());
  ContextHandle handle = nullptr;
  check(driver->primary_context_retain(&handle, 0), "a context");
  const PrimaryContext context(driver, 0, handle);
  check(driver->context_set_current(handle), "a context");
  const std::string ptx(as_text(burst.video.modules.front().image));
  ModuleHandle module_handle = nullptr;
  check(driver->module_load_data_ex(&module_handle, ptx.c_str(), 0, nullptr, nullptr), "the module");
  const OwnedModule module(driver, module_handle);
  std::vector<Lane> lanes;
  for (std::size_t i = 0; i < burst.lanes; ++i) {
    lanes.push_back(make_lane(module.get(), handle, burst.segment_bytes, group));
  }
  const Instant begin = io::now();
  std::size_t done = 0;
  for (; io::now() - begin < burst.duration; ++done) {
    const Lane& lane = lanes[done % lanes.size()];
    check(driver->stream_synchronize(lane.stream.get()), "a segment");
    check(driver->graph_launch(lane.exec.get(), lane.stream.get()), "a segment");
  }
  for (const Lane& lane : lanes) {
    check(driver->stream_synchronize(lane.stream.get()), "a segment");
  }
  return static_cast<double>(done * group) / std::chrono::duration<double>(io::now() - begin).count();
}

}  // namespace sublet::bench
