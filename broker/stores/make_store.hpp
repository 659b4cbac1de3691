#pragma once

#include <memory>
#include <string_view>

#include "broker/stores/store.hpp"
#include "common/error.hpp"
#include "common/random.hpp"

namespace sublet::broker {

/// The store that `url` names: `memory:`. Anything else is `bad_argument`.
/// @param random  for the id of a new store
Result<std::unique_ptr<Store>> make_store(std::string_view url, Random& random);

}  // namespace sublet::broker
