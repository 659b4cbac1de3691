#pragma once

// A pipeline of kernels/ on the CPU device, a chunk at a time.

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/pipeline/bundle_file.hpp"
#include "common/random.hpp"
#include "gpu-worker/devices/cpu/device.hpp"
#include "paths.hpp"
#include "tests/support/one_lane.hpp"

namespace sublet::test {

using Settings = std::vector<std::pair<std::string, double>>;

/// The bundle with other values for parameters.
inline Bundle with_settings(Bundle bundle, const Settings& settings) {
  std::vector<PipelineParameter> parameters;
  for (const auto& [name, value] : settings) parameters.push_back({.name = name, .value = value});
  bundle.pipeline = must(with_parameters(std::move(bundle.pipeline), parameters));
  return bundle;
}

/// On a device of its own.
class LoneLane {
 public:
  LoneLane(const std::string& file, std::uint64_t max_chunk_bytes, const Settings& settings = {})
      : device_(make_cpu_device({})),
        lane_(*device_, with_settings(must(load_bundle(std::string(SUBLET_SOURCE_DIR "/kernels/") + file)), settings), max_chunk_bytes) {}

  Output run(ByteView input) { return lane_.run(input); }
  [[nodiscard]] const session::Traffic& traffic() const { return lane_.traffic(); }

 private:
  std::unique_ptr<Device> device_;
  OneLane lane_;
};

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
