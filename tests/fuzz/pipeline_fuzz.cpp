// libFuzzer over everything that reads a pipeline's text: any bytes are a pipeline or a typed error, and a pipeline that was accepted can
// be sized, explained and changed at any length without more than an error. Needs sublet_pipeline.

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "common/pipeline/explain.hpp"
#include "common/pipeline/pipeline_yaml.hpp"

namespace {

/// For our own broken promises: ends the process, which is how the fuzzer learns of them.
void promise(bool kept) {
  if (!kept) std::abort();
}

void use(const sublet::Pipeline& pipeline, std::uint64_t n) {
  const auto lane = sublet::lane_bytes(pipeline, n);
  const auto lease = sublet::lease_bytes(pipeline, n, sublet::Bytes{65536});
  const auto output = sublet::output_length(pipeline, n);
  const auto text = sublet::explain({.pipeline = pipeline, .modules = {}, .residents = {}}, n);
  // What a lease holds is for the ends of what varies, and a size between may be larger: then the chunk is refused.
  promise(!lease || !lane || sublet::has_header(pipeline) || *lease > *lane);
  constexpr std::uint64_t kHeader = 1024;
  promise(!output || !lane || lane->count + kHeader >= *output);
  promise(!text || (lane && lease && output));
  promise(!text || text->ends_with('\n'));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto pipeline = sublet::parse_pipeline(text, "fuzz.yaml");
  if (!pipeline) {
    promise(pipeline.error().code == sublet::ErrorCode::bad_pipeline);
    promise(pipeline.error().detail.starts_with("fuzz.yaml: "));
    promise(pipeline.error().detail.size() < 4096);
    return 0;
  }
  promise(sublet::validate(*pipeline).has_value());
  std::uint64_t drawn = 0;
  std::memcpy(&drawn, data, size < sizeof(drawn) ? size : sizeof(drawn));
  for (const std::uint64_t n : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1'000'000}, drawn, UINT64_MAX}) use(*pipeline, n);
  for (const auto& parameter : pipeline->parameters) {
    const auto changed = sublet::with_parameter(*pipeline, parameter.name, parameter.value + 1);
    promise(!changed || changed->parameters.size() == pipeline->parameters.size());
  }
  return 0;
}
