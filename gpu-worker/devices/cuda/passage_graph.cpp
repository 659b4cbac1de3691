#include "gpu-worker/devices/cuda/passage_graph.hpp"

#include <algorithm>

#include "gpu-worker/devices/cuda/launch_arguments.hpp"

namespace sublet::cuda {
namespace {

Copy3d copy_in(const Passage& passage) {
  Copy3d copy;
  copy.from_host = passage.from.data();
  copy.to_kind = MemoryKind::device;
  copy.to_device = passage.input.value;
  copy.bytes = passage.from.size();
  return copy;
}

Copy3d copy_out(const Passage& passage) {
  Copy3d copy;
  copy.from_kind = MemoryKind::device;
  copy.from_device = passage.output.value;
  copy.to_host = passage.into.data();
  copy.bytes = passage.into.size();
  return copy;
}

KernelNode node_of(const Launch& launch, const Kernel& kernel, LaunchArguments& arguments) {
  KernelNode node;
  node.function = kernel.function;
  node.grid_x = launch.grid[0];
  node.grid_y = launch.grid[1];
  node.grid_z = launch.grid[2];
  node.block_x = launch.block[0];
  node.block_y = launch.block[1];
  node.block_z = launch.block[2];
  node.shared_bytes = launch.shared_bytes;
  node.arguments = arguments.of(launch);
  return node;
}

}  // namespace

PassageShape::PassageShape(const Passage& passage)
    : input_(passage.input), output_(passage.output), input_bytes_(passage.from.size()), output_bytes_(passage.into.size()) {
  for (const Launch& launch : passage.launches) {
    steps_.push_back({.module = launch.module,
                      .kernel = std::string(launch.kernel),
                      .grid = launch.grid,
                      .block = launch.block,
                      .shared_bytes = launch.shared_bytes,
                      .args = {launch.args.begin(), launch.args.end()},
                      .buffers = {launch.buffers.begin(), launch.buffers.end()}});
  }
}

bool PassageShape::is_of(const Passage& passage) const {
  return input_ == passage.input && output_ == passage.output && input_bytes_ == passage.from.size() &&
         output_bytes_ == passage.into.size() && std::ranges::equal(steps_, passage.launches, [](const Step& step, const Launch& launch) {
           return step.module == launch.module && step.grid == launch.grid && step.block == launch.block &&
                  step.shared_bytes == launch.shared_bytes && step.kernel == launch.kernel && std::ranges::equal(step.args, launch.args) &&
                  std::ranges::equal(step.buffers, launch.buffers);
         });
}

std::expected<PassageGraph, Status> PassageGraph::make(const DriverRef& driver, ContextHandle context, const Passage& passage,
                                                       std::span<Kernel* const> kernels) {
  PassageGraph made;
  made.shape_ = PassageShape(passage);
  made.kernels_.assign(kernels.begin(), kernels.end());
  made.context_ = context;
  GraphHandle graph = nullptr;
  Status status = driver->graph_create(&graph, 0);
  if (status != kSuccess) {
    return std::unexpected(status);
  }
  made.graph_ = OwnedGraph(driver, graph);
  const Copy3d in = copy_in(passage);
  const Copy3d out = copy_out(passage);
  status = driver->graph_add_copy_node(&made.copy_in_, graph, nullptr, 0, &in, context);
  GraphNodeHandle last = made.copy_in_;
  LaunchArguments arguments;
  for (std::size_t i = 0; i < kernels.size() && status == kSuccess; ++i) {
    const KernelNode node = node_of(passage.launches[i], *kernels[i], arguments);
    GraphNodeHandle added = nullptr;
    status = driver->graph_add_kernel_node(&added, graph, &last, 1, &node);
    last = added;
  }
  status = status == kSuccess ? driver->graph_add_copy_node(&made.copy_out_, graph, &last, 1, &out, context) : status;
  GraphExecHandle exec = nullptr;
  status = status == kSuccess ? driver->graph_instantiate(&exec, graph, 0) : status;
  if (status != kSuccess) {
    return std::unexpected(status);
  }
  made.exec_ = OwnedGraphExec(driver, exec);
  made.from_ = passage.from.data();
  made.into_ = passage.into.data();
  return made;
}

Status PassageGraph::launch(const Driver& driver, const Passage& passage, StreamPointer stream) {
  Status status = kSuccess;
  if (passage.from.data() != from_) {
    const Copy3d in = copy_in(passage);
    status = driver.graph_exec_set_copy(exec_.get(), copy_in_, &in, context_);
    from_ = passage.from.data();
  }
  if (status == kSuccess && passage.into.data() != into_) {
    const Copy3d out = copy_out(passage);
    status = driver.graph_exec_set_copy(exec_.get(), copy_out_, &out, context_);
    into_ = passage.into.data();
  }
  return status == kSuccess ? driver.graph_launch(exec_.get(), stream) : status;
}

void PassageGraph::abandon() {
  graph_.abandon();
  exec_.abandon();
}

}  // namespace sublet::cuda
