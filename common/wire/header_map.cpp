#include "common/wire/header_map.hpp"

#include <string>
#include <utility>

#include <fmt/format.h>

#include "common/pipeline/pipeline.hpp"

namespace sublet::wire {

namespace {

constexpr Limits kLimits{.max_depth = 1, .max_objects = 1 + 2 * PipelineLimits::kVariables, .max_list = PipelineLimits::kVariables};

std::unexpected<Error> refuse_header(std::string problem) { return fail(ErrorCode::bad_parameter, std::move(problem)); }

}  // namespace

Result<std::size_t> read_header_map(ByteView bytes, std::vector<Item>& items) {
  const auto end = read_first_item(bytes, kLimits, items);
  if (!end)
    return refuse_header(
        fmt::format("the chunk does not begin with a header, a MessagePack map of names and numbers: {}", end.error().detail));
  bool right = items[0].kind == ItemKind::map;
  for (std::size_t i = 1; i < items.size(); i += 2) right = right && items[i].kind == ItemKind::text;
  if (right) return end;
  return refuse_header("the chunk begins with something else than a map of names and numbers; put a header before its data");
}

}  // namespace sublet::wire
