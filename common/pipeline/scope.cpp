#include "common/pipeline/scope.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "common/pipeline/nearest.hpp"
#include "common/pipeline/wording.hpp"

namespace sublet {

Result<std::uint32_t> Scope::memory(std::string_view name) const {
  std::vector<std::string_view> known;
  for (const auto& each : pipeline_->buffers) known.push_back(each.name);
  for (const auto& each : pipeline_->residents) known.push_back(each.name);
  const auto found = std::ranges::find(known, name);
  if (found != known.end()) return static_cast<std::uint32_t>(found - known.begin());
  return fail(ErrorCode::bad_pipeline, fmt::format("there is no buffer {}{}", in_quotes(name), name_remedy(name, known)));
}

Result<std::uint32_t> Scope::written_buffer(std::string_view name) const {
  auto found = memory(name);
  if (!found || *found < pipeline_->buffers.size()) return found;
  return fail(ErrorCode::bad_pipeline, fmt::format("{} never changes; name a buffer that the stages write", in_quotes(name)));
}

}  // namespace sublet
