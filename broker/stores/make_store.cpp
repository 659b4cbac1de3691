#include "broker/stores/make_store.hpp"

#include <fmt/format.h>

#include "broker/stores/memory_store.hpp"

namespace sublet::broker {

Result<std::unique_ptr<Store>> make_store(std::string_view url, Random& random) {
  if (url == "memory:") return std::make_unique<MemoryStore>(random);
  return fail(ErrorCode::bad_argument, fmt::format("store \"{}\" is not supported; use memory:", url));
}

}  // namespace sublet::broker
