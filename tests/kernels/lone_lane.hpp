#pragma once

// A pipeline of kernels/ on the CPU device, a chunk at a time.

#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "common/pipeline/bundle_file.hpp"
#include "common/random.hpp"
#include "gpu-worker/core/plan.hpp"
#include "gpu-worker/device.hpp"
#include "gpu-worker/devices/cpu/device.hpp"
#include "paths.hpp"

namespace sublet::test {

using Output = std::vector<std::byte>;

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(to_text(result.error()));
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

/// One lane of one session: buffers and modules once, then a chunk at a time.
class LoneLane {
 public:
  using Settings = std::vector<std::pair<std::string, double>>;

  /// @param settings  other values for parameters
  LoneLane(const std::string& file, std::uint64_t max_chunk_bytes, const Settings& settings = {})
      : bundle_(load(file, settings)),
        plan_(must(make_plan(bundle_, max_chunk_bytes))),
        device_(make_cpu_device({})),
        session_(
            must(device_->open_session({.slice = must(lease_bytes(bundle_, max_chunk_bytes)), .kernel_time_limit = plan_.time_limit()}))) {
    for (const ModuleImage& module : bundle_.modules) modules_.push_back(must(session_->module_load(module.image)));
    for (const PlannedBuffer& buffer : plan_.buffers()) handles_.push_back(must(session_->mem_alloc(buffer.capacity)));
  }

  Output run(ByteView input) {
    const ChunkPlan& chunk = *must(plan_.chunk(input.size()));
    if (!input.empty()) must(session_->mem_write(StreamId{0}, handles_[plan_.input_buffer()], 0, input));
    std::vector<std::byte> scratch;
    for (const PlannedLaunch& launch : chunk.launches) {
      must(session_->launch(StreamId{0}, {.module = modules_[launch.module],
                                          .kernel = launch.kernel,
                                          .grid = launch.grid,
                                          .block = launch.block,
                                          .shared_bytes = launch.shared_bytes,
                                          .args = bind_handles(launch, handles_, scratch),
                                          .arg_sizes = launch.arg_sizes}));
    }
    Output output(chunk.output_bytes);
    if (!output.empty()) must(session_->mem_read(StreamId{0}, handles_[plan_.output_buffer()], 0, output));
    must(session_->sync(StreamId{0}));
    return output;
  }

 private:
  static Bundle load(const std::string& file, const Settings& settings) {
    auto bundle = must(load_bundle(std::string(SUBLET_SOURCE_DIR "/kernels/") + file));
    std::vector<PipelineParameter> parameters;
    for (const auto& [name, value] : settings) parameters.push_back({.name = name, .value = value});
    bundle.pipeline = must(with_parameters(std::move(bundle.pipeline), parameters));
    return bundle;
  }

  Bundle bundle_;
  Plan plan_;
  std::unique_ptr<Device> device_;
  std::unique_ptr<Session> session_;
  std::vector<ModuleId> modules_;
  std::vector<MemHandle> handles_;
};

/// Why the lane refuses that chunk.
inline std::string refusal_by(LoneLane& lane, ByteView input) {
  try {
    static_cast<void>(lane.run(input));
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "(was not refused)";
}

inline Output random_bytes(std::size_t count) {
  SeededRandom random(count);
  Output bytes(count);
  for (std::byte& each : bytes) each = static_cast<std::byte>(random.next());
  return bytes;
}

inline Output bytes_of(const std::vector<float>& values) {
  const auto view = std::as_bytes(std::span(values));
  return {view.begin(), view.end()};
}

template <class T>
std::vector<T> values_of(const Output& bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  return values;
}

}  // namespace sublet::test
